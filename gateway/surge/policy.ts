import { Fault } from '../../protocol/fault.ts'
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
  /** What its price is multiplied by; 1 unless it passes. */
  readonly costFactor: number
}

/** What a level is like, apart from whose request it is. */
export interface LevelTerms {
  /** Whether kept answers stay good for longer than their `staleMs`. */
  readonly stretchesStale: boolean
  /** Whether an answer is kept when it is asked for once; else when it is asked for again, not long after. */
  readonly keepsAtOnce: boolean
  /** When whoever is refused may ask again at the soonest, in milliseconds. */
  readonly retryAfterMs: number
}

export type RulingOf = (level: Level, standing: Standing) => Ruling
export type TermsOf = (level: Level) => LevelTerms

/** What is ruled now; the same object every time. */
export const rulingOf: RulingOf = (level, standing) => RULINGS[level][standing]

export const termsOf: TermsOf = level => TERMS[level]

/**
 * What a request gets that is refused, or for which nothing is kept; the same object every time. To make one takes more
 * (20 µs, its stack among it) than all else that a refusal does.
 * @param retryAfterMs whole seconds: no more are told apart.
 */
export function shedFault(level: Level, standing: Standing, retryAfterMs: number): Fault {
  const key = `${level} ${standing} ${retryAfterMs}`
  let fault = faults.get(key)
  if (fault === undefined) faults.set(key, (fault = makeFault(level, standing, retryAfterMs)))
  return fault
}

const PASS: Ruling = Object.freeze({ verdict: 'PASS', costFactor: 1 })
const PASS_AT_2: Ruling = Object.freeze({ verdict: 'PASS', costFactor: 2 })
const PASS_AT_4: Ruling = Object.freeze({ verdict: 'PASS', costFactor: 4 })
const KEPT: Ruling = Object.freeze({ verdict: 'KEPT', costFactor: 1 })
const REFUSE: Ruling = Object.freeze({ verdict: 'REFUSE', costFactor: 1 })

/**
 * The flood that comes by persisted operations is the cheapest to serve, so a text pays first: an unknown one has to be
 * parsed, validated, planned and compiled, several times the work of running it. What is being bought already goes before
 * what is about to be, and operators, who can end the rush, before everybody: they are never shed.
 */
const RULINGS: Readonly<Record<Level, Readonly<Record<Standing, Ruling>>>> = Object.freeze({
  CALM: Object.freeze({
    OPERATE: PASS,
    PAY: PASS,
    REDEEM: PASS,
    CLAIM: PASS,
    BROWSE: PASS,
    ADHOC: PASS,
    UNKNOWN_TEXT: PASS,
  }),
  BUSY: Object.freeze({
    OPERATE: PASS,
    PAY: PASS,
    REDEEM: PASS,
    CLAIM: PASS,
    BROWSE: PASS,
    ADHOC: PASS_AT_2,
    UNKNOWN_TEXT: PASS_AT_4,
  }),
  SURGE: Object.freeze({
    OPERATE: PASS,
    PAY: PASS,
    REDEEM: PASS,
    CLAIM: PASS,
    BROWSE: PASS,
    ADHOC: PASS_AT_4,
    UNKNOWN_TEXT: REFUSE,
  }),
  SHED: Object.freeze({
    OPERATE: PASS,
    PAY: PASS,
    REDEEM: PASS,
    CLAIM: KEPT,
    BROWSE: KEPT,
    ADHOC: REFUSE,
    UNKNOWN_TEXT: REFUSE,
  }),
})

/**
 * A level is left after 3 s without pressure at the soonest: who asks again sooner asks for nothing. At SURGE 5 s, that is
 * the 3 s and a while of the level below. At SHED 15 s: the way down to where everything passes takes 6 s, and a third as
 * many of those who are refused ask in any one second. A crowd is told more, each another time (`returns.ts`).
 */
const TERMS: Readonly<Record<Level, LevelTerms>> = Object.freeze({
  CALM: Object.freeze({ stretchesStale: false, keepsAtOnce: true, retryAfterMs: 1_000 }),
  BUSY: Object.freeze({ stretchesStale: false, keepsAtOnce: false, retryAfterMs: 1_000 }),
  SURGE: Object.freeze({ stretchesStale: true, keepsAtOnce: false, retryAfterMs: 5_000 }),
  SHED: Object.freeze({ stretchesStale: true, keepsAtOnce: false, retryAfterMs: 15_000 }),
})

/** One of each level, standing and second at most. */
const faults = new Map<string, Fault>()

function makeFault(level: Level, standing: Standing, retryAfterMs: number): Fault {
  const passing = Object.entries(RULINGS[level]).flatMap(([name, { verdict }]) =>
    verdict === 'PASS' ? [name] : [],
  )
  const fault = new Fault(
    'SURGE_SHED',
    `at ${level}: expected one of ${passing.join(', ')}, got ${standing}`,
    { retryAfterMs },
  )
  Object.freeze(fault.extensions)
  return fault
}
