/** Keys that can be told apart; of more, the older are forgotten bit by bit. 256 KiB. */
const PLACES = 65_536

/**
 * Remembers by its hash which keys have been met not long ago: until another one takes its place, so among the last tens
 * of thousands. Two keys of one hash are taken for one another, which costs a place and no more.
 */
export class AskedBefore {
  readonly #hashes = new Uint32Array(PLACES)

  /** Whether the key was met before; from now on it was. */
  meet(key: string): boolean {
    const hash = hashOf(key)
    const place = hash % PLACES
    if (this.#hashes[place] === hash) return true
    this.#hashes[place] = hash
    return false
  }
}

/** FNV-1a of its code units, never 0. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash >>> 0 || 1
}
