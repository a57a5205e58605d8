import { ApolloServer, type ApolloServerOptions, type ApolloServerPlugin, HeaderMap } from '@apollo/server'
import { ApolloServerValidationErrorCode } from '@apollo/server/errors'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled'
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default'
import type {
  GatewayExecutionResult,
  GatewayExecutor,
  GatewayInterface,
} from '@apollo/server-gateway-interface'
import { fastifyApolloHandler } from '@as-integrations/fastify'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql'
import { Fault } from '../protocol/fault.ts'
import { presentError } from './errors.ts'
import { headOf, type ResponseHead } from './http.ts'
import { adhocRules } from './operations/adhoc-rules.ts'
import { tooManyAlike } from './operations/alike-fields.ts'
import type { PersistedTexts } from './operations/apq.ts'
import type { RegistryLimits, ServableOperation } from './operations/registry.ts'
import { type Graph, onGraph, type RequestState, refuse, run, type Stages } from './pipeline.ts'
import type { Outcome } from './request.ts'

export interface ApolloDoorOptions {
  readonly stages: Stages
  readonly limits: RegistryLimits
  readonly introspection: boolean
  /** Where texts are registered under their hash; `undefined`: nowhere. */
  readonly texts: PersistedTexts | undefined
  /** Whether a browser at `/graphql` is given Apollo Sandbox. */
  readonly landingPage: boolean
}

/** Apollo Server behind Fastify: it parses and validates text; what it executes is the pipeline's `run`. */
export interface ApolloDoor {
  readonly hasLandingPage: boolean
  /** Why a text is not even to be validated; `undefined`: it may be. */
  refusalOf(text: string): Fault | undefined
  /** Answers with the body; status and headers are set on the reply. `request.admitted` must be set, but for the page. */
  handle(request: FastifyRequest, reply: FastifyReply): Promise<string>
  /** Parses and validates against this graph from now on; throws when its schema is not one that Apollo Server takes. */
  serve(graph: Graph): void
  stop(): Promise<void>
}

interface ApolloContext {
  readonly state: RequestState | undefined
}

export async function createApolloDoor(options: ApolloDoorOptions): Promise<ApolloDoor> {
  const { stages, limits, introspection, texts, landingPage } = options
  /** What a text is valid for is what it is run on: a swap may come between the two. */
  const graphs = new WeakMap<GraphQLSchema, Graph>()
  const listeners = new Set<SchemaListener>()
  const server = new ApolloServer<ApolloContext>({
    gateway: gatewayOf(stages.graph.current, listeners, executorOf(stages, graphs)),
    // What a request does must not depend on variables of the environment that this process never declared.
    nodeEnv: stages.production ? 'production' : 'development',
    apollo: {},
    introspection,
    hideSchemaDetailsFromClientErrors: !introspection,
    includeStacktraceInErrorResponses: false,
    persistedQueries: texts === undefined ? false : { cache: cacheOf(texts) },
    parseOptions: { maxTokens: limits.tokensMax },
    validationRules: [...adhocRules(limits)],
    validationOptions: { maxErrors: 5 },
    stopOnTerminationSignals: false,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    logger: stages.logger,
    stringifyResult: value => JSON.stringify(value),
    formatError: (formatted, error) => formatError(formatted, error, stages.production),
    plugins: [
      settleRefusals(stages),
      landingPage
        ? ApolloServerPluginLandingPageLocalDefault({ footer: false })
        : ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
    ],
  })

  function serve(graph: Graph): void {
    const { apiSchema, sdl } = graph.supergraph
    const isNew = !graphs.has(apiSchema)
    if (isNew) for (const listener of listeners) listener({ apiSchema, coreSupergraphSdl: sdl })
    graphs.set(apiSchema, graph)
  }

  await server.start()
  graphs.set(stages.graph.current.supergraph.apiSchema, stages.graph.current)
  const handler = fastifyApolloHandler(server, { context: async request => ({ state: request.admitted }) })
  return {
    hasLandingPage: landingPage,
    refusalOf: text => tooManyAlike(text, limits.tokensMax),
    serve,
    handle: async (request, reply) => (await handler.call(request.server, request, reply)) as string,
    stop: () => server.stop(),
  }
}

type KeyValueCache = Exclude<ApolloServerOptions<ApolloContext>['cache'], 'bounded' | undefined>

/** Apollo Server puts this before each hash. */
const APQ_PREFIX = 'apq:'

/**
 * Apollo Server reads a text before it is parsed, and writes it once it is valid. Its general cache is left alone: only
 * plugins and data sources would use it, and there are none here that do.
 */
function cacheOf(texts: PersistedTexts): KeyValueCache {
  const hashOf = (key: string): string => key.slice(APQ_PREFIX.length)
  return {
    get: async key => texts.find(hashOf(key)),
    set: async (key, text) => texts.keep(hashOf(key), text),
    delete: async () => false,
  }
}

type SchemaListener = Parameters<GatewayInterface['onSchemaLoadOrUpdate']>[0]

function gatewayOf(
  { supergraph }: Graph,
  listeners: Set<SchemaListener>,
  executor: GatewayExecutor,
): GatewayInterface {
  return {
    onSchemaLoadOrUpdate(callback) {
      listeners.add(callback)
      callback({ apiSchema: supergraph.apiSchema, coreSupergraphSdl: supergraph.sdl })
      return () => listeners.delete(callback)
    },
    load: async () => ({ executor }),
    stop: async () => {},
  }
}

function executorOf(stages: Stages, graphs: WeakMap<GraphQLSchema, Graph>): GatewayExecutor {
  return async ({ context, schema, source, document, operation: resolved, request }) => {
    const admitted = (context as ApolloContext).state!
    const graph = graphs.get(schema)!
    const state = onGraph(admitted, graph)
    // Apollo Server leaves it to the executor to refuse a name that names nothing, and adds code and status.
    if ((resolved as unknown) === undefined) return { errors: [unresolved(request.operationName)] }
    let operation: ServableOperation
    try {
      const operationName =
        request.operationName === undefined ? {} : { operationName: request.operationName }
      operation = await graph.adhoc.operationOf(
        { text: source, document, operationName: undefined, ...operationName },
        state.bucket,
        state.deadlineMs,
      )
    } catch (error) {
      return resultOf(refuse(stages, error, state))
    }
    return resultOf(await run(stages, state, operation, request.variables))
  }
}

function unresolved(operationName: string | undefined): GraphQLError {
  return new GraphQLError(
    operationName === undefined
      ? 'Must provide operation name if query contains multiple operations.'
      : `Unknown operation named "${operationName}".`,
  )
}

/** An error that a client has been told in full already. */
class PresentedError extends GraphQLError {
  constructor({ message, path, extensions }: GraphQLFormattedError, head: ResponseHead | undefined) {
    const http =
      head === undefined
        ? {}
        : { http: { status: head.status, headers: new HeaderMap(Object.entries(head.headers)) } }
    super(message, { path: path ?? null, extensions: { ...extensions, ...http } })
  }
}

/** The outcome as Apollo Server takes it: the first error carries status and headers. */
function resultOf(outcome: Outcome): GatewayExecutionResult {
  const { errors, ...rest } = outcome
  if (errors === undefined) return rest as GatewayExecutionResult
  const head = headOf(outcome)
  return {
    ...(rest as GatewayExecutionResult),
    errors: errors.map(
      (error, i) => new PresentedError(error, i === 0 && head.status !== 200 ? head : undefined),
    ),
  }
}

function formatError(
  formatted: GraphQLFormattedError,
  error: unknown,
  production: boolean,
): GraphQLFormattedError {
  if (error instanceof PresentedError) return formatted
  const fault =
    error instanceof GraphQLError && error.originalError instanceof Fault ? error.originalError : undefined
  const code = fault?.code ?? codeOf(formatted, error)
  const message = messageOf(formatted)
  return presentError({ ...formatted, message, extensions: { ...fault?.extensions, code } }, production)
}

/** Apollo's message, but for what speaks of settings that this gateway does not have. */
function messageOf({ message, extensions }: GraphQLFormattedError): string {
  return extensions?.validationErrorCode === ApolloServerValidationErrorCode.INTROSPECTION_DISABLED
    ? 'expected no __schema and no __type: introspection is off here'
    : message
}

/** Apollo's code, but for what this gateway tells apart. */
function codeOf({ message, extensions }: GraphQLFormattedError, error: unknown): unknown {
  if (
    extensions?.code === 'GRAPHQL_PARSE_FAILED' &&
    /^Syntax Error: Document contains more tha\w \d+ tokens/.test(message)
  )
    return 'MAX_TOKENS_LIMIT'
  if (
    error instanceof GraphQLError &&
    (error.extensions.http as { status?: number } | undefined)?.status === 405
  ) {
    return 'METHOD_NOT_ALLOWED'
  }
  return extensions?.code
}

/** What Apollo Server refuses by itself (text that does not parse or fit the schema) is counted as what `run` answers. */
function settleRefusals(stages: Stages): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart() {
      return {
        async didEncounterErrors({ contextValue, errors }) {
          const error = errors[0]!
          if (error instanceof PresentedError) return
          const presented = formatError(error.toJSON(), error, stages.production)
          refuse(
            stages,
            new Fault(String(presented.extensions?.code), presented.message),
            contextValue.state ?? {},
          )
        },
      }
    },
    async unexpectedErrorProcessingRequest({ error }) {
      stages.logger.error({ err: error }, 'Apollo Server failed')
    },
  }
}
