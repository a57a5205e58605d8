import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import { type FastifyError, type FastifyInstance, fastify } from 'fastify'
import { Fault } from '../protocol/fault.ts'
import type { Compress } from './compression.ts'
import { ERRORS } from './errors.ts'
import type { GatewayLimits } from './limits.ts'
import { refuse, type Stages } from './pipeline.ts'
import { ANSWER_HEADERS, sendOutcome } from './reply.ts'
import { requestIdOf } from './request.ts'

export interface AppOptions {
  readonly stages: Stages
  readonly limits: GatewayLimits
  readonly corsOrigins: readonly string[]
  /** Once it is closing, what arrives on open connections is sent elsewhere. */
  readonly lifecycle: { readonly isClosing: boolean }
  readonly requestId: RequestIds
  /** `undefined`: no answer is compressed. */
  readonly compress: Compress | undefined
}

/** How often requests that have not arrived whole in time are looked for. */
const SLOW_REQUESTS_EVERY_MS = 1_000
/** How long a connection that was given up may stay open for the other side to read why. */
const LAST_WORD_MS = 1_000

/** In the header `vary` of every answer, compressed or not, where some are. */
const ENCODING_MATTERS = 'Accept-Encoding'

/** Of an answer's headers, what a page of a listed origin may read beyond what any page may. */
const EXPOSED_HEADERS = ['retry-after', 'x-request-id'] as const

/** What answers say to whoever names no origin, as @fastify/cors does: caches must know what matters. */
export function laneHeaders(
  corsOrigins: readonly string[],
  compress: Compress | undefined,
): Readonly<Record<string, string>> {
  const vary = [
    ...(compress === undefined ? [] : [ENCODING_MATTERS]),
    ...(corsOrigins.length === 0 ? [] : ['Origin']),
  ]
  return {
    ...(vary.length === 0 ? {} : { vary: vary.join(', ') }),
    ...(corsOrigins.length === 0 ? {} : { 'access-control-expose-headers': EXPOSED_HEADERS.join(', ') }),
  }
}

/** Fastify with the limits, headers and errors that hold on every path. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { stages, limits, corsOrigins, lifecycle, compress } = options
  const headers = compress === undefined ? ANSWER_HEADERS : { ...ANSWER_HEADERS, vary: ENCODING_MATTERS }
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestMsMax,
    http: {
      maxHeaderSize: limits.headerBytesMax,
      // Node takes the longer of the two for the whole request, and its own for headers is a minute.
      headersTimeout: limits.requestMsMax,
      connectionsCheckingInterval: Math.min(SLOW_REQUESTS_EVERY_MS, limits.requestMsMax),
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: options.requestId,
    frameworkErrors: (error, request, reply) => {
      reply.headers(ANSWER_HEADERS).header('x-request-id', request.id)
      return sendOutcome(
        reply,
        refuse(stages, new Fault('BAD_REQUEST', error.message), { id: request.id }),
        'application/json',
      )
    },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket as Socket),
  })
  app.removeContentTypeParser('text/plain')

  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('x-request-id', request.id)
    if (isEncoded(request.headers['content-encoding'])) {
      const fault = new Fault('UNSUPPORTED_MEDIA_TYPE', 'expected a body that is not compressed')
      const outcome = refuse(stages, fault, { id: request.id })
      sendOutcome(reply, outcome, 'application/json', { 'accept-encoding': 'identity' })
      return
    }
    if (!lifecycle.isClosing || request.url.startsWith('/health/')) return done()
    const fault = new Fault('SHUTTING_DOWN', 'this process is stopping; ask again', { retryAfterMs: 1_000 })
    sendOutcome(
      reply.header('connection', 'close'),
      refuse(stages, fault, { id: request.id }),
      'application/json',
    )
  })
  if (compress !== undefined) compressAnswers(app, compress)
  app.setErrorHandler((error: FastifyError, request, reply) =>
    sendOutcome(reply, refuse(stages, faultOf(error, limits), { id: request.id }), 'application/json'),
  )
  app.setNotFoundHandler((request, reply) =>
    sendOutcome(
      reply,
      refuse(stages, new Fault('NOT_FOUND', `there is nothing at ${request.method} ${pathOf(request.url)}`), {
        id: request.id,
      }),
      'application/json',
    ),
  )
  await app.register(helmet, { global: false })
  if (corsOrigins.length > 0) {
    await app.register(cors, {
      origin: [...corsOrigins],
      methods: ['GET', 'POST'],
      exposedHeaders: [...EXPOSED_HEADERS],
      maxAge: 600,
    })
  }
  return app
}

const isEncoded = (encoding: string | undefined): boolean => encoding !== undefined && encoding !== 'identity'

/** Whatever a handler answers with as text. */
function compressAnswers(app: FastifyInstance, compress: Compress): void {
  app.addHook('onSend', (request, reply, body, done) => {
    const isText = typeof body === 'string' && request.method !== 'HEAD'
    const compressing = isText ? compress(body, request.headers['accept-encoding']) : undefined
    if (compressing === undefined) return done(null, body)
    void compressing.then(made => {
      if (made !== undefined)
        reply.headers({ 'content-encoding': made.encoding, 'content-length': made.bytes.length })
      done(null, made?.bytes ?? body)
    })
  })
}

export type RequestIds = (request: {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}) => string

/** Ids that differ between processes and ascend within one; a well-formed `x-request-id` is kept. */
export function requestIds(): RequestIds {
  const boot = randomBytes(4).toString('hex')
  let count = 0
  return request => requestIdOf(request.headers) ?? `${boot}-${(++count).toString(36)}`
}

/** What Fastify itself refuses or what a handler threw. */
function faultOf(error: FastifyError, limits: GatewayLimits): unknown {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Fault('PAYLOAD_TOO_LARGE', `expected a body of at most ${limits.bodyBytesMax} bytes`)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Fault('UNSUPPORTED_MEDIA_TYPE', 'expected the content type application/json')
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new Fault('BAD_REQUEST', 'expected the body to be JSON, got nothing')
    default:
      if (error.statusCode === 400)
        return new Fault('BAD_REQUEST', `expected the body to be JSON: ${error.message}`)
      return error
  }
}

/** What Node cannot read as HTTP never becomes a request; it is answered on the bare socket. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'HEADERS_TOO_LARGE'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'REQUEST_TIMEOUT'
        : 'BAD_REQUEST'
  const { status, meaning } = ERRORS[code]!
  const message = code === 'BAD_REQUEST' ? `expected HTTP/1.1, got: ${error.message}` : meaning
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] })
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
  // Node looks after it no longer: without this it would stay for as long as the other side likes.
  setTimeout(() => socket.destroy(), LAST_WORD_MS).unref()
}

const pathOf = (url: string): string => url.split('?', 1)[0]!.slice(0, 200)
