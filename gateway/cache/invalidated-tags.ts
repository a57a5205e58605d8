import type { Entry } from './entry.ts'
import { EVERYTHING } from './tags.ts'

/** When a tag was invalidated last. */
interface Mark {
  /** In the process's own order. */
  tick: number
  /** In the fleet's; 0: never, as far as is known. */
  version: number
  /** The tick of an invalidation that the fleet has not been told of; 0: there is none. */
  unsentTick: number
}

/**
 * What has been invalidated, tag by tag, as far as this process knows. Bounded: when the tag that was invalidated longest
 * ago is dropped, its moment becomes the floor, and what was born before the floor counts as void, whatever it carries. So
 * where tags without number are invalidated entries live for a shorter time, and none that is void is taken for good.
 */
export class InvalidatedTags {
  readonly #tagsMax: number
  /** In the order of their ticks. */
  readonly #marks = new Map<string, Mark>()
  readonly #floor: Mark = { tick: 0, version: 0, unsentTick: 0 }
  #tick = 0

  constructor(tagsMax: number) {
    this.#tagsMax = tagsMax
  }

  /** Of the last invalidation. */
  get tick(): number {
    return this.#tick
  }

  /** Tags that are remembered, each with its moment. */
  get size(): number {
    return this.#marks.size
  }

  /**
   * @param marks of {@link marksOf}.
   * @param version undefined: the fleet is to be told yet, see {@link InvalidatedTags.sent}.
   */
  add(marks: Iterable<string>, version: number | undefined): void {
    const tick = ++this.#tick
    const mark = { tick, version: version ?? 0, unsentTick: version === undefined ? tick : 0 }
    for (const tag of marks) {
      if (tag === EVERYTHING) raise(this.#floor, mark)
      else this.#add(tag, mark)
    }
  }

  /** The fleet has been told of these, as `version`, as far as they were invalidated up to `tick`. */
  sent(marks: Iterable<string>, tick: number, version: number): void {
    settle(this.#floor, tick, version)
    for (const tag of marks) {
      if (tag === EVERYTHING) for (const mark of this.#marks.values()) settle(mark, tick, version)
      const mark = this.#marks.get(tag)
      if (mark !== undefined) settle(mark, tick, version)
    }
  }

  /** What is in this process's memory is void from now on; of the fleet's entries nothing is said. */
  voidMemory(): void {
    this.#floor.tick = ++this.#tick
  }

  /** In the process's own order. */
  holdsHere({ born, tags }: Pick<Entry, 'born' | 'tags'>): boolean {
    if (born.tick >= this.#tick) return true
    if (born.tick < this.#floor.tick) return false
    for (const tag of tags) {
      const mark = this.#marks.get(tag)
      if (mark !== undefined && mark.tick > born.tick) return false
    }
    return true
  }

  /** In the fleet's order: false if the entry is void for certain. */
  mayHold({ born, tags }: Pick<Entry, 'born' | 'tags'>): boolean {
    if (isAfter(this.#floor, born.version)) return false
    for (const tag of tags) {
      const mark = this.#marks.get(tag)
      if (mark !== undefined && isAfter(mark, born.version)) return false
    }
    return true
  }

  #add(tag: string, mark: Mark): void {
    const known = this.#marks.get(tag) ?? { tick: 0, version: 0, unsentTick: 0 }
    raise(known, mark)
    this.#marks.delete(tag)
    this.#marks.set(tag, known)
    if (this.#marks.size <= this.#tagsMax) return
    const [oldest, dropped] = this.#marks.entries().next().value!
    this.#marks.delete(oldest)
    raise(this.#floor, dropped)
  }
}

/**
 * What is to be remembered of tags that are invalidated, so that an entry is void if it carries any of it: of `Type:key`
 * also `Type:*`, which entries with too many keys to name carry; of `Type:*` the whole type.
 */
export function marksOf(tags: Iterable<string>): ReadonlySet<string> {
  const marks = new Set<string>()
  for (const tag of tags) {
    if (tag === EVERYTHING) return EVERYTHING_ALONE
    if (tag === '') continue
    marks.add(tag)
    const end = tag.indexOf(':')
    if (end < 0) continue
    const type = tag.slice(0, end)
    const all = `${type}:*`
    marks.add(all)
    if (tag === all && type !== '') marks.add(type)
  }
  return marks
}

const EVERYTHING_ALONE: ReadonlySet<string> = new Set([EVERYTHING])

const isAfter = (mark: Mark, version: number): boolean => mark.unsentTick !== 0 || mark.version > version

function raise(mark: Mark, { tick, version, unsentTick }: Mark): void {
  mark.tick = Math.max(mark.tick, tick)
  mark.version = Math.max(mark.version, version)
  mark.unsentTick = Math.max(mark.unsentTick, unsentTick)
}

function settle(mark: Mark, tick: number, version: number): void {
  if (mark.unsentTick === 0 || mark.unsentTick > tick) return
  mark.unsentTick = 0
  mark.version = Math.max(mark.version, version)
}
