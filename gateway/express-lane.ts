import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { nowMs } from '../protocol/deadline.ts'
import { Fault } from '../protocol/fault.ts'
import { type AnswerType, answerType } from './accept.ts'
import type { Compress, Compressed } from './compression.ts'
import { type GraphqlParams, headOf, operationNamed, paramsOfBody } from './http.ts'
import type { ServableOperation } from './operations/registry.ts'
import { admit, type RequestState, refuse, run, type Stages } from './pipeline.ts'
import { ANSWER_HEADERS, bodyOf, bytesOf, headersOf } from './reply.ts'
import { clientNameOf, type Outcome, traceparentOf } from './request.ts'
import { type RequestHead, readRequestHead } from './request-head.ts'

export interface ExpressLaneOptions {
  readonly stages: Stages
  readonly limits: {
    readonly bodyBytesMax: number
    readonly headerBytesMax: number
    readonly requestMsMax: number
  }
  /** Once it is closing, requests are Node's. */
  readonly lifecycle: { readonly isClosing: boolean }
  readonly requestId: (request: { readonly headers: RequestHead['headers'] }) => string
  /** Sent on every answer. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default: no answer is compressed. */
  readonly compress?: Compress | undefined
}

export interface ExpressLane {
  /** Connections that the lane looks after; those that it has left to Node are not among them. */
  readonly connections: number
  /** Requests answered here. */
  readonly answered: number
  closeIdle(): void
  closeAll(): void
}

const SWEEP_EVERY_MS = 1_000
/** A connection stays open for longer than clients are told, as Node's do: the last request must not meet its end. */
const KEEP_ALIVE_BUFFER_MS = 1_000
/** A body in more pieces is Node's: putting them together anew each time would cost their product. */
const PIECES_MAX = 16
const HEAD_END = Buffer.from('\r\n\r\n')
/** JSON that Fastify's parser refuses, or must look at more closely: a way to an object's prototype. */
const SUSPECT = /__proto__|constructor|\\u00[5-7]/i

/**
 * Serves persisted operations at the socket, before Node's HTTP server: a request of the plainest form (request-head.ts)
 * that names a registered operation is read, run and answered here. Anything else (another path or method, text, a
 * browser, a head or body that is not understood at once) is put back, and the connection is Node's from then on: this
 * file refuses nothing for its form. What `IncomingMessage`, `ServerResponse` and their streams cost is saved: of
 * 60 µs a request that bare node:http takes here, some 45.
 *
 *     connection:  idle → reading (part of a body is here) → answering → idle
 *                  any → Node's           idle, answering → closed
 */
export function expressLane(server: Server, options: ExpressLaneOptions): ExpressLane {
  const nodes = server.listeners('connection') as ((this: Server, socket: Socket) => void)[]
  server.removeAllListeners('connection')
  const connections = new Set<Connection>()
  const lane: Lane = {
    ...options,
    head: answerHeads(
      { ...ANSWER_HEADERS, ...options.headers, ...keepAliveHeaders(server) },
      options.compress,
    ),
    get idleMsMax() {
      return server.keepAliveTimeout === 0 ? Infinity : server.keepAliveTimeout + KEEP_ALIVE_BUFFER_MS
    },
    answered: 0,
    leave(connection) {
      connections.delete(connection)
    },
    handOver(socket) {
      for (const listener of nodes) listener.call(server, socket)
    },
    fail(socket, failure) {
      const error = Object.assign(new Error(failure.message), { code: failure.code })
      if (!server.emit('clientError', error, socket)) socket.destroy()
    },
  }
  server.on('connection', (socket: Socket) => connections.add(new Connection(socket, lane)))
  server.once('listening', () => {
    const sweep = setInterval(
      () => {
        const now = nowMs()
        for (const connection of connections) connection.sweep(now)
      },
      Math.min(SWEEP_EVERY_MS, options.limits.requestMsMax),
    )
    sweep.unref()
    server.once('close', () => clearInterval(sweep))
  })
  return {
    get connections() {
      return connections.size
    },
    get answered() {
      return lane.answered
    },
    closeIdle() {
      for (const connection of connections) connection.closeIfIdle()
    },
    closeAll() {
      for (const connection of connections) connection.close()
    },
  }
}

/** What follows admission for a persisted operation; the same at the socket and behind Fastify. */
export async function runPersisted(
  stages: Stages,
  method: string,
  state: RequestState,
  operation: ServableOperation,
  params: GraphqlParams,
): Promise<Outcome> {
  if (method === 'GET' && operation.kind !== 'query') {
    const message = `GET requests only support query operations, not ${operation.kind} operations`
    return refuse(stages, new Fault('METHOD_NOT_ALLOWED', message), state)
  }
  if (params.operationName !== undefined && params.operationName !== operation.compiled.name) {
    const message = `Unknown operation named "${params.operationName}".`
    return refuse(stages, new Fault('OPERATION_RESOLUTION_FAILURE', message), state)
  }
  return await run(stages, state, operation, params.variables, 'json')
}

const NO_LONGER_KNOWN = new Fault('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound')

interface Lane extends ExpressLaneOptions {
  readonly head: ReturnType<typeof answerHeads>
  /** A connection on which nothing was asked for so long is closed. */
  readonly idleMsMax: number
  answered: number
  leave(connection: Connection): void
  handOver(socket: Socket): void
  /** Answers a request that will never be whole, as Node would. */
  fail(socket: Socket, failure: { readonly code: string; readonly message: string }): void
}

/** As Node's own: a client is told the second one's message. */
const TOO_SLOW = { code: 'ERR_HTTP_REQUEST_TIMEOUT', message: 'Request timeout' }
const CUT_SHORT = { code: 'HPE_INVALID_EOF_STATE', message: 'Parse Error' }

/** A request that the lane serves. */
interface Request {
  readonly headers: RequestHead['headers']
  readonly type: AnswerType
  readonly params: GraphqlParams
}

class Connection {
  readonly #socket: Socket
  readonly #lane: Lane
  #phase: 'idle' | 'reading' | 'answering' | 'left' = 'idle'
  /** When the phase began. */
  #sinceMs = nowMs()
  #hasServed = false
  /** What has come and is not read: part of a request, or what a client sent before it had its answer. */
  #held: Buffer | undefined
  /** Bytes of the request that is being read, once its head is known. */
  #awaitedBytes = 0
  /** In which it has come so far. */
  #pieces = 0
  /** The other side has said that it sends no more. */
  #isEnded = false

  constructor(socket: Socket, lane: Lane) {
    this.#socket = socket
    this.#lane = lane
    socket.setNoDelay(true)
    socket
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('error', this.#onError)
      .on('close', this.#onClose)
  }

  /** Once a second: what takes too long ends. */
  sweep(now: number): void {
    const { limits, idleMsMax } = this.#lane
    const spentMs = now - this.#sinceMs
    const isOwed = this.#phase === 'reading' || (this.#phase === 'idle' && !this.#hasServed)
    if (isOwed && spentMs > limits.requestMsMax) this.#fail(TOO_SLOW)
    else if (this.#phase === 'idle' && spentMs > idleMsMax) this.close()
  }

  /** One whose last answer is still on its way is not idle. */
  closeIfIdle(): void {
    if (this.#phase === 'idle' && this.#socket.writableLength === 0) this.close()
  }

  close(): void {
    this.#socket.destroy()
  }

  // Listeners, taken off when the connection is left to Node

  readonly #onData = (chunk: Buffer): void => {
    const held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk])
    if (this.#phase === 'answering') this.#hold(held)
    else this.#read(held)
  }

  readonly #onEnd = (): void => {
    this.#isEnded = true
    if (this.#phase === 'reading') this.#fail(CUT_SHORT)
    else if (this.#phase === 'idle') this.#socket.end()
  }

  readonly #onError = (): void => {
    this.#socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#phase = 'left'
    this.#lane.leave(this)
  }

  #read(bytes: Buffer): void {
    this.#held = bytes
    if (this.#phase === 'idle') {
      this.#phase = 'reading'
      this.#sinceMs = nowMs()
      this.#awaitedBytes = 0
      this.#pieces = 0
    }
    const request = ++this.#pieces > PIECES_MAX ? 'other' : this.#requestIn(bytes)
    if (request === 'incomplete') return
    if (request === 'other') {
      this.#handOver()
      return
    }
    this.#phase = 'answering'
    this.#held = undefined
    if (bytes.length > this.#awaitedBytes) this.#hold(bytes.subarray(this.#awaitedBytes))
    void this.#answer(request, bytes.subarray(0, this.#awaitedBytes))
  }

  /** The client is ahead of us. One answer at a time; no more is read meanwhile, not even that no more comes. */
  #hold(bytes: Buffer): void {
    this.#held = bytes
    this.#socket.pause()
  }

  #requestIn(bytes: Buffer): Request | 'incomplete' | 'other' {
    if (bytes.length < this.#awaitedBytes) return 'incomplete'
    const { limits, lifecycle, stages } = this.#lane
    const headEnd = bytes.indexOf(HEAD_END) + HEAD_END.length
    if (headEnd < HEAD_END.length || headEnd > limits.headerBytesMax || lifecycle.isClosing) return 'other'
    const head = readRequestHead(bytes.toString('latin1', 0, headEnd))
    if (head === undefined || head.bodyBytes > limits.bodyBytesMax) return 'other'
    this.#awaitedBytes = headEnd + head.bodyBytes
    if (bytes.length < this.#awaitedBytes) return 'incomplete'
    return requestOf(head.headers, bytes.toString('utf8', headEnd, this.#awaitedBytes), stages) ?? 'other'
  }

  /** @param asked the request as it came. */
  async #answer(request: Request, asked: Buffer): Promise<void> {
    const { stages, requestId, head } = this.#lane
    const id = requestId(request)
    let answer: Answer
    try {
      const outcome = await this.#outcomeOf(request, id)
      if (outcome === 'other' && this.#phase === 'answering' && !this.#isEnded) {
        this.#held = this.#held === undefined ? asked : Buffer.concat([asked, this.#held])
        this.#handOver()
        return
      }
      const answered = outcome === 'other' ? refuse(stages, NO_LONGER_KNOWN, { id }) : outcome
      const made = head(answered, request.type, id, request.headers['accept-encoding'])
      answer = made instanceof Promise ? await made : made
    } catch (reason) {
      answer = await head(refuse(stages, reason, { id }), 'application/json', id, undefined)
    }
    if (this.#phase !== 'answering') return
    const isSent = write(this.#socket, answer)
    this.#lane.answered++
    if (isSent) this.#next()
    else this.#socket.once('drain', () => this.#next())
  }

  /** `other`: its operation left the registry between two looks. */
  async #outcomeOf({ headers, params }: Request, id: string): Promise<Outcome | 'other'> {
    const { stages } = this.#lane
    const state = await admit(stages, {
      id,
      door: 'http',
      headers,
      authorization: headers.authorization,
      clientName: clientNameOf(headers),
      traceparent: traceparentOf(headers),
      ...operationNamed(params),
    })
    if (state instanceof Fault) return refuse(stages, state, { id })
    if (state.operation === undefined) return 'other'
    return await runPersisted(stages, 'POST', state, state.operation, params)
  }

  #next(): void {
    // Destroyed and not closed yet: an error may be on its way to our listeners.
    if (this.#phase !== 'answering' || this.#socket.destroyed) return
    this.#phase = 'idle'
    this.#hasServed = true
    this.#sinceMs = nowMs()
    if (this.#isEnded) {
      this.#socket.end()
      return
    }
    const held = this.#held
    this.#held = undefined
    if (this.#socket.isPaused()) this.#socket.resume()
    if (held !== undefined) this.#read(held)
  }

  #fail(failure: { readonly code: string; readonly message: string }): void {
    this.#leave()
    // The socket lives until the client has read why, or has gone: no error of its may be nobody's.
    this.#socket.on('error', this.#onError)
    this.#lane.fail(this.#socket, failure)
  }

  #handOver(): void {
    const socket = this.#socket
    if (socket.destroyed) return
    const held = this.#held
    this.#leave()
    socket.pause()
    if (held !== undefined && held.length > 0) socket.unshift(held)
    this.#lane.handOver(socket)
    socket.resume()
  }

  #leave(): void {
    this.#socket
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose)
    this.#phase = 'left'
    this.#held = undefined
    this.#lane.leave(this)
  }
}

/** The request, if it is one that the lane serves; reading it twice, here and behind Fastify, does no harm. */
function requestOf(headers: RequestHead['headers'], body: string, stages: Stages): Request | undefined {
  // A page in a browser: what it may read, Fastify decides.
  if (headers.origin !== undefined || !isJson(headers['content-type'])) return undefined
  const type = answerType(headers.accept)
  if (type === undefined || SUSPECT.test(body)) return undefined
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return undefined
  }
  const params = paramsOfBody(json)
  if (params instanceof Fault) return undefined
  const { hash, text, operationName } = operationNamed(params)
  const { registry, adhoc } = stages.graph.current
  const operation =
    hash !== undefined
      ? registry.find(hash, clientNameOf(headers))
      : text && adhoc.find({ text, operationName })
  return operation === undefined ? undefined : { headers, type, params }
}

const isJson = (type: string | undefined): boolean =>
  type === 'application/json' || type === 'application/json; charset=utf-8'

function encoded(before: string, { encoding, bytes }: Compressed): Buffer {
  const head = `${before}content-encoding: ${encoding}\r\ncontent-length: ${bytes.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes])
}

/** What Node's own answers say of their connection. */
function keepAliveHeaders({ keepAliveTimeout }: Server): Readonly<Record<string, string>> {
  const connection = 'keep-alive'
  if (keepAliveTimeout === 0) return { connection }
  return { connection, 'keep-alive': `timeout=${Math.floor(keepAliveTimeout / 1_000)}` }
}

/** An answer whole, or its head and its body. */
type Answer = string | Buffer | readonly [head: string, body: Buffer]

/** @returns whether the socket takes more. */
function write(socket: Socket, answer: Answer): boolean {
  if (!Array.isArray(answer)) return socket.write(answer as string | Buffer)
  const [head, body] = answer as readonly [string, Buffer]
  socket.cork()
  socket.write(head, 'latin1')
  const isSent = socket.write(body)
  socket.uncork()
  return isSent
}

/** Makes whole answers. What is the same on every answer is written once. */
function answerHeads(
  fixed: Readonly<Record<string, string>>,
  compress: Compress | undefined,
): (
  outcome: Outcome,
  type: AnswerType,
  id: string,
  acceptEncoding: string | undefined,
) => Answer | Promise<Answer> {
  const lines = (headers: Readonly<Record<string, string>>): string =>
    Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
  const always = lines(fixed)
  const ok = new Map<AnswerType, string>()
  let date = ''
  let dateMs = 0
  return (outcome, type, id, acceptEncoding) => {
    const now = Date.now()
    if (now - dateMs >= 1_000) {
      dateMs = now - (now % 1_000)
      date = `date: ${new Date(now).toUTCString()}\r\n`
    }
    // An error may come with headers of its own, whatever its status.
    let start = outcome.errors === undefined ? ok.get(type) : undefined
    if (start === undefined) {
      const head = headOf(outcome)
      const { status } = head
      start = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${always}${lines(headersOf(head, type))}`
      if (outcome.errors === undefined) ok.set(type, start)
    }
    const before = `${start}x-request-id: ${id}\r\n${date}`
    const bytes = compress === undefined || acceptEncoding === undefined ? bytesOf(outcome) : undefined
    if (bytes !== undefined) return [`${before}content-length: ${bytes.length}\r\n\r\n`, bytes]
    const body = bodyOf(outcome)
    const plain = (): string => `${before}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    return (
      compress?.(body, acceptEncoding)?.then(made =>
        made === undefined ? plain() : encoded(before, made),
      ) ?? plain()
    )
  }
}
