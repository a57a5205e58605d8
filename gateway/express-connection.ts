import type { Socket } from 'node:net'
import { nowMs } from '../protocol/deadline.ts'
import { Fault } from '../protocol/fault.ts'
import { type AnswerType, answerType } from './accept.ts'
import { type Answer, type answerWriter, writeAnswer } from './answer-writer.ts'
import { type GraphqlParams, paramsOfBody } from './http.ts'
import { admit, type Incoming, refuse, type Stages } from './pipeline.ts'
import { clientNameOf, clientVersionOf, type Outcome, traceparentOf } from './request.ts'
import { type RequestHead, readRequestHead } from './request-head.ts'
import { runCompiled } from './run-compiled.ts'
import { rulingOf } from './surge/policy.ts'

/** What all connections of a lane have in common. */
export interface Lane {
  readonly stages: Stages
  readonly limits: {
    readonly bodyBytesMax: number
    readonly headerBytesMax: number
    readonly requestMsMax: number
  }
  readonly lifecycle: { readonly isClosing: boolean }
  readonly requestId: (request: { readonly headers: RequestHead['headers'] }) => string
  readonly answerOf: ReturnType<typeof answerWriter>
  /** A connection on which nothing was asked for so long is closed. */
  readonly idleMsMax: number
  answered: number
  leave(connection: ExpressConnection): void
  handOver(socket: Socket): void
  /** Answers a request that will never be whole, as Node would. */
  fail(socket: Socket, failure: { readonly code: string; readonly message: string }): void
}

/** A body in more pieces is Node's: putting them together anew each time would cost their product. */
const PIECES_MAX = 16
const HEAD_END = Buffer.from('\r\n\r\n')
/** JSON that Fastify's parser refuses, or must look at more closely: a way to an object's prototype. */
const SUSPECT = /__proto__|constructor|\\u00[5-7]/i

const NO_LONGER_KNOWN = new Fault('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound')

/** As Node's own: a client is told the second one's message. */
const TOO_SLOW = { code: 'ERR_HTTP_REQUEST_TIMEOUT', message: 'Request timeout' }
const CUT_SHORT = { code: 'HPE_INVALID_EOF_STATE', message: 'Parse Error' }
const HALF_CLOSED = {
  code: 'HPE_CLOSED_CONNECTION',
  message: 'a request of this kind on a half-closed connection',
}

/** A request that the lane serves. */
interface Request {
  readonly headers: RequestHead['headers']
  readonly type: AnswerType
  readonly params: GraphqlParams
}

/**
 * One connection, as long as it is the lane's:
 *
 *     idle → reading (part of a request is here) → answering → idle
 *     any → Node's           idle, answering → closed
 */
export class ExpressConnection {
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

  readonly #isGone = (): boolean => this.#phase !== 'answering'

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
      // Node reads no more of a stream that has ended.
      if (this.#isEnded) this.#fail(HALF_CLOSED)
      else this.#handOver()
      return
    }
    this.#phase = 'answering'
    this.#held = undefined
    if (bytes.length > this.#awaitedBytes) this.#hold(bytes.subarray(this.#awaitedBytes))
    void this.#answer(request, bytes.subarray(0, this.#awaitedBytes))
  }

  /** The client is ahead of us. One answer at a time; no more is read meanwhile. */
  #hold(bytes: Buffer): void {
    this.#held = bytes
    this.#socket.pause()
  }

  #requestIn(bytes: Buffer): Request | 'incomplete' | 'other' {
    if (bytes.length < this.#awaitedBytes) return 'incomplete'
    const { limits, lifecycle, stages } = this.#lane
    const headEnd = bytes.indexOf(HEAD_END) + HEAD_END.length
    if (headEnd < HEAD_END.length || headEnd > limits.headerBytesMax) return 'other'
    // Whoever has closed its side asks nothing more: it is answered.
    if (lifecycle.isClosing && !this.#isEnded) return 'other'
    const head = readRequestHead(bytes.toString('latin1', 0, headEnd))
    if (head === undefined || head.bodyBytes > limits.bodyBytesMax) return 'other'
    this.#awaitedBytes = headEnd + head.bodyBytes
    if (bytes.length < this.#awaitedBytes) return 'incomplete'
    return requestOf(head.headers, bytes.toString('utf8', headEnd, this.#awaitedBytes), stages) ?? 'other'
  }

  /** @param asked the request as it came. */
  async #answer(request: Request, asked: Buffer): Promise<void> {
    const { stages, requestId, answerOf } = this.#lane
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
      const made = answerOf(answered, request.type, id, request.headers['accept-encoding'])
      answer = made instanceof Promise ? await made : made
    } catch (reason) {
      answer = await answerOf(refuse(stages, reason, { id }), 'application/json', id, undefined)
    }
    if (this.#phase !== 'answering') return
    const isSent = writeAnswer(this.#socket, answer)
    this.#lane.answered++
    if (isSent) this.#next()
    else this.#socket.once('drain', () => this.#next())
  }

  /** `other`: its operation left the registry between two looks. */
  async #outcomeOf({ headers, params }: Request, id: string): Promise<Outcome | 'other'> {
    const { stages } = this.#lane
    const incoming: Incoming = {
      id,
      door: 'http',
      headers,
      authorization: headers.authorization,
      remoteAddress: this.#socket.remoteAddress,
      clientName: clientNameOf(headers),
      clientVersion: clientVersionOf(headers),
      traceparent: traceparentOf(headers),
      hash: params.hash,
      text: params.text,
      operationName: params.operationName,
      hasForeignExtensions: params.hasForeignExtensions,
      isGone: this.#isGone,
    }
    const state = await admit(stages, incoming, params.variables)
    if (state instanceof Fault) return refuse(stages, state, incoming)
    if (state.operation === undefined) return 'other'
    return await runCompiled(stages, 'POST', state, state.operation, params)
  }

  #next(): void {
    // Destroyed and not closed yet: an error may be on its way to our listeners.
    if (this.#phase !== 'answering' || this.#socket.destroyed) return
    this.#phase = 'idle'
    this.#hasServed = true
    this.#sinceMs = nowMs()
    const held = this.#held
    if (held === undefined) {
      if (this.#isEnded) this.#socket.end()
      else if (this.#socket.isPaused()) this.#socket.resume()
      return
    }
    this.#held = undefined
    if (this.#isEnded) {
      this.#readLast(held)
      return
    }
    if (this.#socket.isPaused()) this.#socket.resume()
    this.#read(held)
  }

  /** A paused socket still tells that no more comes. What came before that is answered, as far as it is whole. */
  #readLast(bytes: Buffer): void {
    this.#read(bytes)
    if (this.#phase === 'reading') this.#fail(CUT_SHORT)
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

/** The request, if it is one that the lane serves or refuses for its operation; reading it twice, here and behind Fastify, does no harm. */
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
  const found = stages.lookup.find(stages.graph.current, params, clientNameOf(headers), 0)
  return found === undefined && !refusesTexts(stages) ? undefined : { headers, type, params }
}

/** Then they are refused here, for a fraction of what Node's server takes to come to the same. */
const refusesTexts = ({ level }: Stages): boolean =>
  rulingOf(level.current, 'UNKNOWN_TEXT').verdict === 'REFUSE'

const isJson = (type: string | undefined): boolean =>
  type === 'application/json' || type === 'application/json; charset=utf-8'
