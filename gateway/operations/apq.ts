import { nowMs } from '../../protocol/deadline.ts'

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

/** A text, and whether it has been shared, or comes from where they are: again costs no place there. */
interface Kept {
  readonly text: string
  readonly isShared: boolean
}

/** Where this process keeps texts: bounded, what was used longest ago makes place. */
export interface TextMemory {
  /** Counts as use. */
  get(hash: string): Kept | undefined
  has(hash: string): boolean
  set(hash: string, kept: Kept): unknown
  readonly size: number
  /** Two for each UTF-16 unit of the texts. */
  readonly bytes: number
}

/** Where all gateways keep them. Nothing here rejects. */
export interface SharedTexts {
  /** Whether it is worth asking. */
  readonly isUsable: boolean
  /** Resolves with the text, within a time that no request misses; `undefined`: it is not to be had. */
  get(hash: string): Promise<string | undefined>
  /** Nobody waits for it. */
  set(hash: string, text: string): void
}

/** As `openStores` makes them. */
export interface TextStores {
  readonly memory: TextMemory
  /** `undefined`: each process has its own. */
  readonly shared?: SharedTexts | undefined
}

export interface PersistedTextLimits {
  /** Of one, in UTF-16 units. */
  readonly textCharsMax: number
  /** Of new ones that are shared at once, and as many again a day; each has its key and its place on top. */
  readonly sharedCharsMax: number
}

/** No text of more tokens than are served is longer in practice. */
const DEFAULT_LIMITS: PersistedTextLimits = Object.freeze({
  textCharsMax: 64 * 1024,
  sharedCharsMax: 8 * 1024 * 1024,
})
/** What a text takes beside its own characters where it is shared. */
const ENTRY_CHARS = 256
const DAY_MS = 24 * 60 * 60 * 1_000

/**
 * Where texts are shared they lie beside what requests may spend, and nothing there makes place: so whoever registers a
 * million texts fills this process's memory up to its bound, and the fleet's by a gateway's allowance.
 */
export function createPersistedTexts(
  { memory, shared }: TextStores,
  limits: Partial<PersistedTextLimits> = {},
  clock: () => number = nowMs,
): PersistedTexts {
  const { textCharsMax, sharedCharsMax } = { ...DEFAULT_LIMITS, ...limits }
  /** Those who ask for one at the same time ask Redis once. */
  const fetching = new Map<string, Promise<void>>()
  let shareable = sharedCharsMax
  let sinceMs = clock()

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
    if (text !== undefined && text.length <= textCharsMax) memory.set(hash, { text, isShared: true })
  }

  return {
    find: hash => memory.get(hash)?.text,
    fetch(hash) {
      if (shared === undefined || memory.has(hash)) return undefined
      const known = fetching.get(hash)
      if (known !== undefined) return known
      if (!shared.isUsable) return undefined
      const made = fetchNow(hash, shared)
      fetching.set(hash, made)
      return made
    },
    keep(hash, text) {
      if (text.length > textCharsMax) return
      let isShared = memory.get(hash)?.isShared ?? false
      if (shared?.isUsable && (isShared || mayShare(text.length + ENTRY_CHARS))) {
        shared.set(hash, text)
        isShared = true
      }
      memory.set(hash, { text, isShared })
    },
    get kept() {
      return memory.size
    },
    get keptChars() {
      return memory.bytes / 2
    },
  }
}
