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
}

/** 32 MiB of memory at most. No text of more tokens than are served is longer in practice. */
const DEFAULT_LIMITS: PersistedTextLimits = Object.freeze({
  textsMax: 10_000,
  charsMax: 16 * 1024 * 1024,
  textCharsMax: 64 * 1024,
})

/** @param shared where all gateways of a fleet keep them; `undefined`: in this process alone. */
export function createPersistedTexts(
  shared?: SharedTexts,
  limits: Partial<PersistedTextLimits> = {},
): PersistedTexts {
  const { textsMax, charsMax, textCharsMax } = { ...DEFAULT_LIMITS, ...limits }
  /** Least recently used first. */
  const texts = new Map<string, string>()
  /** Those who ask for one at the same time ask Redis once. */
  const fetching = new Map<string, Promise<void>>()
  let chars = 0

  function remember(hash: string, text: string): void {
    if (texts.delete(hash)) chars -= text.length
    texts.set(hash, text)
    chars += text.length
    for (const [oldest, { length }] of texts) {
      if (texts.size <= textsMax && chars <= charsMax) return
      texts.delete(oldest)
      chars -= length
    }
  }

  async function fetchNow(hash: string, from: SharedTexts): Promise<void> {
    const text = await from.get(hash)
    fetching.delete(hash)
    if (text !== undefined && text.length <= textCharsMax) remember(hash, text)
  }

  return {
    find(hash) {
      const text = texts.get(hash)
      if (text !== undefined) {
        texts.delete(hash)
        texts.set(hash, text)
      }
      return text
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
      remember(hash, text)
      shared?.set(hash, text)
    },
    get kept() {
      return texts.size
    },
    get keptChars() {
      return chars
    },
  }
}
