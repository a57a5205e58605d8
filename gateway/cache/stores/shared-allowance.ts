import { BoundedMap } from './bounded-map.ts'

export interface SharedAllowanceOptions {
  /** Of values that are in Redis at once. */
  readonly entriesMax: number
  readonly bytesMax: number
  /** Default: `nowMs`. */
  readonly clock?: () => number
}

interface Written {
  readonly bytes: number
  readonly untilMs: number
}

/** Looked at before a value is refused. */
const SWEPT_AT_REFUSAL = 64

/**
 * What this process has in Redis and has not yet expired there. The cache lies beside what requests may spend, in a Redis
 * that drops nothing by itself (`noeviction`): so it must not depend on being evicted, and a fleet takes at most as many
 * times this as it has gateways.
 *
 * A key that is written again counts once, and not beside its former value: what is hot is refreshed many times within
 * the life of an entry, and an allowance by time would go to nothing else.
 */
export class SharedAllowance {
  readonly #options: SharedAllowanceOptions
  readonly #written: BoundedMap<Written>
  #refused = 0

  constructor(options: SharedAllowanceOptions) {
    this.#options = options
    const { entriesMax, bytesMax, clock } = options
    this.#written = new BoundedMap<Written>({
      entriesMax,
      bytesMax,
      bytesOf: ({ bytes }) => bytes,
      goneAtMs: ({ untilMs }) => untilMs,
      ...(clock === undefined ? {} : { clock }),
    })
  }

  /** @returns false: there is no place for it now; what was written before stays counted. */
  take(key: string, bytes: number, untilMs: number): boolean {
    if (!this.#fits(key, bytes)) {
      this.#written.sweep(SWEPT_AT_REFUSAL)
      if (!this.#fits(key, bytes)) {
        this.#refused++
        return false
      }
    }
    return this.#written.set(key, { bytes, untilMs })
  }

  /** Of the entries or of the bytes. What has expired counts until it is met. */
  get isHalfTaken(): boolean {
    const { entriesMax, bytesMax } = this.#options
    return 2 * this.#written.size >= entriesMax || 2 * this.#written.bytes >= bytesMax
  }

  get bytes(): number {
    return this.#written.bytes
  }

  /** Values that there was no place for, since the start. */
  get refused(): number {
    return this.#refused
  }

  #fits(key: string, bytes: number): boolean {
    const before = this.#written.get(key)
    const { size } = this.#written
    const { entriesMax, bytesMax } = this.#options
    return (
      size + (before === undefined ? 1 : 0) <= entriesMax &&
      this.#written.bytes - (before?.bytes ?? 0) + bytes <= bytesMax
    )
  }
}
