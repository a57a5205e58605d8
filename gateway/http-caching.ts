import type { Outcome } from './request.ts'

/** What caches between us and a client are told of an answer (RFC 9111). */
export interface HttpCaching {
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Of an answer to a GET: for how long anybody may keep it and give it to others. Ages and times are whole seconds, rounded
 * down, so that one may be served up to a second longer than it is fresh here. A stale answer says how old it is, and is
 * never told to be younger.
 *
 * @returns undefined: it is the client's alone, and for now alone.
 */
export function cachingOf({ json, errors, extensions, validity }: Outcome): HttpCaching | undefined {
  if (validity === undefined || json === undefined || errors !== undefined || extensions !== undefined)
    return undefined
  const [freshSeconds, staleSeconds, age] = [validity.freshMs, validity.staleMs, validity.ageMs].map(seconds)
  if (freshSeconds === 0) return undefined
  const stale = staleSeconds === 0 ? '' : `, stale-while-revalidate=${staleSeconds}`
  const { etag } = json
  return {
    etag,
    headers: { 'cache-control': `public, max-age=${freshSeconds}${stale}`, etag, age: `${age}` },
  }
}

/** Instants are no whole milliseconds, and what lies between two of them may be a little less than it was meant to be. */
const seconds = (ms: number): number => Math.max(0, Math.floor(Math.round(ms) / 1_000))

/** An entity tag of a list (RFC 9110, section 8.8.3), or what is none. */
const LISTED = /\s*(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)|[^,]*(?:,|$)/gy

/**
 * Whether the header if-none-match names the tag (RFC 9110, section 13.1.2), compared weakly: then its sender has the
 * answer already. What in it is no tag names none.
 */
export function isMatched(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  const opaque = etag.slice(etag.indexOf('"'))
  return ifNoneMatch.includes(opaque) && tagsIn(ifNoneMatch).includes(opaque)
}

function tagsIn(list: string): (string | undefined)[] {
  const tags: (string | undefined)[] = []
  for (const [whole, opaque] of list.matchAll(LISTED)) {
    if (whole === '') break
    tags.push(opaque)
  }
  return tags
}

/** What already matters to caches, and that the media type does. */
export function varyWithAccept(vary: string | undefined): string {
  return vary === undefined || vary === '' ? 'Accept' : `Accept, ${vary}`
}
