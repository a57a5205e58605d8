import type { Acknowledged, PlaceGiven } from './figures.ts'

const ID = /^[a-z]+_([0-9a-f]{2})_([0-9a-f]{32})$/
const ID_BYTES = 17
const STATES = ['', 'CREATED', 'AWAITING_PAYMENT', 'PAID', 'CANCELLED', 'REFUNDED']
const HAS_COUPON = 1
const HAS_ORDER = 2
const HAS_GIVEN_UP = 4

/**
 * What people were told, by their number: coupons, orders and places, to be held against the database afterwards. Flat
 * arrays, 84 bytes a head, so that a million who wait and a million who were served fit beside the load.
 */
export class Ledger {
  /** Told that they have a coupon. */
  coupons = 0
  readonly #has: Uint8Array
  readonly #couponIds: Buffer
  readonly #orderIds: Buffer
  readonly #states: Uint8Array
  /** Instants of places in milliseconds since 1970; 0: there is none. */
  readonly #askedMs: Float64Array
  readonly #answeredMs: Float64Array
  readonly #admitAtMs: Float64Array
  readonly #returnedMs: Float64Array
  readonly #admittedMs: Float64Array
  /** When the claims were sent by which coupons were issued. */
  readonly #issuingMs: Float64Array

  constructor(people: number) {
    this.#has = new Uint8Array(people)
    this.#couponIds = Buffer.alloc(people * ID_BYTES)
    this.#orderIds = Buffer.alloc(people * ID_BYTES)
    this.#states = new Uint8Array(people)
    this.#askedMs = new Float64Array(people)
    this.#answeredMs = new Float64Array(people)
    this.#admitAtMs = new Float64Array(people)
    this.#returnedMs = new Float64Array(people)
    this.#admittedMs = new Float64Array(people)
    this.#issuingMs = new Float64Array(people)
  }

  /** False: it is no coupon's id. @param issuingMs when the claim was sent, if it is the one that issued it. */
  coupon(who: number, couponId: string | undefined, issuingMs?: number): boolean {
    if (!writeId(this.#couponIds, who, couponId)) return false
    if ((this.#has[who]! & HAS_COUPON) === 0) this.coupons++
    this.#has[who]! |= HAS_COUPON
    if (issuingMs !== undefined) this.#issuingMs[who] = issuingMs
    return true
  }

  couponOf(who: number): string {
    return readId('coupon', this.#couponIds, who)
  }

  /** False: it is no order's id. */
  order(who: number, orderId: string | undefined, state: string | undefined): boolean {
    if (!writeId(this.#orderIds, who, orderId)) return false
    this.#has[who]! |= HAS_ORDER
    this.#states[who] = Math.max(0, STATES.indexOf(state ?? ''))
    return true
  }

  orderOf(who: number): string {
    return readId('order', this.#orderIds, who)
  }

  /** The first that was promised is what counts. */
  place(who: number, askedMs: number, answeredMs: number, admitAtMs: number): void {
    if (this.#admitAtMs[who] !== 0) return
    this.#askedMs[who] = askedMs
    this.#answeredMs[who] = answeredMs
    this.#admitAtMs[who] = admitAtMs
  }

  /** Asks for its coupon at this moment. */
  asks(who: number, atMs: number): void {
    if (this.#admitAtMs[who] === 0 || this.#returnedMs[who] !== 0 || atMs < this.#admitAtMs[who]!) return
    this.#returnedMs[who] = atMs
  }

  admitted(who: number, atMs: number): void {
    if (this.#admitAtMs[who] !== 0 && this.#admittedMs[who] === 0) this.#admittedMs[who] = atMs
  }

  givesUp(who: number): void {
    this.#has[who]! |= HAS_GIVEN_UP
  }

  acknowledged(shopperIdOf: (who: number) => string): Acknowledged[] {
    const all: Acknowledged[] = []
    for (let who = 0; who < this.#has.length; who++) {
      if ((this.#has[who]! & HAS_COUPON) === 0) continue
      const issuingMs = this.#issuingMs[who] || undefined
      const told = { shopperId: shopperIdOf(who), couponId: this.couponOf(who), issuingMs }
      if ((this.#has[who]! & HAS_ORDER) === 0) all.push(told)
      else
        all.push({ ...told, orderId: this.orderOf(who), orderState: STATES[this.#states[who]!] || undefined })
    }
    return all
  }

  /** In no particular order. */
  places(): PlaceGiven[] {
    const all: PlaceGiven[] = []
    for (let who = 0; who < this.#has.length; who++) {
      const admitAtMs = this.#admitAtMs[who]!
      if (admitAtMs === 0) continue
      const place: PlaceGiven = {
        askedMs: this.#askedMs[who]!,
        answeredMs: this.#answeredMs[who]!,
        admitAtMs,
      }
      if (this.#admittedMs[who] !== 0) place.admittedMs = this.#admittedMs[who]
      if (this.#returnedMs[who] !== 0) place.returnedMs = this.#returnedMs[who]
      if ((this.#has[who]! & HAS_GIVEN_UP) !== 0) place.hasGivenUp = true
      all.push(place)
    }
    return all
  }

  /** Actual admission minus promised instant, of those who had a place and were admitted; in milliseconds. */
  latenesses(): Float64Array {
    const all: number[] = []
    for (let who = 0; who < this.#has.length; who++) {
      if (this.#admittedMs[who] !== 0) all.push(this.#admittedMs[who]! - this.#admitAtMs[who]!)
    }
    return Float64Array.from(all)
  }
}

function writeId(into: Buffer, who: number, id: string | undefined): boolean {
  const match = ID.exec(id ?? '')
  if (match === null) return false
  into.write(match[1]! + match[2]!, who * ID_BYTES, ID_BYTES, 'hex')
  return true
}

function readId(type: string, from: Buffer, who: number): string {
  const hex = from.toString('hex', who * ID_BYTES, (who + 1) * ID_BYTES)
  return `${type}_${hex.slice(0, 2)}_${hex.slice(2)}`
}
