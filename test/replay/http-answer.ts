/** What came is no HTTP answer that this reader takes. */
export class BrokenAnswer extends Error {
  /** `BODY_TOO_LARGE`, `HEAD_TOO_LARGE` or `MALFORMED`. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const HEAD_BYTES_MAX = 32_768
const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')
const NONE: Buffer = Buffer.alloc(0)
const START = /^HTTP\/1\.[01] (\d{3})(?: |$)/
/** The fields that say where the answer ends, and what becomes of connection and client. */
const FIELD = /\r\n(content-length|transfer-encoding|retry-after|connection|keep-alive):[ \t]*([^\r]*)/gi

/**
 * Reads the answers of one connection, one after another, each to a request of its own: nothing may follow an answer. One
 * that comes in one piece, as nearly all do, is read where it lies and not copied.
 */
export class AnswerReader {
  status = 0
  /** Of the header Retry-After, where it is given in seconds. */
  retryAfterMs: number | undefined
  /** Good until the next {@link read}. */
  body: Buffer = NONE
  /** The connection takes no further request. */
  isLast = false
  /** How long the server keeps an idle connection, where it says so. */
  idleMsMax: number | undefined
  readonly #bodyBytesMax: number
  /** What came before, of an answer in several pieces. */
  #held: Buffer = NONE
  #heldBytes = 0
  #headBytes = 0
  /** -1: the body comes in chunks. */
  #bodyBytes = 0

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax
  }

  /** Forgets a half answer, for another connection. */
  reset(): void {
    this.#heldBytes = 0
    this.#headBytes = 0
  }

  /**
   * @param piece is not kept.
   * @returns whether the answer is whole.
   * @throws BrokenAnswer
   */
  read(piece: Buffer): boolean {
    const bytes = this.#heldBytes === 0 ? piece : this.#hold(piece)
    if (this.#headBytes === 0 && !this.#readHead(bytes)) return this.#wait(bytes)
    const start = this.#headBytes
    if (this.#bodyBytes < 0) {
      const body = unchunked(bytes, start, this.#bodyBytesMax)
      if (body === undefined) return this.#wait(bytes)
      this.body = body
    } else {
      const end = start + this.#bodyBytes
      if (bytes.length < end) return this.#wait(bytes)
      if (bytes.length > end) throw malformed(`${bytes.length - end} bytes after an answer`)
      this.body = bytes.subarray(start, end)
    }
    this.reset()
    return true
  }

  #readHead(bytes: Buffer): boolean {
    const end = bytes.indexOf(HEAD_END)
    if (end === -1) {
      if (bytes.length > HEAD_BYTES_MAX) {
        throw new BrokenAnswer('HEAD_TOO_LARGE', `expected a head of at most ${HEAD_BYTES_MAX} bytes`)
      }
      return false
    }
    const head = bytes.toString('latin1', 0, end)
    const start = START.exec(head)
    if (start === null) throw malformed(`the first line ${JSON.stringify(head.slice(0, 40))}`)
    this.status = Number(start[1])
    this.retryAfterMs = undefined
    this.isLast = false
    this.#headBytes = end + HEAD_END.length
    // Without a length the answer would end with its connection, which none of ours does.
    this.#bodyBytes = this.status === 204 || this.status === 304 ? 0 : Number.NaN
    FIELD.lastIndex = 0
    for (let field = FIELD.exec(head); field !== null; field = FIELD.exec(head)) {
      this.#readField(field[1]!.toLowerCase(), field[2]!)
    }
    if (Number.isNaN(this.#bodyBytes)) throw malformed('an answer without its length')
    if (this.#bodyBytes > this.#bodyBytesMax) throw tooLarge(this.#bodyBytes, this.#bodyBytesMax)
    return true
  }

  #readField(name: string, value: string): void {
    if (name === 'content-length') {
      if (!/^\d{1,15}\s*$/.test(value)) throw malformed(`the length ${JSON.stringify(value.slice(0, 40))}`)
      this.#bodyBytes = Number(value)
    } else if (name === 'transfer-encoding') {
      if (!/chunked\s*$/i.test(value)) throw malformed(`the transfer encoding ${JSON.stringify(value)}`)
      this.#bodyBytes = -1
    } else if (name === 'retry-after') {
      const seconds = Number(value)
      if (seconds >= 0) this.retryAfterMs = seconds * 1_000
    } else if (name === 'connection') {
      this.isLast = /close/i.test(value)
    } else {
      const seconds = /timeout=(\d+)/i.exec(value)?.[1]
      if (seconds !== undefined) this.idleMsMax = Number(seconds) * 1_000
    }
  }

  /** The piece is lent: what is not whole yet is copied. */
  #wait(bytes: Buffer): false {
    if (this.#heldBytes === 0) this.#hold(bytes)
    return false
  }

  #hold(piece: Buffer): Buffer {
    const bytes = this.#heldBytes + piece.length
    if (bytes > HEAD_BYTES_MAX + 2 * this.#bodyBytesMax) throw tooLarge(bytes, this.#bodyBytesMax)
    if (bytes > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(bytes, this.#held.length * 2))
      this.#held.copy(grown, 0, 0, this.#heldBytes)
      this.#held = grown
    }
    piece.copy(this.#held, this.#heldBytes)
    this.#heldBytes = bytes
    return this.#held.subarray(0, bytes)
  }
}

/** A body's chunks as one; `undefined`: some are missing yet. */
function unchunked(bytes: Buffer, start: number, bytesMax: number): Buffer | undefined {
  const chunks: Buffer[] = []
  let total = 0
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf(LINE_END, at)
    if (lineEnd === -1) return undefined
    const line = bytes.toString('latin1', at, lineEnd)
    if (!/^[0-9a-f]{1,8}(?:;|$)/i.test(line))
      throw malformed(`the chunk ${JSON.stringify(line.slice(0, 40))}`)
    const size = Number.parseInt(line, 16)
    total += size
    if (total > bytesMax) throw tooLarge(total, bytesMax)
    const end = lineEnd + 2 + size + 2
    if (bytes.length < end) return undefined
    if (size === 0) {
      if (bytes.length > end) throw malformed(`${bytes.length - end} bytes after an answer`)
      return Buffer.concat(chunks)
    }
    chunks.push(bytes.subarray(lineEnd + 2, end - 2))
    at = end
  }
}

const malformed = (got: string): BrokenAnswer =>
  new BrokenAnswer('MALFORMED', `expected an HTTP answer, got ${got}`)

const tooLarge = (bytes: number, bytesMax: number): BrokenAnswer =>
  new BrokenAnswer('BODY_TOO_LARGE', `expected a body of at most ${bytesMax} bytes, got ${bytes}`)
