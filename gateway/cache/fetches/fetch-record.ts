import type { DeadlineMs } from '../../../protocol/deadline.ts'
import type { Entry, Moment } from '../entry.ts'

/** One fetch of an execution, for who debugs. */
export interface FetchTrace {
  readonly subgraph: string
  /** Root fields, or types of entities. */
  readonly fields: readonly string[]
  /** SKIP: it was neither looked for nor kept. */
  readonly result: 'HIT' | 'STALE' | 'MISS' | 'DEDUPE' | 'SKIP'
  /** Of the oldest, whole milliseconds. */
  readonly ageMs?: number
  /** Entities. */
  readonly count?: number
}

/** What an execution's answer was made of, so that the whole of it may be kept. Complete once the execution has ended. */
export interface FetchRecord {
  /** Before its oldest part was asked for. */
  readonly born: Moment
  /** The smallest of its parts. */
  readonly freshUntilMs: DeadlineMs
  readonly staleUntilMs: DeadlineMs
  readonly stretchedUntilMs: DeadlineMs
  readonly tags: ReadonlySet<string>
  /** There was a fetch, and the answer to each was whole, PUBLIC, and such as may be kept. */
  readonly isKeepable: boolean
  /** Undefined: nobody wants it. */
  readonly trace: readonly FetchTrace[] | undefined
}

/** Only lists what it is told: most executions' records are never read. */
export class FetchRecording implements FetchRecord {
  readonly trace: FetchTrace[] | undefined
  readonly #parts: Entry[] = []
  #isSpoilt = false

  constructor(isTraced: boolean) {
    this.trace = isTraced ? [] : undefined
  }

  /** A part of the answer; undefined: one that cannot be kept. */
  add(entry: Entry | undefined, scope: 'PUBLIC' | 'PRIVATE'): void {
    if (entry === undefined || scope === 'PRIVATE') this.#isSpoilt = true
    else this.#parts.push(entry)
  }

  spoil(): void {
    this.#isSpoilt = true
  }

  /** A fetch that goes by the cache. */
  pass(subgraph: string, fields: readonly string[] = []): void {
    this.#isSpoilt = true
    this.trace?.push({ subgraph, fields, result: 'SKIP' })
  }

  get isKeepable(): boolean {
    return !this.#isSpoilt && this.#parts.length > 0
  }

  get born(): Moment {
    const least = (of: keyof Moment): number => this.#least(({ born }) => born[of])
    return { atMs: least('atMs'), tick: least('tick'), version: least('version') }
  }

  get freshUntilMs(): DeadlineMs {
    return this.#least(({ freshUntilMs }) => freshUntilMs)
  }

  get staleUntilMs(): DeadlineMs {
    return this.#least(({ staleUntilMs }) => staleUntilMs)
  }

  get stretchedUntilMs(): DeadlineMs {
    return this.#least(({ stretchedUntilMs }) => stretchedUntilMs)
  }

  get tags(): ReadonlySet<string> {
    const tags = new Set<string>()
    for (const part of this.#parts) for (const tag of part.tags) tags.add(tag)
    return tags
  }

  #least(of: (part: Entry) => number): number {
    return this.#parts.reduce((least, part) => Math.min(least, of(part)), Infinity)
  }
}
