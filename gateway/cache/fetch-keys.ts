import { callerDigest, digestOf } from './caller-digest.ts'
import { canonicalJson } from './canonical.ts'
import type { Asker, CachedFetch, Values } from './fetch-request.ts'

/** Variables with longer text are not worth it: hardly anybody asks the same. */
const VARIABLES_CHARS_MAX = 16 * 1024
/** Of what comes after a key's label; longer is hashed. */
const KEY_CHARS_MAX = 256

/**
 * What all keys of one fetch begin with: the digest of what is the same each time it is sent.
 * @param rootKey of entities; undefined: the answer is kept whole.
 */
export function baseOf(fetch: CachedFetch, schemaHash: string, rootKey: string | undefined): string {
  return digestOf(JSON.stringify([fetch.service, schemaHash, rootKey ?? null, fetch.operation]))
}

/**
 * What differs between two times that a fetch is sent: its variables, the client's headers that the subgraph is shown, and
 * whose the answer is. Headers and callers are hashed, since tokens and names have no business in Redis.
 * @returns undefined: nothing of it is to be kept.
 */
export function askedOf(
  fetch: CachedFetch,
  asker: Asker,
  variables: Values,
  scope: 'PUBLIC' | 'PRIVATE',
): string | undefined {
  const values = textOf(variables)
  if (values === undefined || values.length > VARIABLES_CHARS_MAX) return undefined
  const passedOn = asker.headersFor?.(fetch.service)
  const headers = passedOn === undefined ? '' : digestOf(textOf(passedOn)!)
  const caller = scope === 'PRIVATE' ? callerDigest(asker.caller) : ''
  // JSON holds no line feed as it is, and begins with a brace, as no digest does.
  const asked = `${values}\n${headers}\n${caller}`
  return asked.length > KEY_CHARS_MAX / 2 ? digestOf(asked) : asked
}

/**
 * The key, exact: no two answers share one.
 * @param label what the key's metrics go by; without a space.
 * @param representation of an entity.
 * @returns undefined: it is not to be kept.
 */
export function keyOf(
  label: string,
  base: string,
  asked: string,
  representation?: object,
): string | undefined {
  let rest = asked
  if (representation !== undefined) {
    const text = textOf(representation)
    if (text === undefined) return undefined
    rest += `\n${text}`
  }
  return rest.length > KEY_CHARS_MAX ? `${label} ${base}#${digestOf(rest)}` : `${label} ${base}${rest}`
}

/** Undefined of what JSON does not carry as it is: who sends that is answered without the cache. */
function textOf(value: object): string | undefined {
  try {
    return canonicalJson(value)
  } catch {
    return undefined
  }
}
