import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Rate } from '../../../gateway/surge/bucket.ts'
import type { Admitted, LineMode, LineTerms, Place, Turn } from '../../../gateway/surge/lines.ts'
import { createMemoryLines, type LocalLines } from '../../../gateway/surge/memory-lines.ts'
import { ObviousLine, type ObviousPlace, type ObviousTurn } from './obvious-line.ts'

type Step =
  | {
      readonly kind: 'arrive'
      readonly caller: number
      readonly points: number
      readonly mode: LineMode
      readonly braked: number
      readonly placesMax: number
      /** A place that was told before, one of the latest, or one of a life that nobody knows, so far from now. */
      readonly shows: { readonly ago: number } | { readonly aheadMs: number } | undefined
    }
  | { readonly kind: 'pass'; readonly ms: number }
  /** Until the instant that a caller was told last. */
  | { readonly kind: 'wait'; readonly caller: number }
  | { readonly kind: 'rate'; readonly index: number }
  | { readonly kind: 'heed'; readonly isPaused: boolean }
  | { readonly kind: 'giveBack'; readonly ago: number; readonly points: number; readonly isDueAgain: boolean }
  | { readonly kind: 'lose' }

interface Run {
  readonly rates: readonly Rate[]
  readonly steps: readonly Step[]
}

const TERMS: LineTerms = {
  horizonMs: 2_000,
  graceMs: 500,
  holdMs: 100,
  slack: 1 / 8,
  aheadMs: 300,
  placesMax: 9,
}
const CALLERS = 12
const POINTS_MAX = 4
const START_MS = 1_795_000_000_000

/** A point takes a power of two of milliseconds, so that the model's numbers are exact. */
const rates: fc.Arbitrary<Rate> = fc.record({
  perSecond: fc.integer({ min: -10, max: 1 }).map(power => 1_000 * 2 ** power),
  burst: fc.integer({ min: POINTS_MAX, max: 12 }),
})

const modes = fc.oneof(
  { weight: 12, arbitrary: fc.constant<LineMode>('OPEN') },
  { weight: 2, arbitrary: fc.constantFrom<LineMode>('PLACES', 'SPENT', 'PAUSED') },
)

const arrivals: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('arrive' as const),
  caller: fc.integer({ min: 0, max: CALLERS - 1 }),
  points: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: POINTS_MAX })),
  mode: modes,
  braked: fc.integer({ min: 0, max: 3 }),
  placesMax: fc.oneof(
    { weight: 9, arbitrary: fc.constant(Number.POSITIVE_INFINITY) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 6 }) },
  ),
  shows: fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined) },
    { weight: 4, arbitrary: fc.record({ ago: fc.integer({ min: 0, max: 9 }) }) },
    { weight: 1, arbitrary: fc.record({ aheadMs: fc.integer({ min: -600, max: 2_100 }) }) },
  ),
})

const waits: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('wait' as const),
  caller: fc.integer({ min: 0, max: CALLERS - 1 }),
})

const passes = (min: number, max: number): fc.Arbitrary<Step> =>
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min, max }) })

const refunds: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('giveBack' as const),
  ago: fc.integer({ min: 0, max: 3 }),
  points: fc.integer({ min: 0, max: POINTS_MAX }),
  isDueAgain: fc.boolean(),
})

const everyday = [
  { weight: 12, arbitrary: arrivals },
  { weight: 4, arbitrary: waits },
  { weight: 4, arbitrary: passes(0, 20) },
  { weight: 2, arbitrary: passes(0, 700) },
  { weight: 2, arbitrary: refunds },
]

const unusual: { readonly weight: number; readonly arbitrary: fc.Arbitrary<Step> }[] = [
  { weight: 1, arbitrary: passes(-3_000, -1) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rate' as const), index: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('heed' as const), isPaused: fc.boolean() }) },
  { weight: 1, arbitrary: passes(1_500, 4_000) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'lose' }) },
]

const runsOf = (steps: readonly { readonly weight: number; readonly arbitrary: fc.Arbitrary<Step> }[]) =>
  fc.record({
    rates: fc.array(rates, { minLength: 3, maxLength: 3 }),
    steps: fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 80 }),
  })

interface Told {
  readonly caller: string
  readonly real: Place
  readonly obvious: ObviousPlace
  readonly admitAtMs: number
}

interface Given {
  readonly real: Admitted
  readonly by: ObviousPlace | undefined
  readonly life: number
}

/** A line and the obvious one beside it. */
class Pair {
  nowMs = START_MS
  passedMs = 0
  readonly told: Told[] = []
  readonly given: Given[] = []
  /** Points admitted, and minus those given back, each at its instant. */
  readonly net: { readonly atMs: number; readonly points: number }[] = []
  /** Of the newcomers of this life, in the order in which they came. */
  instants: number[] = []
  /** Places that have admitted somebody, and were not given back. */
  readonly used = new Set<string>()
  /** Who has a place that is still good, by the last word of it. */
  readonly holding = new Map<string, { readonly admitAtMs: number }>()
  #lives = 0
  #rate: Rate
  #lines: LocalLines
  #obvious: ObviousLine
  #promisedMs = 0
  #strangers = 0

  constructor(rate: Rate) {
    this.#rate = rate
    this.#lines = createMemoryLines({ terms: TERMS, clock: () => this.nowMs })
    this.#obvious = new ObviousLine(TERMS, START_MS, 0, 0)
    this.#begin()
  }

  get #line() {
    return { key: 'line', rate: this.#rate }
  }

  take(step: Step, rates: readonly Rate[]): void {
    if (step.kind === 'pass') this.pass(step.ms)
    else if (step.kind === 'wait') {
      const admitAtMs = this.told.findLast(({ caller }) => caller === `c${step.caller}`)?.admitAtMs
      if (admitAtMs !== undefined && admitAtMs > this.nowMs) this.pass(admitAtMs - this.nowMs)
    } else if (step.kind === 'rate') this.#rate = rates[step.index]!
    else if (step.kind === 'heed') {
      this.#lines.heed(this.#line, step.isPaused)
      this.#obvious.heed(step.isPaused)
    } else if (step.kind === 'giveBack') this.#giveBack(step)
    else if (step.kind === 'lose') this.#lose()
    else this.arrive(step)
  }

  pass(ms: number): void {
    this.nowMs += ms
    this.passedMs += Math.max(0, ms)
    this.#obvious.pass(ms)
    // A step back is seen when the clock is looked at.
    this.#lines.giveBack(NOTHING(this.#line), 0, false)
  }

  arrive(step: Extract<Step, { kind: 'arrive' }>): Turn {
    const { points, mode, placesMax } = step
    const caller = `c${step.caller}`
    const brakedPoints = Math.min(this.#rate.burst, points + step.braked)
    const shown = this.#shownBy(caller, step.shows)
    const arrival = { line: this.#line, caller, points, mode, brakedPoints, placesMax }
    const turn = this.#lines.arrive({ ...arrival, shown: shown?.real }, 1, this.#promisedMs)
    const expected = this.#obvious.arrive({
      rate: this.#rate,
      caller,
      points,
      mode,
      brakedPoints,
      placesMax,
      shown: shown?.obvious,
    })
    this.#compare(turn, expected)
    this.#note(caller, turn, expected)
    return turn
  }

  get waiting(): number {
    return this.#lines.waiting
  }

  /** A line begins when it is first heard of: here by a pause that is over. */
  #begin(): void {
    for (const isPaused of [true, false]) {
      this.#lines.heed(this.#line, isPaused)
      this.#obvious.heed(isPaused)
    }
  }

  #shownBy(caller: string, shows: Extract<Step, { kind: 'arrive' }>['shows']) {
    if (shows === undefined) return undefined
    if ('ago' in shows) {
      const own = this.told.filter(told => told.caller === caller)
      return own[own.length - 1 - shows.ago]
    }
    const life = --this.#strangers
    const wallMs = this.nowMs + shows.aheadMs
    const real = { epoch: `stranger${-life}`, instantMs: 5, shiftMs: wallMs - 5 }
    return { caller, real, obvious: { caller, points: 1, life, instantMs: 0, wallMs }, admitAtMs: wallMs }
  }

  #giveBack({ ago, points, isDueAgain }: Extract<Step, { kind: 'giveBack' }>): void {
    const given = this.given.splice(this.given.length - 1 - ago, 1)[0]
    if (given === undefined) return
    const { real, by, life } = given
    const refund = Math.min(points, real.points)
    this.#lines.giveBack(real, refund, isDueAgain)
    if (life !== this.#lives) return
    if (isDueAgain && real.place !== undefined) this.used.delete(nameOf(real.caller, real.place))
    this.#obvious.giveBack(refund, by, isDueAgain)
    this.net.push({ atMs: this.passedMs, points: -refund })
  }

  #lose(): void {
    this.#promisedMs = Math.max(0, ...this.told.map(({ admitAtMs }) => admitAtMs))
    this.#lines = createMemoryLines({ terms: TERMS, clock: () => this.nowMs })
    this.#obvious = new ObviousLine(TERMS, this.nowMs, ++this.#lives, this.#promisedMs)
    this.#begin()
    this.net.length = 0
    this.instants = []
    this.holding.clear()
  }

  #compare(turn: Turn, expected: ObviousTurn): void {
    expect(turn.kind).toBe(expected.kind)
    const { availablePoints, waiting } = this.#obvious
    const retryAfterMs = 'retryMs' in expected ? Math.max(1, Math.ceil(expected.retryMs)) : 0
    if (turn.kind === 'admitted' && expected.kind === 'admitted') {
      const { points, isStandby, lateMs } = expected
      expect(turn).toMatchObject({ points, isStandby, lateMs, availablePoints, waiting })
      expect(turn.place?.instantMs).toBe(expected.by?.instantMs)
    } else if (turn.kind === 'kept' && expected.kind === 'kept') {
      const { position, isNew, isMoved, place } = expected
      expect(turn).toMatchObject({ position, isNew, isMoved, retryAfterMs, waiting })
      expect(turn.place.instantMs).toBe(place.instantMs)
      expect(turn.admitAtMs).toBe(Math.ceil(place.wallMs))
    } else if (turn.kind === 'none' && expected.kind === 'none') {
      expect(turn).toMatchObject({ reason: expected.reason, retryAfterMs, availablePoints, waiting })
    }
  }

  #note(caller: string, turn: Turn, expected: ObviousTurn): void {
    if (turn.kind === 'kept' && expected.kind === 'kept') {
      this.told.push({ caller, real: turn.place, obvious: expected.place, admitAtMs: turn.admitAtMs })
      this.holding.set(caller, turn)
      if (turn.isNew) {
        // In the order of arrival, whoever was told before.
        expect(turn.place.instantMs).toBeGreaterThan(this.instants.at(-1) ?? Number.NEGATIVE_INFINITY)
        this.instants.push(turn.place.instantMs)
      }
    }
    if (turn.kind === 'admitted' && expected.kind === 'admitted') {
      this.given.push({ real: turn, by: expected.by, life: this.#lives })
      this.net.push({ atMs: this.passedMs, points: turn.points })
      if (turn.place === undefined) return
      this.holding.delete(caller)
      const name = nameOf(caller, turn.place)
      expect(this.used).not.toContain(name)
      this.used.add(name)
    }
  }
}

const nameOf = (caller: string, { epoch, instantMs }: Place): string => `${epoch} ${instantMs} ${caller}`

/** Points of nobody's. */
const NOTHING = (line: Admitted['line']): Admitted => ({
  kind: 'admitted',
  line,
  caller: 'nobody',
  points: 1,
  availablePoints: 0,
  place: undefined,
  lateMs: 0,
  isStandby: false,
  waiting: 0,
})

/** What was admitted between any two instants has flowed in between them, or was there before. */
function assertWindows(net: Pair['net'], { perSecond, burst }: Rate): void {
  for (let from = 0; from < net.length; from++) {
    let points = 0
    for (let to = from; to < net.length; to++) {
      points += net[to]!.points
      const flowedIn = ((net[to]!.atMs - net[from]!.atMs) * perSecond) / 1_000
      expect(points).toBeLessThanOrEqual(flowedIn + burst + 1e-6)
    }
  }
}

const seed = 20_260_206

describe('lines in memory', () => {
  it('give the same turns as the obvious line, whatever comes', () => {
    fc.assert(
      fc.property(runsOf([...everyday, ...unusual]), ({ rates, steps }: Run) => {
        const pair = new Pair(rates[0]!)
        for (const step of steps) {
          pair.take(step, rates)
          expect(pair.waiting).toBeLessThanOrEqual(TERMS.placesMax)
        }
      }),
      { seed, numRuns: 3_000 },
    )
  })

  it('admit by its place, or move, whoever asks between its instant and the end of its grace', () => {
    fc.assert(
      fc.property(runsOf(everyday), ({ rates, steps }: Run) => {
        const pair = new Pair(rates[0]!)
        for (const step of steps) {
          const held = step.kind === 'arrive' ? pair.holding.get(`c${step.caller}`) : undefined
          if (step.kind !== 'arrive' || held === undefined) pair.take(step, rates)
          else {
            const lateMs = pair.nowMs - held.admitAtMs
            const turn = pair.arrive(step)
            if (lateMs < 0 || lateMs > TERMS.graceMs - 1 || step.mode === 'PAUSED') continue
            if (turn.kind === 'kept') expect(turn).toMatchObject({ isMoved: true, isNew: false })
            else expect(turn).toMatchObject({ kind: 'admitted', place: expect.anything() })
          }
        }
      }),
      { seed, numRuns: 1_000 },
    )
  })

  it('admit whoever comes when told by its second request, whatever others ask for', () => {
    const crowds = fc.record({
      rate: fc.record({
        perSecond: fc.constantFrom(125, 250, 500, 1_000, 2_000),
        // With less than twice what one asks for, a budget may be full at the very instant of somebody's turn.
        burst: fc.integer({ min: POINTS_MAX * 3, max: 24 }),
      }),
      newcomers: fc.array(
        fc.record({
          afterMs: fc.integer({ min: 0, max: 6 }),
          points: fc.integer({ min: 1, max: POINTS_MAX }),
        }),
        { minLength: 1, maxLength: 150 },
      ),
      areFirst: fc.boolean(),
    })
    fc.assert(
      fc.property(crowds, ({ rate, newcomers, areFirst }) => {
        let nowMs = START_MS
        const lines = createMemoryLines({ clock: () => nowMs, terms: { ...TERMS, placesMax: 1_000 } })
        const comes = new Map<
          number,
          { readonly caller: string; readonly points: number; readonly isTold: boolean }[]
        >()
        const put = (atMs: number, come: { caller: string; points: number; isTold: boolean }): void => {
          const others = comes.get(atMs) ?? []
          if (come.isTold !== areFirst) others.unshift(come)
          else others.push(come)
          comes.set(atMs, others)
        }
        let atMs = START_MS
        for (const [i, { afterMs, points }] of newcomers.entries()) {
          atMs += afterMs
          put(atMs, { caller: `c${i}`, points, isTold: false })
        }
        for (; comes.size > 0; nowMs++) {
          for (const { caller, points, isTold } of comes.get(nowMs) ?? []) {
            const turn = lines.arrive({
              line: { key: 'line', rate },
              caller,
              points,
              shown: undefined,
              mode: 'OPEN',
              brakedPoints: points,
              placesMax: Number.POSITIVE_INFINITY,
            })
            if (isTold) expect(turn).toMatchObject({ kind: 'admitted', place: expect.anything() })
            else if (turn.kind === 'kept') put(nowMs + turn.retryAfterMs, { caller, points, isTold: true })
          }
          comes.delete(nowMs)
        }
      }),
      { seed, numRuns: 500 },
    )
  })

  it('admit in no window more than rate × window + burst, net of what was given back', () => {
    fc.assert(
      fc.property(runsOf([...everyday, ...unusual.filter((_, i) => i !== 1)]), ({ rates, steps }: Run) => {
        const pair = new Pair(rates[0]!)
        for (const step of steps) {
          pair.take(step, rates)
          if (step.kind === 'lose') continue
          assertWindows(pair.net, rates[0]!)
        }
      }),
      { seed, numRuns: 500 },
    )
  })
})
