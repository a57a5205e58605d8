import type { Caller } from '../protocol/caller.ts'
import { Fault, withoutStack } from '../protocol/fault.ts'
import { throttled, tooDear, tooDearAtOnce, tooDearFor } from './cost-refusals.ts'
import type { CostSettings } from './cost-settings.ts'
import {
  type Draw,
  drawOnCaller,
  drawsOnFields,
  type FieldControls,
  type FieldDemand,
  type PointsDraw,
  type TurnDraw,
} from './draws.ts'
import { keptPlaceFault, type PlaceTold } from './kept-place.ts'
import type { ServableOperation } from './operations/registry.ts'
import type { PlaceTurns } from './place-turns.ts'
import { pursesOf } from './purse.ts'
import type { Bucket, BudgetStore, NotNow, Rate, Taken } from './surge/budgets.ts'
import type { Admitted, Turn } from './surge/lines.ts'

/** Who asks for what. */
export interface Demand extends FieldDemand {
  /** Where from: what whoever has no name is known by. */
  readonly address: string
  /** What the caller pays for a point. */
  readonly costFactor: number
  /** What the plan is estimated at, by subgraph; asked for only where subgraphs have ceilings. */
  readonly planned: () => Promise<ReadonlyMap<string, number>>
}

/** As much of a request as may show a place. */
export type PlaceShown = Pick<Demand, 'caller' | 'address' | 'operation' | 'variables' | 'placeToken'>

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
export const REFUSALS = ['slicing', 'maximum', 'subgraph', 'caller', 'field', 'place'] as const
export type Refusal = (typeof REFUSALS)[number]

export interface Spending {
  /**
   * Estimates a request and reserves its points, all of them or none: of the caller, then of each limited field. What a
   * refused one had reserved is given back.
   */
  reserve(demand: Demand): Reservation | Promise<Reservation>
  /** Whether a line decides over the operation: whoever has to wait gets a place. */
  hasPlaces(operation: ServableOperation, caller: Caller): boolean
  /** Whether a place is shown, in one of its lines, whose turn has come by what it was promised. */
  hasDuePlace(asked: PlaceShown): boolean
  /** One point of the caller's, for an answer that is there already: nothing is estimated, no field is asked for. */
  reservePoint(caller: Caller, address: string): Reservation | Promise<Reservation>
  /**
   * What a request has spent; the rest is its caller's again.
   * @param actual undefined: nothing was executed.
   * @param isInVain nothing came of it: places that it used admit once more.
   */
  settle(reservation: Reservation, actual: number | undefined, isInVain?: boolean): CostExtension
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
  /** Beside the fault: the place that is kept for the caller. */
  readonly place: PlaceTold | undefined
}

/** What an answer costs that is kept, and being told of a place. */
export const KEPT_POINTS = 1

/** Points are sums of times; whoever has 50 shall not read 49. */
const ROUNDING = 1e-6

export interface SpendingOptions {
  readonly settings: CostSettings
  readonly budgets: BudgetStore
  readonly fields: FieldControls
  readonly turns: PlaceTurns
}

class Open implements Reservation {
  estimated = 0
  /** Taken of the caller's first budget. */
  charged = 0
  fault: Fault | undefined
  place: PlaceTold | undefined
  costFactor = 1
  /** What each of the caller's budgets is left without all the same when it is given back. */
  keptPoints = 0
  /** By the budgets that they are of. */
  readonly ofCaller: Taken[] = []
  readonly ofFields: Taken[] = []
  readonly ofLines: Admitted[] = []
  /** The caller's first budget, as it was left. */
  bucket: Bucket | undefined
  availablePoints = 0
}

/** The steps cost, caller and field of a request, and what they are settled with. */
export function createSpending({ settings, budgets, fields, turns }: SpendingOptions): Spending {
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
    open.fault = withoutStack(fault)
    giveBackAll(open)
    return true
  }

  function giveBackAll({ ofCaller, ofFields, ofLines, keptPoints }: Open): void {
    for (const taken of ofCaller) {
      const rest = taken.points - keptPoints
      if (rest > 0) budgets.callers.giveBack(taken, rest)
    }
    for (const taken of ofFields.toReversed()) budgets.fields.giveBack(taken, taken.points)
    for (const admitted of ofLines) turns.undo(admitted)
  }

  function drawsOf(demand: Demand, open: Open, roots: readonly number[]): Draw[] {
    const purse = purseOf(demand.caller, demand.address)
    open.bucket = purse.buckets[0]
    open.costFactor = demand.costFactor
    // A list of no members costs nothing, and its subgraph is asked for it all the same.
    const price = Math.max(open.estimated, demand.operation.cost.pointsMin)
    const draws: Draw[] = []
    if (price > 0)
      for (const bucket of purse.buckets) {
        // What fits in calm is dearer when it is busy, and never too dear.
        const charged = Math.min(price * demand.costFactor, Math.max(price, bucket.rate.burst))
        draws.push(drawOnCaller(bucket, charged))
        open.charged ||= charged
      }
    for (const draw of drawsOnFields(demand, purse, roots, fields, enforces)) draws.push(draw)
    return draws
  }

  function take(open: Open, draws: readonly Draw[], from: number): Open | Promise<Open> {
    for (let i = from; i < draws.length; i++) {
      const draw = draws[i]!
      const least = draw.reason === 'place' ? draw.price : draw.points
      if (least > draw.bucket.rate.burst) {
        if (refuse(open, draw.reason, () => tooDearAtOnce(draw))) return open
        continue
      }
      const taking = takeOne(open, draw)
      if (taking instanceof Promise) return taking.then(isOver => (isOver ? open : take(open, draws, i + 1)))
      if (taking) return open
    }
    return open
  }

  /** @returns whether the request ends here. */
  function takeOne(open: Open, draw: Draw): boolean | Promise<boolean> {
    if (draw.reason === 'place') {
      const turning = turns.ask(draw)
      return turning instanceof Promise
        ? turning.then(turn => noteTurn(open, draw, turn))
        : noteTurn(open, draw, turning)
    }
    const taking = (draw.reason === 'caller' ? budgets.callers : budgets.fields).take(
      draw.bucket,
      draw.points,
    )
    return taking instanceof Promise
      ? taking.then(taken => note(open, draw, taken))
      : note(open, draw, taking)
  }

  function note(open: Open, draw: PointsDraw, answer: Taken | NotNow): boolean {
    if (draw.bucket === open.bucket) open.availablePoints = answer.availablePoints
    if (!answer.isAdmitted) return refuse(open, draw.reason, () => throttled(draw, answer))
    if (draw.reason === 'caller') open.ofCaller.push(answer)
    else open.ofFields.push(answer)
    return false
  }

  function noteTurn(open: Open, draw: TurnDraw, turn: Turn): boolean {
    if (turn.kind === 'admitted') {
      open.ofLines.push(turn)
      return false
    }
    refused.set('place', refused.get('place')! + 1)
    if (turn.kind === 'kept') {
      const place = turns.told(draw, turn)
      open.place = place
      open.fault = withoutStack(() => keptPlaceFault(place))
    } else open.fault = withoutStack(() => turns.refusal(draw, turn))
    // Asking is never free: a crowd that asks again and again is told the same, from its own points.
    open.keptPoints = KEPT_POINTS
    giveBackAll(open)
    return true
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
      const draw = (): Open | Promise<Open> => {
        const draws = drawsOf(demand, open, roots)
        if (demand.shed === undefined || draws.some(({ reason }) => reason === 'place'))
          return take(open, draws, 0)
        // Its variables leave out the field that has a line. Nothing is taken yet.
        open.fault = demand.shed()
        open.charged = 0
        return open
      }
      if (ceilings.length === 0) return draw()
      return withinCeilings(demand, open).then(isWithin => (isWithin ? draw() : open))
    },
    hasPlaces: ({ cost }, caller) =>
      enforces && (cost.limitsFor(caller)?.some(({ limit }) => limit.over === 'PLACE') ?? false),
    hasDuePlace({ caller, address, operation, variables, placeToken }) {
      const { key: whose } = purseOf(caller, address)
      return (operation.cost.limitsFor(caller) ?? []).some(({ limit, keyOf, readToken }) => {
        if (limit.over !== 'PLACE') return false
        const token = readToken(variables) ?? placeToken
        return turns.isDue(fields.bucketOf(limit, keyOf(variables, whose)).key, whose, token)
      })
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
    settle(reservation, actual, isInVain = false) {
      const open = reservation as Open
      const { bucket, ofCaller, ofLines, charged, costFactor } = open
      let returned = Math.max(0, charged - open.keptPoints)
      if (open.fault === undefined) {
        if (actual === undefined) giveBackAll(open)
        else {
          spent += actual
          // Asking is never free: what failed has had its work done.
          const used = Math.max(1, actual) * costFactor
          for (const taken of ofCaller)
            if (taken.points > used) budgets.callers.giveBack(taken, taken.points - used)
          returned = Math.max(0, charged - used)
          if (isInVain) for (const admitted of ofLines) turns.failed(admitted)
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
