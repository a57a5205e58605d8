import type { Entry } from '../entry.ts'
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

/** Tags that were invalidated within some time, and the latest of their moments. */
interface Generation {
  readonly marks: Map<string, Mark>
  readonly latest: Mark
}

/**
 * What has been invalidated, tag by tag, as far as this process knows. Bounded: tags are remembered in two generations;
 * when the younger is full it becomes the older, and of the one before only the latest moment stays, the floor: what was
 * born before it counts as void, whatever it carries. So where tags without number are invalidated entries live for a
 * shorter time, and none that is void is taken for good.
 *
 * (One Map in the order of moments would have a tag taken out and put back whenever it is invalidated again. V8 leaves what
 * is deleted in its place among the key's neighbours until the Map grows: 100 µs each time at 40,000 tags, against 0.1.)
 */
export class InvalidatedTags {
  readonly #generationMax: number
  #young = newGeneration()
  #old = newGeneration()
  readonly #floor = newMark()
  #tick = 0
  /** The newest version of any. */
  #version = 0
  /** The tick of the last invalidation, of any tag, that the fleet has not been told of; 0: there is none. */
  #unsentTick = 0

  /** @param tagsMax at least 2. */
  constructor(tagsMax: number) {
    this.#generationMax = Math.max(1, Math.floor(tagsMax / 2))
  }

  /** Of the last invalidation. */
  get tick(): number {
    return this.#tick
  }

  /** Moments that are remembered. */
  get size(): number {
    return this.#young.marks.size + this.#old.marks.size
  }

  /**
   * @param marks of {@link marksOf}.
   * @param version undefined: the fleet is to be told yet, see {@link InvalidatedTags.sent}.
   */
  add(marks: Iterable<string>, version: number | undefined): void {
    const tick = ++this.#tick
    const mark = { tick, version: version ?? 0, unsentTick: version === undefined ? tick : 0 }
    if (version === undefined) this.#unsentTick = tick
    else this.#version = Math.max(this.#version, version)
    for (const tag of marks) {
      if (tag === EVERYTHING) raise(this.#floor, mark)
      else this.#add(tag, mark)
    }
  }

  /** The fleet has been told of these, as `version`, as far as they were invalidated up to `tick`. */
  sent(marks: Iterable<string>, tick: number, version: number): void {
    this.#version = Math.max(this.#version, version)
    if (this.#unsentTick <= tick) this.#unsentTick = 0
    const isAll = new Set(marks).has(EVERYTHING)
    settle(this.#floor, tick, version)
    for (const generation of [this.#young, this.#old]) {
      settle(generation.latest, tick, version)
      if (isAll) for (const mark of generation.marks.values()) settle(mark, tick, version)
      for (const tag of marks) {
        const mark = generation.marks.get(tag)
        if (mark !== undefined) settle(mark, tick, version)
      }
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
      const mark = this.#markOf(tag)
      if (mark !== undefined && mark.tick > born.tick) return false
    }
    return true
  }

  /** In the fleet's order: false if the entry is void for certain. */
  mayHold({ born, tags }: Pick<Entry, 'born' | 'tags'>): boolean {
    if (born.version >= this.#version && this.#unsentTick === 0) return true
    if (isAfter(this.#floor, born.version)) return false
    for (const tag of tags) {
      const mark = this.#markOf(tag)
      if (mark !== undefined && isAfter(mark, born.version)) return false
    }
    return true
  }

  #markOf(tag: string): Mark | undefined {
    const mark = this.#young.marks.get(tag)
    return mark !== undefined || this.#old.marks.size === 0 ? mark : this.#old.marks.get(tag)
  }

  #add(tag: string, mark: Mark): void {
    let known = this.#young.marks.get(tag)
    if (known === undefined) {
      if (this.#young.marks.size >= this.#generationMax) this.#age()
      known = newMark()
      const before = this.#old.marks.get(tag)
      if (before !== undefined) raise(known, before)
      this.#young.marks.set(tag, known)
    }
    raise(known, mark)
    raise(this.#young.latest, known)
  }

  #age(): void {
    raise(this.#floor, this.#old.latest)
    this.#old = this.#young
    this.#young = newGeneration()
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

const newMark = (): Mark => ({ tick: 0, version: 0, unsentTick: 0 })

const newGeneration = (): Generation => ({ marks: new Map(), latest: newMark() })

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
