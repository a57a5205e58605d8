import type { Caller } from '../protocol/caller.ts'
import { Fault } from '../protocol/fault.ts'
import type { FieldLimit } from './cost/field-limits.ts'
import type { CompiledLimit } from './cost/field-limits-compile.ts'
import { type Draw, throttled, tooDear, tooDearAtOnce, tooDearFor } from './cost-refusals.ts'
import type { CostSettings } from './cost-settings.ts'
import type { Variables } from './execution/variables.ts'
import type { ServableOperation } from './operations/registry.ts'
import { pursesOf } from './purse.ts'
import type { LineStatus } from './status-answer.ts'
import type { Bucket, BudgetStore, NotNow, Rate, Taken } from './surge/budgets.ts'

/** Who asks for what. */
export interface Demand {
  readonly caller: Caller
  /** Where from: what whoever has no name is known by. */
  readonly address: string
  readonly operation: ServableOperation
  /** Coerced. */
  readonly variables: Variables
  /** What the plan is estimated at, by subgraph; asked for only where subgraphs have ceilings. */
  readonly planned: () => Promise<ReadonlyMap<string, number>>
}

/** What limits of fields are like now. */
export interface FieldControls {
  /** The budget of a key, of the rate that is declared or that an operator has set. */
  bucketOf(limit: FieldLimit, key: string): Bucket
  /** What is known of a line, by its bucket's key; asking keeps it known. */
  statusOf(limited: CompiledLimit, key: string, variables: Variables): LineStatus | undefined
}

/** What of its price a request is told, in the form that users of cost-limited APIs know. Points. */
export interface CostExtension {
  readonly requestedQueryCost: number
  /** Null when nothing was executed. */
  readonly actualQueryCost: number | null
  /** Of the caller's budget; absent for whoever draws on none. */
  readonly throttleStatus?: ThrottleStatus
}

export interface ThrottleStatus {
  readonly maximumAvailable: number
  readonly currentlyAvailable: number
  /** A second. */
  readonly restoreRate: number
}

/** Why requests were refused for what they cost, or would have been. */
export const REFUSALS = ['slicing', 'maximum', 'subgraph', 'caller', 'field'] as const
export type Refusal = (typeof REFUSALS)[number]

export interface Spending {
  /**
   * Estimates a request and reserves its points, all of them or none: of the caller, then of each limited field. What a
   * refused one had reserved is given back.
   */
  reserve(demand: Demand): Reservation | Promise<Reservation>
  /** One point of the caller's, for an answer that is there already: nothing is estimated, no field is asked for. */
  reservePoint(caller: Caller, address: string): Reservation | Promise<Reservation>
  /**
   * What a request has spent; the rest is its caller's again.
   * @param actual undefined: nothing was executed.
   */
  settle(reservation: Reservation, actual: number | undefined): CostExtension
  /** Points, since the start; of those that are refused for the maximum none. */
  readonly estimated: number
  readonly actual: number
  refusedFor(reason: string): number
}

/** One request's points. */
export interface Reservation {
  readonly estimated: number
  /** Why the request goes no further; never when costs are only measured. */
  readonly fault: Fault | undefined
}

/**
 * A line that is paused or has nothing left passes one in so many: who asks in calm still hears the subgraph's own words,
 * and a crowd is turned away here.
 */
export const BRAKE_FACTOR = 20

/** What an answer costs that is kept. */
export const KEPT_POINTS = 1

/** Points are sums of times; whoever has 50 shall not read 49. */
const ROUNDING = 1e-6

export interface SpendingOptions {
  readonly settings: CostSettings
  readonly budgets: BudgetStore
  readonly fields: FieldControls
}

class Open implements Reservation {
  estimated = 0
  /** Taken of each of the caller's budgets. */
  charged = 0
  fault: Fault | undefined
  /** By the budgets that they are of. */
  readonly ofCaller: Taken[] = []
  readonly ofFields: Taken[] = []
  /** The caller's first budget, as it was left. */
  bucket: Bucket | undefined
  availablePoints = 0
}

/** The steps cost, caller and field of a request, and what they are settled with. */
export function createSpending({ settings, budgets, fields }: SpendingOptions): Spending {
  const enforces = settings.mode === 'enforce'
  const ceilings = Object.entries(settings.subgraphs).filter(([, { max }]) => max !== undefined)
  const refused = new Map<Refusal, number>(REFUSALS.map(reason => [reason, 0]))
  const purseOf = pursesOf(settings.tiers)
  let estimated = 0
  let spent = 0

  /** @returns whether the request ends here. */
  function refuse(open: Open, reason: Refusal, fault: () => Fault): boolean {
    refused.set(reason, refused.get(reason)! + 1)
    if (!enforces) return false
    open.fault = fault()
    giveBackAll(open)
    return true
  }

  function giveBackAll({ ofCaller, ofFields }: Open): void {
    for (const taken of ofCaller) budgets.callers.giveBack(taken, taken.points)
    for (const taken of ofFields.toReversed()) budgets.fields.giveBack(taken, taken.points)
  }

  function drawsOf(
    { caller, address, operation, variables }: Demand,
    open: Open,
    roots: readonly number[],
  ): Draw[] {
    const draws: Draw[] = []
    // A list of no members costs nothing, and its subgraph is asked for it all the same.
    const price = Math.max(open.estimated, operation.cost.pointsMin)
    const { key: whose, buckets } = purseOf(caller, address)
    open.bucket = buckets[0]
    open.charged = price
    if (price > 0) for (const bucket of buckets) draws.push(drawOnCaller(bucket, price))
    const limits = operation.cost.limitsFor(caller)
    if (limits === undefined) return draws
    const ofCaller = draws.length
    for (const limited of limits) {
      const { limit, index, keyOf } = limited
      const ofField = roots[index]!
      if (ofField === 0) continue
      const key = keyOf(variables, whose)
      const bucket = fields.bucketOf(limit, key)
      // Asked for twice under two names it is one demand: each by itself may fit where both together never do.
      const at = draws.findIndex((draw, i) => i >= ofCaller && draw.bucket.key === bucket.key)
      const known = draws[at]
      const state = known === undefined ? fields.statusOf(limited, key, variables) : known.braked
      const draw = drawOn(bucket, limit, ofField + (known?.price ?? 0), state)
      if (known === undefined) draws.push(draw)
      else draws[at] = draw
    }
    return draws
  }

  function take(open: Open, draws: readonly Draw[], from: number): Open | Promise<Open> {
    for (let i = from; i < draws.length; i++) {
      const draw = draws[i]!
      if (draw.points > draw.bucket.rate.burst) {
        if (refuse(open, draw.reason, () => tooDearAtOnce(draw))) return open
        continue
      }
      const { callers, fields: lines } = budgets
      const taken = (draw.reason === 'caller' ? callers : lines).take(draw.bucket, draw.points)
      if (taken instanceof Promise)
        return taken.then(answer => (note(open, draw, answer) ? open : take(open, draws, i + 1)))
      if (note(open, draw, taken)) return open
    }
    return open
  }

  /** @returns whether the request ends here. */
  function note(open: Open, draw: Draw, answer: Taken | NotNow): boolean {
    if (draw.bucket === open.bucket) open.availablePoints = answer.availablePoints
    if (!answer.isAdmitted) return refuse(open, draw.reason, () => throttled(draw, answer))
    if (draw.reason === 'caller') open.ofCaller.push(answer)
    else open.ofFields.push(answer)
    return false
  }

  async function withinCeilings(demand: Demand, open: Open): Promise<boolean> {
    const planned = await demand.planned()
    for (const [name, { max }] of ceilings) {
      const points = planned.get(name) ?? 0
      if (points > max! && refuse(open, 'subgraph', () => tooDearFor(name, points, max!))) return false
    }
    return true
  }

  return {
    reserve(demand) {
      const { operation, variables } = demand
      const open = new Open()
      let roots: readonly number[]
      try {
        const estimate = operation.cost.estimate.estimate(variables)
        open.estimated = estimate.total
        roots = estimate.roots
      } catch (reason) {
        if (!(reason instanceof Fault)) throw reason
        refuse(open, 'slicing', () => reason)
        return open
      }
      if (open.estimated > settings.max) {
        const explained = (): Fault =>
          tooDear(open.estimated, settings.max, operation.cost.estimate.explain(variables))
        if (refuse(open, 'maximum', explained)) return open
      }
      // Those that are refused above may be estimated at anything: a few of them, and no other would show in the sum.
      estimated += open.estimated
      const draw = (): Open | Promise<Open> => take(open, drawsOf(demand, open, roots), 0)
      if (ceilings.length === 0) return draw()
      return withinCeilings(demand, open).then(isWithin => (isWithin ? draw() : open))
    },
    reservePoint(caller, address) {
      const open = new Open()
      open.estimated = open.charged = KEPT_POINTS
      estimated += KEPT_POINTS
      const { buckets } = purseOf(caller, address)
      open.bucket = buckets[0]
      return take(
        open,
        buckets.map(bucket => drawOnCaller(bucket, KEPT_POINTS)),
        0,
      )
    },
    settle(reservation, actual) {
      const open = reservation as Open
      const { bucket, ofCaller, charged } = open
      let returned = charged
      if (open.fault === undefined) {
        if (actual === undefined) giveBackAll(open)
        else {
          spent += actual
          // Asking is never free: what failed has had its work done.
          const rest = charged - Math.min(charged, Math.max(1, actual))
          if (rest > 0) for (const taken of ofCaller) budgets.callers.giveBack(taken, rest)
          returned = rest
        }
      }
      const available = open.availablePoints + (ofCaller[0]?.bucket === bucket ? returned : 0)
      const status =
        bucket === undefined || charged === 0 ? undefined : throttleStatusOf(bucket.rate, available, budgets)
      const told = { requestedQueryCost: open.estimated, actualQueryCost: actual ?? null }
      return status === undefined ? told : { ...told, throttleStatus: status }
    },
    get estimated() {
      return estimated
    },
    get actual() {
      return spent
    },
    refusedFor: reason => refused.get(reason as Refusal) ?? 0,
  }
}

/** Of a share where Redis is gone: whoever counted on the whole would come back too soon. */
function throttleStatusOf(
  { perSecond, burst }: Rate,
  available: number,
  { source, gateways }: BudgetStore,
): ThrottleStatus {
  const parts = source === 'share' ? gateways : 1
  const maximumAvailable = parts === 1 ? burst : Math.floor(burst / parts)
  return {
    maximumAvailable,
    currentlyAvailable: Math.floor(Math.min(maximumAvailable, available + ROUNDING)),
    restoreRate: perSecond / parts,
  }
}

const drawOnCaller = (bucket: Bucket, points: number): Draw => ({
  reason: 'caller',
  subject: bucket.key,
  bucket,
  points,
  price: points,
  braked: undefined,
})

function drawOn(
  bucket: Bucket,
  { coordinate, per }: FieldLimit,
  price: number,
  state: LineStatus | undefined,
): Draw {
  const isBraked = state !== undefined && (state.isPaused || state.remaining === 0)
  return {
    reason: 'field',
    subject: per === 'CALLER' ? `${coordinate} for each caller` : coordinate,
    bucket,
    points: isBraked ? Math.max(price, Math.min(bucket.rate.burst, price * BRAKE_FACTOR)) : price,
    price,
    braked: isBraked ? state : undefined,
  }
}
