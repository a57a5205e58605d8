import { type Random, seeded } from '../../replay/seeded.ts'
import { Agenda } from './agenda.ts'

/** A crowd that comes for one thing each, against a limit of one point a request. */
export interface Crowd {
  readonly shoppers: number
  /** They come evenly spread by chance over so long. */
  readonly withinMs: number
  /** Points. */
  readonly perSecond: number
  readonly burst: number
  readonly seed: number
}

/** What a shopper is answered: it is admitted, or comes again after so long; `undefined`: it gives up. */
export type Answer = 'admitted' | number | undefined

/** How a limit answers, and what its callers make of it. */
export interface Policy {
  readonly name: string
  open(crowd: Crowd, random: Random): (shopper: number, nowMs: number, asked: number) => Answer
}

export interface CrowdFigures {
  readonly admitted: number
  readonly requestsPerSuccess: number
  /** In the busiest second. */
  readonly peakPerSecond: number
  /** From the first arrival to the last admission. */
  readonly drainS: number
  /** Of the points that flowed in until then. */
  readonly utilisation: number
  /** Mean of |rank admitted − rank arrived| ÷ those admitted: 0 is the order of arrival, a third is chance. */
  readonly displacement: number
}

/** The day in small: the first ten seconds of it, and a minute's work. */
export const CROWD: Crowd = {
  shoppers: 60_000,
  withinMs: 10_000,
  perSecond: 1_000,
  burst: 1_000,
  seed: 20_260_206,
}

/** What the way to the gateway adds, at most. */
const WAY_MS_MAX = 50
const SLOT_MS = 100
const SLOTS_A_SECOND = 10

/** Plays a crowd to its last shopper on a clock that jumps from one event to the next. */
export function simulate(policy: Policy, crowd: Crowd): CrowdFigures {
  const random = seeded(crowd.seed)
  const ask = policy.open(crowd, random)
  const { shoppers, withinMs, perSecond, burst } = crowd
  const agenda = new Agenda(shoppers)
  const arrivals = Float64Array.from({ length: shoppers }, () => random() * withinMs).sort()
  for (let shopper = 0; shopper < shoppers; shopper++) agenda.add(arrivals[shopper]!, shopper)
  const asked = new Int32Array(shoppers)
  const requests: number[] = []
  /** In the order of admission; shoppers are numbered in the order of arrival. */
  const admitted: number[] = []
  let lastMs = 0
  while (agenda.size > 0) {
    const nowMs = agenda.nextMs
    const shopper = agenda.take()
    const slot = Math.floor(nowMs / SLOT_MS)
    requests[slot] = (requests[slot] ?? 0) + 1
    const answer = ask(shopper, nowMs, asked[shopper]!++)
    if (answer === 'admitted') {
      admitted.push(shopper)
      lastMs = nowMs
    } else if (answer !== undefined) agenda.add(nowMs + answer + random() * WAY_MS_MAX, shopper)
  }
  const total = asked.reduce((sum, count) => sum + count, 0)
  return {
    admitted: admitted.length,
    requestsPerSuccess: total / admitted.length,
    peakPerSecond: peakOf(requests),
    drainS: lastMs / 1_000,
    utilisation: admitted.length / ((lastMs * perSecond) / 1_000 + burst),
    displacement: displacementOf(admitted),
  }
}

/** A row a policy, for people. */
export function tableOf(
  figures: ReadonlyMap<Policy, CrowdFigures>,
): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return Object.fromEntries(
    Array.from(figures, ([{ name }, each]) => [
      name,
      {
        admitted: each.admitted.toLocaleString('en'),
        'requests per success': each.requestsPerSuccess.toFixed(1),
        'peak requests/s': each.peakPerSecond.toLocaleString('en'),
        'drained after s': each.drainS.toFixed(0),
        utilisation: each.utilisation.toFixed(2),
        displacement: each.displacement.toPrecision(2),
      },
    ]),
  )
}

function peakOf(requests: readonly number[]): number {
  let peak = 0
  let second = 0
  for (let slot = 0; slot < requests.length; slot++) {
    second += (requests[slot] ?? 0) - (requests[slot - SLOTS_A_SECOND] ?? 0)
    peak = Math.max(peak, second)
  }
  return peak
}

function displacementOf(admitted: readonly number[]): number {
  const ranks = new Map([...admitted].sort((a, b) => a - b).map((shopper, rank) => [shopper, rank]))
  const moved = admitted.reduce((sum, shopper, rank) => sum + Math.abs(rank - ranks.get(shopper)!), 0)
  return moved / admitted.length ** 2
}
