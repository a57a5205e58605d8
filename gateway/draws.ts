import type { Caller } from '../protocol/caller.ts'
import type { Fault } from '../protocol/fault.ts'
import type { FieldLimit } from './cost/field-limits.ts'
import { type CompiledLimit, rateTag } from './cost/field-limits-compile.ts'
import type { Variables } from './execution/variables.ts'
import type { ServableOperation } from './operations/registry.ts'
import type { Purse } from './purse.ts'
import type { LineStatus } from './status-answer.ts'
import type { Bucket, Rate } from './surge/budgets.ts'
import type { LineMode } from './surge/lines.ts'

/** Points that one request is to take from one budget. */
export interface PointsDraw {
  readonly reason: 'caller' | 'field'
  /** Whose budget it is. */
  readonly subject: string
  readonly bucket: Bucket
  /** What is taken: more than the price where a line is braked. */
  readonly points: number
  readonly price: number
  /** What is known of the line, where that brakes it. */
  readonly braked: LineStatus | undefined
}

/** A turn that one request asks of a line: of a limit whose callers get places. */
export interface TurnDraw {
  readonly reason: 'place'
  /** The field. */
  readonly subject: string
  readonly bucket: Bucket
  readonly price: number
  /** How the line knows the caller. */
  readonly caller: string
  /** What was shown as the token of a place; anything, where a client may write anything. */
  readonly token: unknown
  readonly mode: LineMode
  readonly status: LineStatus | undefined
}

export type Draw = PointsDraw | TurnDraw

/** What limits of fields are like now. */
export interface FieldControls {
  /** The budget of a key, of the rate that is declared or that an operator has set. */
  bucketOf(limit: FieldLimit, key: string): Bucket
  /** What is known of a line, by its bucket's key; asking keeps it known. */
  statusOf(limited: CompiledLimit, key: string, variables: Variables): LineStatus | undefined
}

/** As much of a request as decides what it draws on its fields. */
export interface FieldDemand {
  readonly caller: Caller
  readonly operation: ServableOperation
  readonly variables: Variables
  /** Sent beside the operation; a token in its input goes before. */
  readonly placeToken: string | undefined
  /** Why nobody goes further who has no place that is due; `undefined`: newcomers do. */
  readonly shed: (() => Fault) | undefined
}

/**
 * A line that is paused or has nothing left passes one in so many: who asks in calm still hears the subgraph's own words,
 * and a crowd is turned away here.
 */
export const BRAKE_FACTOR = 20

export const drawOnCaller = (bucket: Bucket, points: number): PointsDraw => ({
  reason: 'caller',
  subject: bucket.key,
  bucket,
  points,
  price: points,
  braked: undefined,
})

/** What is taken of a braked line, where its burst holds so much. */
export const brakedPoints = (price: number, { rate }: Bucket): number =>
  Math.max(price, Math.min(rate.burst, price * BRAKE_FACTOR))

/**
 * What a request draws on the limits of its fields, in their order. Asked for twice under two names a field is one demand:
 * each by itself may fit where both together never do.
 * @param roots what each root field is estimated at.
 * @param hasLines `false`: limits whose callers would get places are budgets, as where nobody is refused.
 */
export function drawsOnFields(
  demand: FieldDemand,
  { key: whose }: Purse,
  roots: readonly number[],
  controls: FieldControls,
  hasLines: boolean,
): readonly Draw[] {
  const limits = demand.operation.cost.limitsFor(demand.caller)
  if (limits === undefined) return NONE
  const draws: Draw[] = []
  for (const limited of limits) {
    const { limit, index, keyOf } = limited
    const price = roots[index]!
    if (price === 0) continue
    const key = keyOf(demand.variables, whose)
    const isTurn = hasLines && limit.over === 'PLACE'
    const steered = controls.bucketOf(limit, key)
    const bucket = isTurn || limit.over !== 'PLACE' ? steered : measured(steered)
    const at = draws.findIndex(draw => draw.bucket.key === bucket.key)
    const known = draws[at]
    const draw = isTurn
      ? drawTurn(demand, limited, { key, bucket, price, whose, known }, controls)
      : drawPoints(demand, limited, { key, bucket, price, whose, known }, controls)
    if (known === undefined) draws.push(draw)
    else draws[at] = draw
  }
  return draws
}

const NONE: readonly Draw[] = Object.freeze([])

/** What a line bears under one key, another rate, a budget does not. */
function measured({ key, rate }: Bucket): Bucket {
  let tag = TAGS.get(rate)
  if (tag === undefined) TAGS.set(rate, (tag = rateTag(rate)))
  return { key: key + tag, rate }
}

/** A rate is one object for as long as it holds. */
const TAGS = new WeakMap<Rate, string>()

/** One limit's share in a request. */
interface Drawn {
  /** As declared: an operator's rate may have put another bucket in its place. */
  readonly key: string
  readonly bucket: Bucket
  readonly price: number
  readonly whose: string
  /** What the request draws on the same bucket already. */
  readonly known: Draw | undefined
}

function drawPoints(
  { variables }: FieldDemand,
  limited: CompiledLimit,
  { key, bucket, price, known }: Drawn,
  controls: FieldControls,
): PointsDraw {
  const { coordinate, per } = limited.limit
  const state =
    known === undefined ? controls.statusOf(limited, key, variables) : (known as PointsDraw).braked
  const together = price + (known?.price ?? 0)
  const isBraked = state !== undefined && (state.isPaused || state.remaining === 0)
  return {
    reason: 'field',
    subject: per === 'CALLER' ? `${coordinate} for each caller` : coordinate,
    bucket,
    points: isBraked ? brakedPoints(together, bucket) : together,
    price: together,
    braked: isBraked ? state : undefined,
  }
}

function drawTurn(
  { variables, placeToken, shed }: FieldDemand,
  limited: CompiledLimit,
  { key, bucket, price, whose, known }: Drawn,
  controls: FieldControls,
): TurnDraw {
  if (known !== undefined) return { ...(known as TurnDraw), price: price + known.price }
  const status = controls.statusOf(limited, key, variables)
  return {
    reason: 'place',
    subject: limited.limit.coordinate,
    bucket,
    price,
    caller: whose,
    token: limited.readToken(variables) ?? placeToken,
    mode: modeOf(status, shed !== undefined),
    status,
  }
}

function modeOf(status: LineStatus | undefined, isShedding: boolean): LineMode {
  if (status?.isPaused) return 'PAUSED'
  if (status?.remaining === 0) return 'SPENT'
  return isShedding ? 'PLACES' : 'OPEN'
}
