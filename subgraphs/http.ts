import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { ANONYMOUS, type Caller } from '../protocol/caller.ts'
import { deadlineIn } from '../protocol/deadline.ts'
import {
  ANSWERS_TYPE,
  BATCH_HEADER,
  BATCH_TYPE,
  BATCH_VERSION,
  decodeBatch,
  encodeAnswer,
  encodeFault,
  type IndexedFault,
  type IndexedRequest,
  isPriority,
  isTraceparent,
  REMAINING_MS_MAX,
} from '../protocol/envelope.ts'
import { executeByDeadline, type ServedSubgraph } from '../protocol/execute-by-deadline.ts'
import { Fault } from '../protocol/fault.ts'
import { IDENTITY_HEADER, verifyIdentity } from '../protocol/identity.ts'
import { answerLost, noAnswer } from '../protocol/no-answer.ts'
import type { SubgraphAnswer, SubgraphRequest } from '../protocol/subgraph-client.ts'
import { operationKind } from './operation-kind.ts'

export interface SubgraphHttpOptions {
  readonly subgraph: ServedSubgraph
  /** The keys that may have signed a request, the current one first. None: every request is anonymous. */
  readonly identityKeys: readonly string[]
  /** One request's body. Default 16 MiB. */
  readonly bodyBytesMax?: number
  /** Operations under way; more are refused with SUBGRAPH_OVERLOADED. Default 4,096. */
  readonly operationsMax?: number
  /** How long closing waits for what is under way. Default 10 s. */
  readonly closeMsMax?: number
  readonly logger: Pick<Logger, 'error'>
}

export interface SubgraphHttpServer {
  /** Port 0 picks a free one. */
  listen(port: number, host: string): Promise<{ port: number; host: string; url: string }>
  /** Stops accepting, finishes what is under way, then closes every connection. */
  close(): Promise<void>
}

/** A request that is refused before anything is executed. */
class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

const READY_MS_MAX = 2_000
const REQUEST_MS_MAX = 30_000
const REMAINING_MS_DEFAULT = 10_000
/** Longer than any client of ours keeps an idle connection, so that the side that sends is the side that closes. */
const KEEP_ALIVE_MS = 65_000
/** Bodies over the bound are read on and dropped up to this many times it, so that the sender gets to read the refusal. */
const DISCARD_FACTOR = 4

/**
 * The HTTP face of a subgraph: `POST /graphql` (plain GraphQL or the batch envelope), `GET /health/live`, `/health/ready`.
 * With identity keys the signed identity is what authorises, and an unsigned request is refused. Everything executed
 * answers 200; any other status means that nothing ran. Does not listen until told to.
 */
export function createSubgraphHttpServer(options: SubgraphHttpOptions): SubgraphHttpServer {
  const { subgraph, identityKeys, logger } = options
  const bodyBytesMax = options.bodyBytesMax ?? 16 * 1024 * 1024
  const operationsMax = options.operationsMax ?? 4_096
  let operations = 0
  let requests = 0
  let isClosing = false

  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: REQUEST_MS_MAX,
      headersTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 16 * 1024,
    },
    (request, response) => {
      requests++
      response.once('close', () => {
        requests--
        if (isClosing && requests === 0) server.closeAllConnections()
      })
      response.setHeader(BATCH_HEADER, BATCH_VERSION)
      if (isClosing) response.setHeader('connection', 'close')
      route(request, response).catch(error => refuse(response, error))
    },
  )

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0]
    if (path === '/graphql') return graphql(request, response)
    if (path === '/health/live') return sendJson(response, 200, { status: 'live' })
    if (path === '/health/ready') return ready(response)
    throw new Refusal(404, 'NOT_FOUND', 'expected /graphql, /health/live or /health/ready')
  }

  async function ready(response: ServerResponse): Promise<void> {
    const reason = isClosing ? 'closing' : await whyNotReady(subgraph)
    if (reason === undefined) sendJson(response, 200, { status: 'ready' })
    else sendJson(response, 503, { status: 'not ready', reason })
  }

  async function graphql(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') {
      throw new Refusal(405, 'METHOD_NOT_ALLOWED', `expected POST, got ${request.method}`, { allow: 'POST' })
    }
    const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
    if (type !== 'application/json' && type !== BATCH_TYPE) {
      throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', `expected application/json or ${BATCH_TYPE}`)
    }
    const body = await readBody(request, bodyBytesMax)
    const caller =
      identityKeys.length === 0 ? ANONYMOUS : verifyIdentity(identityOf(request), body, identityKeys)
    if (type === BATCH_TYPE) return batch(decodeItems(body, caller), response)
    return single(decodePlain(body, request, caller), request, response)
  }

  function decodeItems(body: Buffer, sender: Caller): readonly (IndexedRequest | IndexedFault)[] {
    if (identityKeys.length > 0 && sender.kind !== 'service') {
      throw new Refusal(403, 'FORBIDDEN', 'expected a batch to be signed by a service')
    }
    try {
      const items = decodeBatch(body.toString())
      // Unsigned, an item's caller is anybody's claim.
      return identityKeys.length > 0
        ? items
        : items.map(item =>
            'fault' in item ? item : { ...item, request: { ...item.request, caller: ANONYMOUS } },
          )
    } catch (error) {
      throw new Refusal(400, 'BAD_REQUEST', (error as Error).message)
    }
  }

  async function single(
    toExecute: SubgraphRequest,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (operations >= operationsMax) throw overloaded()
    const text = await executeToText(toExecute, answer => JSON.stringify(answer))
    const acceptsNew = request.headers.accept?.includes('application/graphql-response+json') === true
    const type = acceptsNew ? 'application/graphql-response+json' : 'application/json'
    sendText(response, 200, `${type}; charset=utf-8`, text)
  }

  /** Answers go out in completion order; those that complete in one turn of the event loop share one write. */
  async function batch(
    items: readonly (IndexedRequest | IndexedFault)[],
    response: ServerResponse,
  ): Promise<void> {
    response.setHeader('content-type', ANSWERS_TYPE)
    let lines = ''
    let unanswered = items.length
    let isFlushScheduled = false
    const flush = (): void => {
      isFlushScheduled = false
      if (unanswered === 0) response.end(lines)
      else response.write(lines)
      lines = ''
    }
    const add = (line: string): void => {
      lines += line
      unanswered--
      if (isFlushScheduled) return
      isFlushScheduled = true
      setImmediate(flush)
    }
    for (const item of items) {
      if ('fault' in item) add(encodeFault(item.index, item.fault))
      else if (operations >= operationsMax) add(encodeFault(item.index, overloaded()))
      else {
        executeToText(item.request, answer => encodeAnswer(item.index, answer))
          .catch(fault => encodeFault(item.index, fault))
          .then(add)
      }
    }
  }

  /** @throws Fault, and nothing else. */
  async function executeToText(
    request: SubgraphRequest,
    write: (answer: SubgraphAnswer) => string,
  ): Promise<string> {
    operations++
    try {
      return write(await executeByDeadline(subgraph, request))
    } catch (error) {
      if (error instanceof Fault) throw error
      logger.error({ err: error, subgraph: subgraph.name }, 'answer could not be written')
      throw answerLost(request, 'SUBGRAPH_BAD_ANSWER', subgraph.name, 'the answer could not be written')
    } finally {
      operations--
    }
  }

  function overloaded(): Fault {
    return noAnswer('SUBGRAPH_OVERLOADED', subgraph.name, `${operationsMax} operations are under way`)
  }

  function refuse(response: ServerResponse, error: unknown): void {
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (error instanceof Refusal) {
      for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value)
      sendErrors(response, error.status, error.message, { code: error.code })
    } else if (error instanceof Fault) {
      sendErrors(response, STATUS[error.code] ?? 502, error.message, error.extensions)
    } else {
      logger.error({ err: error, subgraph: subgraph.name }, 'request failed')
      sendErrors(response, 500, 'the request failed', { code: 'INTERNAL_SERVER_ERROR' })
    }
  }

  return {
    listen: (port, host) => listen(server, port, host),
    async close() {
      isClosing = true
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      const timer = setTimeout(() => server.closeAllConnections(), options.closeMsMax ?? 10_000)
      if (requests === 0) server.closeAllConnections()
      await closed
      clearTimeout(timer)
    },
  }
}

/** Statuses of faults on plain requests; the code in the body says the same. */
const STATUS: Readonly<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  SUBGRAPH_BAD_ANSWER: 502,
  SUBGRAPH_OVERLOADED: 503,
  OUTCOME_UNKNOWN: 503,
  SUBGRAPH_TIMEOUT: 504,
}

function listen(
  server: Server,
  port: number,
  host: string,
): Promise<{ port: number; host: string; url: string }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      const address = server.address() as AddressInfo
      const urlHost = address.family === 'IPv6' ? `[${address.address}]` : address.address
      resolve({ port: address.port, host: address.address, url: `http://${urlHost}:${address.port}/graphql` })
    })
  })
}

async function whyNotReady(subgraph: ServedSubgraph): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${READY_MS_MAX} ms`)), READY_MS_MAX)
  })
  try {
    await Promise.race([subgraph.ready(), late])
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    clearTimeout(timer)
  }
}

function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const tooLarge = (): Refusal =>
      new Refusal(413, 'BODY_TOO_LARGE', `expected at most ${bytesMax} bytes`, { connection: 'close' })
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(chunk)
      else chunks.length = 0
      if (bytes > bytesMax * DISCARD_FACTOR) {
        request.pause()
        reject(tooLarge())
      }
    })
    request.on('end', () => (bytes > bytesMax ? reject(tooLarge()) : resolve(Buffer.concat(chunks))))
    request.on('error', reject)
    // The sender left half-way; nobody reads this.
    request.on('close', () => {
      if (!request.complete) reject(new Refusal(400, 'BAD_REQUEST', 'expected the whole body'))
    })
  })
}

function identityOf(request: IncomingMessage): string | undefined {
  const header = request.headers[IDENTITY_HEADER]
  return Array.isArray(header) ? header[0] : header
}

function decodePlain(body: Buffer, request: IncomingMessage, caller: Caller): SubgraphRequest {
  const { query, operationName, variables } = parseObject(body)
  if (typeof query !== 'string') throw new Refusal(400, 'BAD_REQUEST', 'expected query to be a string')
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') {
    throw new Refusal(400, 'BAD_REQUEST', 'expected operationName to be a string')
  }
  if (variables !== undefined && (typeof variables !== 'object' || Array.isArray(variables))) {
    throw new Refusal(400, 'BAD_REQUEST', 'expected variables to be an object')
  }
  const name = operationName ?? undefined
  const { 'spillway-priority': priority, traceparent } = request.headers
  return {
    kind: operationKind(query, name),
    operation: query,
    ...(name === undefined ? {} : { operationName: name }),
    variables: (variables ?? {}) as Record<string, unknown>,
    caller,
    deadlineMs: deadlineIn(parseRemainingMs(request.headers['spillway-remaining-ms'])),
    priority: isPriority(priority) ? priority : 'ADHOC',
    ...(isTraceparent(traceparent) ? { traceparent } : {}),
  }
}

function parseObject(body: Buffer): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch (error) {
    throw new Refusal(400, 'BAD_REQUEST', `expected JSON: ${(error as Error).message.slice(0, 128)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal(400, 'BAD_REQUEST', 'expected one object with a query')
  }
  return value as Record<string, unknown>
}

function parseRemainingMs(header: string | string[] | undefined): number {
  if (header === undefined) return REMAINING_MS_DEFAULT
  if (typeof header !== 'string' || !/^\d{1,9}$/.test(header)) {
    throw new Refusal(400, 'BAD_REQUEST', 'expected spillway-remaining-ms to be whole milliseconds')
  }
  return Math.min(Number(header), REMAINING_MS_MAX)
}

function sendErrors(response: ServerResponse, status: number, message: string, extensions: object): void {
  sendJson(response, status, { errors: [{ message, extensions }] })
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  sendText(response, status, 'application/json; charset=utf-8', JSON.stringify(value))
}

function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.statusCode = status
  response.setHeader('content-type', type)
  response.setHeader('content-length', Buffer.byteLength(text))
  response.end(text)
}
