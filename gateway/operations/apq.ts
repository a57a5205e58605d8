import { nowMs } from '../../protocol/deadline.ts'
import type { SharedTexts } from './apq-redis.ts'

/**
 * Automatic persisted queries: texts that clients have registered under their hash, so that they need not send them
 * again. A text is here only once it proved valid: Apollo Server keeps it after validation.
 */
export interface PersistedTexts {
  /** The text, if this process knows it. */
  find(hash: string): string | undefined
  /**
   * Resolves when a text that another gateway may know is known here as well, or is not to be had; never rejects.
   * `undefined`: there is nothing to wait for.
   */
  fetch(hash: string): Promise<void> | undefined
  /** @param hash the text's SHA-256 in lower-case hex; a text that is too long is not kept. */
  keep(hash: string, text: string): void
  readonly kept: number
  /** In UTF-16 units, as JavaScript keeps them: two bytes each at most. */
  readonly keptChars: number
}

export interface PersistedTextLimits {
  readonly textsMax: number
  /** Of all together. */
  readonly charsMax: number
  /** Of one. */
  readonly textCharsMax: number
  /** Of new ones that are shared at once, and as many again a day; each has its key and its place on top. */
  readonly sharedCharsMax: number
}

/** 32 MiB of memory at most. No text of more tokens than are served is longer in practice. */
const DEFAULT_LIMITS: PersistedTextLimits = Object.freeze({
  textsMax: 10_000,
  charsMax: 16 * 1024 * 1024,
  textCharsMax: 64 * 1024,
  sharedCharsMax: 8 * 1024 * 1024,
})
/** What a text takes beside its own characters where it is shared. */
const ENTRY_CHARS = 256
const DAY_MS = 24 * 60 * 60 * 1_000

interface Kept {
  readonly text: string
  /** Whether it has been shared, or comes from where they are: again costs no place there. */
  readonly isShared: boolean
}

/**
 * Where texts are shared they lie beside what requests may spend, and nothing there makes place: so whoever registers a
 * million texts fills this process's memory up to its bound, and the fleet's by a gateway's allowance.
 * @param shared where all gateways of a fleet keep them; `undefined`: in this process alone.
 */
export function createPersistedTexts(
  shared?: SharedTexts,
  limits: Partial<PersistedTextLimits> = {},
  clock: () => number = nowMs,
): PersistedTexts {
  const { textsMax, charsMax, textCharsMax, sharedCharsMax } = { ...DEFAULT_LIMITS, ...limits }
  /** Least recently used first. */
  const texts = new Map<string, Kept>()
  /** Those who ask for one at the same time ask Redis once. */
  const fetching = new Map<string, Promise<void>>()
  let chars = 0
  let shareable = sharedCharsMax
  let sinceMs = clock()

  function remember(hash: string, text: string, isShared: boolean): void {
    if (texts.delete(hash)) chars -= text.length
    texts.set(hash, { text, isShared })
    chars += text.length
    for (const [oldest, kept] of texts) {
      if (texts.size <= textsMax && chars <= charsMax) return
      texts.delete(oldest)
      chars -= kept.text.length
    }
  }

  function mayShare(count: number): boolean {
    const atMs = clock()
    shareable = Math.min(sharedCharsMax, shareable + ((atMs - sinceMs) / DAY_MS) * sharedCharsMax)
    sinceMs = atMs
    if (shareable < count) return false
    shareable -= count
    return true
  }

  async function fetchNow(hash: string, from: SharedTexts): Promise<void> {
    const text = await from.get(hash)
    fetching.delete(hash)
    if (text !== undefined && text.length <= textCharsMax) remember(hash, text, true)
  }

  return {
    find(hash) {
      const kept = texts.get(hash)
      if (kept === undefined) return undefined
      texts.delete(hash)
      texts.set(hash, kept)
      return kept.text
    },
    fetch(hash) {
      if (shared === undefined || texts.has(hash)) return undefined
      const known = fetching.get(hash)
      if (known !== undefined) return known
      if (!shared.isUsable) return undefined
      const made = fetchNow(hash, shared)
      fetching.set(hash, made)
      return made
    },
    keep(hash, text) {
      if (text.length > textCharsMax) return
      let isShared = texts.get(hash)?.isShared ?? false
      if (shared?.isUsable && (isShared || mayShare(text.length + ENTRY_CHARS))) {
        shared.set(hash, text)
        isShared = true
      }
      remember(hash, text, isShared)
    },
    get kept() {
      return texts.size
    },
    get keptChars() {
      return chars
    },
  }
}
