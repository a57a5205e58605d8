import { EVERYTHING } from '../tags/tags.ts'

/** Of one tag, whatever it names. */
const TAG_CHARACTERS_MAX = 256

/** No blanks, no control characters: what an operator could neither see nor type. */
const VISIBLE = /^[^\p{C}\p{Z}]+$/u

/**
 * The tags of one entry, or of one invalidation, as they are found. Tags of the form `Prefix:key` are at most so many in
 * all: where there are more, those of the prefix that has most become `Prefix:*`, which stands for all of them. So does a
 * key that is no tag.
 */
export class TagSet {
  readonly #keysMax: number
  readonly #isCarried: boolean
  readonly #plain = new Set<string>()
  /** By prefix; `undefined`: `Prefix:*`. */
  readonly #keys = new Map<string, Set<string> | undefined>()
  #count = 0

  /** @param isCarried by an entry: then whatever has `Prefix:key` has `Prefix` too, by which all of it can be voided. */
  constructor(keysMax: number, isCarried: boolean) {
    this.#keysMax = keysMax
    this.#isCarried = isCarried
  }

  /** A type, or a tag without a key. */
  add(tag: string): void {
    this.#plain.add(tag)
  }

  /** @param key a scalar; of anything else, or of what is no tag: every key. */
  addKey(prefix: string, key: unknown): void {
    if (this.#isCarried) this.#plain.add(prefix)
    const known = this.#keys.get(prefix)
    if (known === undefined && this.#keys.has(prefix)) return
    const text = keyText(key)
    if (text === undefined || prefix.length + 1 + text.length > TAG_CHARACTERS_MAX) {
      this.#collapse(prefix)
      return
    }
    const keys = known ?? new Set()
    if (known === undefined) this.#keys.set(prefix, keys)
    if (keys.has(text)) return
    keys.add(text)
    if (++this.#count > this.#keysMax) this.#collapse(this.#largest())
  }

  /**
   * A tag that came as a whole, `Product` or `Product:42`; of what is no scalar: everything. Text that nothing carries,
   * such as one with a blank, is left out: who mistypes a tag has not asked for everything to be void.
   */
  addText(value: unknown): void {
    const text = scalarText(value)
    const end = text?.indexOf(':') ?? -1
    const prefix = text?.slice(0, Math.max(end, 0)) ?? ''
    if (text === undefined || text === EVERYTHING) this.add(EVERYTHING)
    else if (isTag(prefix) && text !== `${prefix}:*`) this.addKey(prefix, text.slice(end + 1))
    else if (isTag(text)) this.add(text)
  }

  list(): string[] {
    if (this.#plain.has(EVERYTHING)) return [EVERYTHING]
    const tags = [...this.#plain]
    for (const [prefix, keys] of this.#keys) {
      if (keys === undefined) tags.push(`${prefix}:*`)
      else for (const key of keys) tags.push(`${prefix}:${key}`)
    }
    return tags
  }

  #collapse(prefix: string): void {
    this.#count -= this.#keys.get(prefix)?.size ?? 0
    this.#keys.set(prefix, undefined)
  }

  #largest(): string {
    let found = ''
    let most = -1
    for (const [prefix, keys] of this.#keys)
      if (keys !== undefined && keys.size > most) {
        found = prefix
        most = keys.size
      }
    return found
  }
}

function keyText(key: unknown): string | undefined {
  const text = scalarText(key)
  return text !== undefined && text !== '*' && VISIBLE.test(text) ? text : undefined
}

function scalarText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? String(value)
    : undefined
}

const isTag = (text: string): boolean => text.length <= TAG_CHARACTERS_MAX && VISIBLE.test(text)
