import { EVERYTHING } from './tags.ts'

/** More that wait become one: everything. */
const WAITING_MAX = 10_000

export interface TagOutboxOptions<Receipt> {
  /** Tells others of these, maybe of none; rejects when they may not have been told. */
  tell(marks: readonly string[]): Promise<Receipt>
  readonly waitingMax?: number
}

/**
 * What others are to be told of, kept until they have been. One call at a time: whatever comes while it is under way rides
 * in the next, together. What a failed call was to tell waits again, and may be told twice.
 */
export class TagOutbox<Receipt> {
  readonly #options: TagOutboxOptions<Receipt>
  #waiting = new Set<string>()
  #sending: Promise<Receipt> | undefined
  #sendingNext: Promise<Receipt> | undefined

  constructor(options: TagOutboxOptions<Receipt>) {
    this.#options = options
  }

  /** Tags that wait, those apart that are under way. */
  get size(): number {
    return this.#waiting.size
  }

  add(marks: Iterable<string>): void {
    const { waitingMax = WAITING_MAX } = this.#options
    for (const tag of marks) this.#waiting.add(tag)
    if (this.#waiting.size > waitingMax || this.#waiting.has(EVERYTHING))
      this.#waiting = new Set([EVERYTHING])
  }

  /** Tells of all that waits now, also if nothing does, in a call that begins after this one. */
  send(): Promise<Receipt> {
    this.#sendingNext ??= this.#sendAfter(this.#sending)
    return this.#sendingNext
  }

  /** Resolves when no call is under way. */
  async settled(): Promise<void> {
    while (this.#sendingNext !== undefined || this.#sending !== undefined)
      await (this.#sendingNext ?? this.#sending)?.catch(() => {})
  }

  async #sendAfter(before: Promise<Receipt> | undefined): Promise<Receipt> {
    await before?.catch(() => {})
    this.#sending = this.#sendingNext
    this.#sendingNext = undefined
    const marks = [...this.#waiting]
    this.#waiting.clear()
    try {
      return await this.#options.tell(marks)
    } catch (error) {
      this.add(marks)
      throw error
    } finally {
      this.#sending = undefined
    }
  }
}
