import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

const encode = (text: string): string => Buffer.from(text, 'latin1').toString('base64url')
const SCOPES = 'coupon:claim order:place order:pay'
const HEADER = encode('{"alg":"HS256","typ":"JWT"}')

/**
 * Tokens as `npm run token` makes them, one a shopper. A shopper's is the same whenever it is made: so it need not be
 * kept while the shopper waits, and is verified once by whoever remembers tokens.
 */
export class Tokens {
  readonly #key: KeyObject
  /** The claims up to the subject, whole groups of three characters, so that they are encoded once. */
  readonly #start: string
  readonly #end: string

  /** @param fromMs when they begin to hold, milliseconds since 1970. @param holdMs for how long. */
  constructor(secret: string, fromMs: number, holdMs: number) {
    this.#key = createSecretKey(Buffer.from(secret))
    const iat = Math.floor(fromMs / 1_000)
    const exp = Math.ceil((fromMs + holdMs) / 1_000)
    let start = `{"kind":"shopper","client":"replay","scope":"${SCOPES}","iat":${iat},"exp":${exp},"sub":"`
    // Blanks between members mean nothing.
    while (start.length % 3 !== 0) start = `{ ${start.slice(1)}`
    this.#start = `${HEADER}.${encode(start)}`
    this.#end = '"}'
  }

  /** @param shopperId in ASCII, without a character that JSON escapes. */
  of(shopperId: string): string {
    const signed = this.#start + encode(shopperId + this.#end)
    return `${signed}.${createHmac('sha256', this.#key).update(signed, 'latin1').digest('base64url')}`
  }
}
