import type { Priority } from '../../protocol/priority.ts'
import type { Level } from './level.ts'

/** Whose request it is: of a priority, or of a text that nobody has compiled yet. */
export type Standing = Priority | 'UNKNOWN_TEXT'

/** What a level makes of a request. */
export interface Ruling {
  /**
   * `PASS`; `KEPT`: what is kept answers it, fresh or stale, or else its place, and nothing else does; `REFUSE`, at once. A
   * place that is due passes whatever is ruled.
   */
  readonly verdict: 'PASS' | 'KEPT' | 'REFUSE'
  /** What its price is multiplied by. */
  readonly costFactor: number
}

/** What a level is like, apart from whose request it is. */
export interface LevelTerms {
  /** Whether kept answers stay good for longer than their `staleMs`. */
  readonly stretchesStale: boolean
  /** When whoever is refused may ask again, in milliseconds. */
  readonly retryAfterMs: number
}

export type RulingOf = (level: Level, standing: Standing) => Ruling
export type TermsOf = (level: Level) => LevelTerms
