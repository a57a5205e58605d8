import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Fault } from '../protocol/fault.ts'
import { type AnswerType, answerType } from './accept.ts'
import type { ApolloDoor } from './apollo-door.ts'
import type { Compress } from './compression.ts'
import { checkCsrf, type GraphqlParams, headOf, paramsOfBody, paramsOfQuery } from './http.ts'
import { cachingOf, isMatched, varyWithAccept } from './http-caching.ts'
import { admit, type Incoming, type RequestState, refuse, type Stages } from './pipeline.ts'
import { asPage, dataOnly, headersOf, isWrittenOfBytes, sendOutcome } from './reply.ts'
import { clientNameOf, clientVersionOf, type Outcome, traceparentOf } from './request.ts'
import { runCompiled } from './run-compiled.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** An admitted request on its way through Apollo's door. */
    admitted: RequestState | undefined
  }
}

const PATH = '/graphql'

/**
 * `/graphql`. A request that names a persisted operation takes the express lane: nothing is parsed, validated or
 * planned. Everything else goes through Apollo Server. The rules of HTTP are applied before the two part.
 */
export function graphqlRoute(
  app: FastifyInstance,
  stages: Stages,
  apollo: ApolloDoor,
  compress?: Compress,
): void {
  app.decorateRequest('admitted', undefined)

  app.route({
    method: ['GET', 'POST'],
    url: PATH,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      if (apollo.hasLandingPage && wantsPage(request)) return await landingPage(request, reply)
      const type = answerType(request.headers.accept)
      if (type === undefined) {
        const fault = new Fault(
          'NOT_ACCEPTABLE',
          'expected accept to allow application/json or application/graphql-response+json',
        )
        return sendOutcome(reply, refuse(stages, fault, { id: request.id }), 'application/json')
      }
      const params = paramsOf(request)
      if (params instanceof Fault) return sendOutcome(reply, refuse(stages, params, { id: request.id }), type)
      const incoming: Incoming = {
        id: request.id,
        door: 'http',
        headers: request.headers,
        authorization: request.headers.authorization,
        remoteAddress: request.socket.remoteAddress,
        clientName: clientNameOf(request.headers),
        clientVersion: clientVersionOf(request.headers),
        traceparent: traceparentOf(request.headers),
        hash: params.hash,
        text: params.text,
        operationName: params.operationName,
        hasForeignExtensions: params.hasForeignExtensions,
        isGone: () => request.raw.socket.destroyed,
      }
      const state = await admit(stages, incoming, params.variables)
      if (state instanceof Fault) return sendOutcome(reply, refuse(stages, state, incoming), type)
      if (state.operation === undefined) return await throughApollo(request, reply, params, state, type)
      const outcome = await runCompiled(stages, request.method, state, state.operation, params)
      return await sendCompiled(request, reply, outcome, type)
    },
  })

  app.route({
    method: ['PUT', 'PATCH', 'DELETE', 'HEAD'],
    url: PATH,
    // Before the body, which decides nothing here.
    onRequest: async (request, reply) => {
      const fault = new Fault('METHOD_NOT_ALLOWED', `expected GET or POST, got ${request.method}`)
      return sendOutcome(reply, refuse(stages, fault, { id: request.id }), 'application/json', {
        allow: 'GET, POST',
      })
    },
    handler: async () => undefined,
  })

  async function throughApollo(
    request: FastifyRequest,
    reply: FastifyReply,
    params: GraphqlParams,
    state: RequestState,
    type: AnswerType,
  ): Promise<string | FastifyReply> {
    const refusal = state.text === undefined ? undefined : apollo.refusalOf(state.text)
    if (refusal !== undefined) return sendOutcome(reply, refuse(stages, refusal, state), type)
    request.admitted = state
    rewriteForApollo(request, params)
    reply.header('cache-control', 'no-store')
    const body = await apollo.handle(request, reply)
    reply.header('content-type', `${type}; charset=utf-8`)
    return body
  }

  /** What is shared with others is sent as the bytes that all of them get, to a GET with how long they may be kept. */
  async function sendCompiled(
    request: FastifyRequest,
    reply: FastifyReply,
    outcome: Outcome,
    type: AnswerType,
  ): Promise<FastifyReply> {
    const caching = request.method === 'GET' ? cachingOf(outcome) : undefined
    const vary = caching && varyWithAccept(reply.getHeader('vary')?.toString())
    const others = caching === undefined ? {} : { ...caching.headers, vary: vary! }
    if (caching !== undefined && isMatched(request.headers['if-none-match'], caching.etag))
      return reply.code(304).headers(others).send()
    const json = dataOnly(outcome)
    const made = json && (await compress?.(json, request.headers['accept-encoding']?.toString()))
    if (json === undefined || (made === undefined && !isWrittenOfBytes(json)))
      return sendOutcome(reply, outcome, type, others)
    if (made !== undefined) reply.header('content-encoding', made.encoding)
    return reply
      .code(200)
      .headers({ ...headersOf(headOf(outcome), type), ...others })
      .send(made?.bytes ?? json.body)
  }

  /** It loads Apollo's own scripts and frames, which no policy of ours could name. */
  async function landingPage(request: FastifyRequest, reply: FastifyReply): Promise<string> {
    // Apollo Server negotiates once more. Were it to prefer JSON, it would run what nobody has admitted.
    request.headers.accept = 'text/html'
    asPage(reply, {
      contentSecurityPolicy: false,
      crossOriginOpenerPolicy: false,
      crossOriginResourcePolicy: false,
    })
    // What a program is answered at the same address may be kept: no cache shall give one for the other.
    reply.header('cache-control', 'no-store')
    return await apollo.handle(request, reply)
  }
}

function paramsOf(request: FastifyRequest): GraphqlParams | Fault {
  if (request.method === 'POST') return paramsOfBody(request.body)
  return checkCsrf(request.headers) ?? paramsOfQuery(request.query as Record<string, unknown>)
}

/**
 * Apollo Server knows hashes by `extensions.persistedQuery` only, and takes no member that is null. A GET's variables stay
 * the text that they came as: nested deep, they could be read but not written again.
 */
function rewriteForApollo(
  request: FastifyRequest,
  { text: query, operationName, variables, hash }: GraphqlParams,
): void {
  const extensions = hash === undefined ? undefined : { persistedQuery: { version: 1, sha256Hash: hash } }
  if (request.method === 'POST') {
    request.body = present({ query, operationName, variables, extensions })
    return
  }
  const search = {
    query,
    operationName,
    variables: variables === undefined ? undefined : (request.query as { variables: string }).variables,
    extensions: extensions === undefined ? undefined : JSON.stringify(extensions),
  }
  request.raw.url = `${PATH}?${new URLSearchParams(present(search))}`
}

function present<Value>(members: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(members).filter((member): member is [string, Value] => member[1] !== undefined),
  )
}

/** A browser at its address bar, not a program: HTML is named, JSON is not. */
function wantsPage(request: FastifyRequest): boolean {
  const { accept = '' } = request.headers
  return request.method === 'GET' && accept.includes('text/html') && !accept.includes('json')
}
