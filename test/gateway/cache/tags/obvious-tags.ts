import { EVERYTHING } from '../../../../gateway/cache/tags/tags.ts'

/** What tags promise, as plainly as it can be said: every invalidation is kept, and looked through one by one. */
export class ObviousTags {
  readonly #invalidations: (readonly string[])[] = []

  /** How many invalidations there have been. */
  get moment(): number {
    return this.#invalidations.length
  }

  invalidate(tags: readonly string[]): void {
    this.#invalidations.push(tags)
  }

  /** @param moment of its birth. */
  holds(moment: number, carried: readonly string[]): boolean {
    return !this.isVoidBy(this.#invalidations.slice(moment).flat(), carried)
  }

  isVoidBy(tags: readonly string[], carried: readonly string[]): boolean {
    return tags.some(tag => isVoid(tag, carried))
  }

  /** Different tags, and what is remembered with them, since that moment. */
  tagsSince(moment: number): number {
    const tags = this.#invalidations.slice(moment).flat()
    return new Set(tags.flatMap(tag => [tag, typeOf(tag), `${typeOf(tag)}:*`])).size
  }
}

function isVoid(tag: string, carried: readonly string[]): boolean {
  if (tag === EVERYTHING) return true
  if (!tag.includes(':')) return carried.includes(tag)
  if (tag.endsWith(':*')) return carried.some(one => typeOf(one) === typeOf(tag))
  return carried.includes(tag) || carried.includes(`${typeOf(tag)}:*`)
}

const typeOf = (tag: string): string => tag.replace(/:.*$/, '')
