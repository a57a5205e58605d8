import type { Logger } from 'pino'
import type { UnknownText } from './lookup.ts'

/** What is known of texts that are of no persisted operation. */
export interface UnknownTexts {
  note(unknown: UnknownText): void
  /** Requests with one. */
  readonly count: number
}

/** Texts of which it is remembered that they have been told of. */
const TOLD_MAX = 10_000
const LINES_MAX = 100
const LINES_EVERY_MS = 60_000

/**
 * Counts them all, and logs each once, by its hash: never the text, which may hold what a shopper wrote. Whoever sends
 * another text each time gets `LINES_MAX` lines a minute into the log and no more.
 */
export function createUnknownTexts(logger: Logger, now: () => number = Date.now): UnknownTexts {
  /** Oldest first. */
  const told = new Set<string>()
  let count = 0
  let lines = 0
  let sinceMs = Number.NEGATIVE_INFINITY

  function mayTell(): boolean {
    const nowMs = now()
    if (nowMs - sinceMs >= LINES_EVERY_MS) {
      sinceMs = nowMs
      lines = 0
    }
    return lines++ < LINES_MAX
  }

  return {
    note({ hash, chars, clientName }) {
      count++
      if (told.has(hash) || !mayTell()) return
      told.add(hash)
      if (told.size > TOLD_MAX) told.delete(told.values().next().value!)
      logger.info({ hash, chars, clientName }, 'a text that is of no persisted operation')
    },
    get count() {
      return count
    },
  }
}
