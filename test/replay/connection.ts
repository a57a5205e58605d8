import { connect, type Socket } from 'node:net'
import { AnswerReader, type BrokenAnswer } from './http-answer.ts'

/** Where a connection leads, what it takes and who hears of it. */
export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly bodyBytesMax: number
  /** `connection.who` is answered: `connection.answer` is good until this returns, and the connection is free. */
  readonly answered: (connection: Connection) => void
  /** `connection.who` gets no answer, for this code; the connection is free. */
  readonly lost: (connection: Connection, code: string) => void
}

const NOBODY = -1
/** The usual answer fits in one piece. */
const PIECE_BYTES = 16_384
/** A server that does not say how long it keeps an idle connection is taken to keep it for Node's own five seconds. */
const IDLE_MS_DEFAULT = 5_000
/** Left unused of that, so that a request does not meet the connection's end. */
const IDLE_MS_SPARED = 1_500

/**
 * One HTTP/1.1 connection with one request at a time, opened when it is needed and again after each loss. Sockets read
 * into a buffer of their own and past Node's streams: an answer costs no allocation but its body's JSON.
 */
export class Connection {
  readonly answer: AnswerReader
  /** Whose request is under way, or was last. */
  who: number = NOBODY
  /** When it was sent. */
  sentMs = 0
  readonly #options: ConnectionOptions
  #socket: Socket | undefined
  #isBusy = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.answer = new AnswerReader(options.bodyBytesMax)
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  /** @param request in ASCII. @param nowMs on the caller's clock. */
  send(who: number, request: string, nowMs: number): void {
    const idleMsMax = (this.answer.idleMsMax ?? IDLE_MS_DEFAULT) - IDLE_MS_SPARED
    if (this.#socket !== undefined && nowMs - this.sentMs > idleMsMax) this.#drop()
    this.#socket ??= this.#open()
    this.who = who
    this.sentMs = nowMs
    this.#isBusy = true
    this.#socket.write(request, 'latin1')
  }

  /** Gives up whatever is under way. */
  abandon(code: string): void {
    this.#drop()
    this.#lose(code)
  }

  /** Nobody hears of what is under way. */
  close(): void {
    this.#isBusy = false
    this.#drop()
  }

  #open(): Socket {
    this.answer.reset()
    let code = 'ECONNRESET'
    const socket: Socket = connect({
      host: this.#options.host,
      port: this.#options.port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(PIECE_BYTES),
        callback: (bytes, buffer) => {
          if (socket === this.#socket) this.#read((buffer as Buffer).subarray(0, bytes))
          return true
        },
      },
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.name
    })
    socket.on('close', () => {
      if (socket !== this.#socket) return
      this.#socket = undefined
      this.#lose(code)
    })
    return socket
  }

  #read(piece: Buffer): void {
    if (!this.#isBusy) {
      this.#drop()
      return
    }
    try {
      if (!this.answer.read(piece)) return
    } catch (error) {
      this.abandon((error as BrokenAnswer).code ?? String(error))
      return
    }
    this.#isBusy = false
    if (this.answer.isLast) this.#drop()
    this.#options.answered(this)
  }

  #lose(code: string): void {
    if (!this.#isBusy) return
    this.#isBusy = false
    this.#options.lost(this, code)
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }
}
