import { buildSubgraphSchema } from '@apollo/subgraph'
import { composeServices } from '@theguild/federation-composition'
import { execute, type GraphQLError, type GraphQLSchema, parse, validate } from 'graphql'
import { expect } from 'vitest'
import type { FetchCache } from '../../../gateway/execution/fetch-cache.ts'
import { type CompileOptions, compileOperation } from '../../../gateway/execution/operation.ts'
import { loadSupergraph, type Supergraph } from '../../../gateway/supergraph/supergraph.ts'
import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from '../../../protocol/subgraph-client.ts'

// biome-ignore lint/suspicious/noExplicitAny: resolvers of a test's few lines
export type Resolvers = Record<string, any>

export interface SubgraphSource {
  readonly sdl: string
  readonly resolvers?: Resolvers
  /** 1: the SDL links no spec, which makes it Federation 1. */
  readonly federation?: 1
}

const FEDERATION = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
  "@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible", "@override", "@interfaceObject", "@tag",
  "@authenticated", "@requiresScopes", "@policy"
])\n`

const typeDefsOf = ({ sdl, federation }: SubgraphSource) => parse(federation === 1 ? sdl : FEDERATION + sdl)

export function compose(sources: Readonly<Record<string, SubgraphSource>>): string {
  const composed = composeServices(
    Object.entries(sources).map(([name, source]) => ({
      name,
      url: `http://${name}`,
      typeDefs: typeDefsOf(source),
    })),
  )
  if (composed.errors) throw new Error(composed.errors.map(error => error.message).join('\n'))
  return composed.supergraphSdl as string
}

export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const item of Object.values(value)) deepFreeze(item)
  }
  return value
}

export interface Sent {
  readonly subgraph: string
  readonly operation: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** A subgraph run by graphql-js in this process. It validates what it is sent, and every answer is deep-frozen. */
function clientOf(name: string, source: SubgraphSource, sent: Sent[]): SubgraphClient {
  const schema: GraphQLSchema = buildSubgraphSchema([
    { typeDefs: typeDefsOf(source), resolvers: source.resolvers ?? {} },
  ])
  return {
    name,
    async execute({ operation, variables }: SubgraphRequest): Promise<SubgraphAnswer> {
      sent.push({ subgraph: name, operation, variables })
      const document = parse(operation)
      const problems = validate(schema, document)
      const result =
        problems.length > 0
          ? { errors: problems }
          : await execute({ schema, document, variableValues: structuredClone(variables) })
      return deepFreeze(JSON.parse(JSON.stringify(result)) as SubgraphAnswer)
    },
    ready: async () => {},
    close: async () => {},
  }
}

export interface Answer {
  readonly data: unknown
  readonly errors: readonly {
    message: string
    path: readonly (string | number)[] | undefined
    code: unknown
    service: unknown
  }[]
}

export interface World {
  readonly supergraph: Supergraph
  /** What subgraphs were asked, in order; emptied by every query. */
  readonly sent: Sent[]
  readonly clients: Map<string, SubgraphClient>
  /** Runs a valid operation through the gateway's execution, for an anonymous caller unless told otherwise. */
  query(
    text: string,
    variables?: Record<string, unknown>,
    options?: CompileOptions & {
      entitiesMax?: number
      fetchesMax?: number
      errorsMax?: number
      caller?: Caller
      cache?: FetchCache
    },
  ): Promise<Answer>
}

/** @param edited the composed supergraph, with what composition does not make of these sources. */
export function world(
  sources: Readonly<Record<string, SubgraphSource>>,
  edited: (supergraphSdl: string) => string = sdl => sdl,
): World {
  const supergraph = loadSupergraph(edited(compose(sources)))
  const sent: Sent[] = []
  const clients = new Map(
    Object.entries(sources).map(([name, source]) => [name, clientOf(name, source, sent)]),
  )
  return {
    supergraph,
    sent,
    clients,
    async query(text, variables = {}, options = {}) {
      const document = parse(text)
      const problems = validate(supergraph.apiSchema, document)
      if (problems.length > 0) throw new Error(`The test's operation is not valid: ${problems[0]?.message}`)
      const operation = compileOperation(supergraph, document, options)
      const execution = {
        caller: ANONYMOUS,
        ...options,
        variables: operation.coerceVariables(variables),
        deadlineMs: deadlineIn(10_000),
        priority: 'BROWSE',
        clients,
      } as const
      // Every query of every test also shows that both forms of the response are one.
      const written = operation.kind === 'query' ? await operation.executeToJson(execution) : undefined
      sent.length = 0
      const { data, errors } = await operation.execute(execution)
      if (written !== undefined) {
        expect(written.json.text).toBe(JSON.stringify(data))
        expect(written.errors.map(told)).toEqual(errors.map(told))
      }
      return {
        data: plain(data),
        errors: errors.map(({ message, path, extensions }) => ({
          message,
          path,
          code: extensions.code,
          service: extensions.service,
        })),
      }
    },
  }
}

/** Of a defect's message, which is a stack, the first line. */
const told = ({ message, path, extensions }: GraphQLError): unknown => [
  message.split('\n', 1)[0],
  path,
  extensions,
]

/** Without the null prototypes of graphql-js, so that answers compare by what they hold. */
export const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
