import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dropRedis, type RedisClient } from '../../../gateway/redis/redis-connection.ts'
import type { Rate } from '../../../gateway/surge/budgets.ts'
import type {
  Admitted,
  Arrival,
  LineMode,
  Lines,
  LineTerms,
  Place,
  Turn,
} from '../../../gateway/surge/lines.ts'
import { createMemoryLines } from '../../../gateway/surge/memory-lines.ts'
import { createRedisLines, type RedisLines } from '../../../gateway/surge/redis-lines.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { connectedRedis } from '../redis/connected-redis.ts'

type Step =
  | {
      readonly kind: 'arrive'
      readonly caller: number
      readonly points: number
      readonly mode: LineMode
      readonly placesMax: number
      /** Of one of the latest places that it was given, or of another life. */
      readonly shown: 'none' | 'own' | 'foreign'
      readonly inMs: number
    }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'giveBack'; readonly ago: number; readonly points: number; readonly isDueAgain: boolean }
  | { readonly kind: 'heed'; readonly isPaused: boolean }
  | { readonly kind: 'rate'; readonly rate: Rate }
  /** A turn that was promised elsewhere, after all that were promised here. */
  | { readonly kind: 'promised'; readonly inMs: number }

const TERMS: LineTerms = {
  horizonMs: 4_000,
  graceMs: 1_500,
  holdMs: 150,
  slack: 1 / 8,
  aheadMs: 500,
  placesMax: 6,
}
const RATES: readonly Rate[] = [
  { perSecond: 10, burst: 5 },
  { perSecond: 7, burst: 5 },
  { perSecond: 50, burst: 12 },
  { perSecond: 20, burst: 6 },
]
const CALLERS = 14
const MODES: readonly LineMode[] = ['OPEN', 'PLACES', 'SPENT', 'PAUSED']

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('arrive' as const),
      caller: fc.integer({ min: 0, max: CALLERS - 1 }),
      points: fc.constantFrom(1, 1, 1, 2, 5, 0.5),
      mode: fc.oneof({ weight: 8, arbitrary: fc.constant('OPEN' as const) }, fc.constantFrom(...MODES)),
      placesMax: fc.constantFrom(...Array(7).fill(Number.POSITIVE_INFINITY), 3, 0),
      shown: fc.constantFrom('none', 'none', 'none', 'own', 'foreign'),
      inMs: fc.integer({ min: -900, max: 4_500 }),
    }),
  },
  // Often about as long as a point takes, at times longer than a grace, and now and then the clock goes back.
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 0, max: 150 }) },
        { weight: 4, arbitrary: fc.integer({ min: 150, max: 900 }) },
        { weight: 2, arbitrary: fc.integer({ min: 900, max: 6_000 }) },
        fc.integer({ min: -5_000, max: 0 }),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('giveBack' as const),
      ago: fc.integer({ min: 0, max: 3 }),
      points: fc.integer({ min: 0, max: 3 }),
      isDueAgain: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('heed' as const), isPaused: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('rate' as const), rate: fc.constantFrom(...RATES) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('promised' as const),
      inMs: fc.integer({ min: 0, max: 5_000 }),
    }),
  },
)

let server: TestRedis
let redis: RedisClient
let inRedis: RedisLines
let nowMs = 1_795_000_000_000
const clock = (): number => nowMs
let tests = 0
beforeAll(async () => {
  server = await startRedis()
  redis = await connectedRedis(server.url)
  inRedis = createRedisLines({ redis, clock, terms: TERMS })
})
afterAll(async () => {
  dropRedis(redis)
  await server.stop()
})

/**
 * What both shall say alike: all but the name of the line's life.
 * @param isTied another has the same instant: who of them stands before the other is nobody's concern.
 */
function alike(turn: Turn, isTied: boolean): unknown {
  const close = (value: number): number => Math.round(value * 100) / 100
  if (turn.kind === 'kept') {
    const { admitAtMs, retryAfterMs, position, isNew, isMoved, waiting } = turn
    const told = { kind: 'kept', admitAtMs, retryAfterMs, isNew, isMoved, waiting }
    return isTied ? told : { ...told, position }
  }
  const availablePoints = close(turn.availablePoints)
  if (turn.kind === 'none') return { ...turn, availablePoints }
  const { caller, points, isStandby, waiting, lateMs, place } = turn
  const instant = place === undefined ? undefined : close(place.instantMs + place.shiftMs)
  return { caller, points, isStandby, waiting, lateMs: close(lateMs), availablePoints, instant }
}

/** One side of the comparison, with the tokens and points that it has given. */
class Side {
  readonly places = new Map<number, Place>()
  readonly taken: Admitted[] = []
  readonly lines: Lines
  readonly #given: [caller: number, place: Place][] = []

  constructor(lines: Lines) {
    this.lines = lines
  }

  async arrive(arrival: Arrival, caller: number): Promise<Turn> {
    const turn = await this.lines.arrive(arrival)
    if (turn.kind === 'kept') {
      this.places.set(caller, turn.place)
      this.#given.push([caller, turn.place])
    }
    if (turn.kind === 'admitted') this.taken.push(turn)
    return turn
  }

  /** Whether another was ever given the same instant. */
  isTied(caller: number, turn: Turn): boolean {
    if (turn.kind !== 'kept') return false
    const { instantMs } = turn.place
    return this.#given.some(
      ([other, place]) => other !== caller && Math.abs(place.instantMs - instantMs) < 0.01,
    )
  }
}

async function check(rate: Rate, steps: readonly Step[]): Promise<void> {
  let line = { key: `line ${++tests}`, rate }
  let promisedMs = 0
  const memory = createMemoryLines({ clock, terms: TERMS })
  const inMemory: Lines = {
    terms: TERMS,
    arrive: arrival => memory.arrive(arrival, 1, promisedMs),
    giveBack: (...given) => memory.giveBack(...given),
    heed: (...heeded) => memory.heed(...heeded),
  }
  const sides = [new Side(inMemory), new Side(inRedis)]
  // Who come without a step of another kind between them come at once, and ride in one call.
  let asked: { readonly at: number; readonly caller: number; readonly turns: Promise<readonly Turn[]> }[] = []
  const compare = async (): Promise<void> => {
    const all = await Promise.all(asked.map(async each => ({ ...each, turns: await each.turns })))
    asked = []
    for (const { at, caller, turns } of all) {
      const [inMemory, other] = turns.map((turn, side) => alike(turn, sides[side]!.isTied(caller, turn)))
      expect(other, `step ${at}`).toEqual(inMemory)
    }
  }
  for (const [at, each] of steps.entries()) {
    if (each.kind === 'arrive') {
      const { caller, shown, inMs, ...rest } = each
      const foreign = { epoch: `life-${inMs % 3}`, instantMs: inMs, shiftMs: nowMs }
      const turns = sides.map(side => {
        const place = { none: undefined, own: side.places.get(caller), foreign }[shown]
        return side.arrive({ ...rest, line, caller: `c${caller}`, shown: place, brakedPoints: 5 }, caller)
      })
      asked.push({ at, caller, turns: Promise.all(turns) })
      continue
    }
    if (each.kind === 'heed') {
      // Rides with those who come at once.
      for (const { lines } of sides) lines.heed(line, each.isPaused)
      continue
    }
    await compare()
    if (each.kind === 'pass') nowMs += each.ms
    else if (each.kind === 'rate') {
      // Until now points have flowed in at the rate that was, on either side.
      const nobody = { line, caller: 'nobody', points: 1, shown: undefined, placesMax: 0 }
      for (const { lines } of sides) await lines.arrive({ ...nobody, mode: 'SPENT', brakedPoints: 1 })
      line = { ...line, rate: each.rate }
    } else if (each.kind === 'promised') {
      promisedMs = Math.max(nowMs, inRedis.lastPromisedMs(line.key)) + each.inMs
      inRedis.promised(line.key, promisedMs)
    } else {
      for (const { lines, taken } of sides) {
        const given = taken.at(-1 - each.ago)
        if (given !== undefined) lines.giveBack(given, each.points, each.isDueAgain)
      }
    }
  }
  await compare()
}

describe('lines in Redis and lines in memory', () => {
  it('say the same to whoever comes, in whatever order it comes', async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 160 })
    await fc.assert(fc.asyncProperty(fc.constantFrom(...RATES), steps, check), {
      seed: 20_260_216,
      numRuns: 400,
    })
  })
})
