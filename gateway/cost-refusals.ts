import { Fault } from '../protocol/fault.ts'
import type { FieldCost } from './cost/estimate.ts'
import type { Draw, PointsDraw } from './draws.ts'
import type { LineStatus } from './status-answer.ts'
import type { NotNow } from './surge/budgets.ts'
import { BRAKED_RETRY_MS_MIN } from './surge/lines.ts'

/** Fields that a refusal names. */
const DEAREST_MAX = 3

export function throttled(
  { subject, points, price, braked }: PointsDraw,
  { retryAfterMs, availablePoints }: NotNow,
): Fault {
  if (braked !== undefined) return brakedBy(subject, braked, retryAfterMs)
  const message = `expected ${points} points in the budget of ${subject}, got ${Math.floor(availablePoints)}`
  return new Fault('THROTTLED', message, { retryAfterMs, details: { 'cost.estimated': price } })
}

/** Of a line that is paused or has nothing left. */
export function brakedBy(
  subject: string,
  { isPaused, remaining, noticeZh, noticeEn }: LineStatus,
  retryAfterMs: number,
): Fault {
  const why = isPaused ? 'is paused' : 'has nothing left'
  return new Fault('THROTTLED', noticeEn ?? `${subject} ${why}`, {
    retryAfterMs: Math.max(BRAKED_RETRY_MS_MIN, retryAfterMs),
    details: {
      paused: isPaused,
      remaining,
      ...(noticeZh === undefined ? {} : { noticeZh }),
      ...(noticeEn === undefined ? {} : { noticeEn }),
    },
  })
}

/** No waiting helps: the whole budget is smaller. */
export function tooDearAtOnce({ subject, price, bucket }: Draw): Fault {
  const { burst } = bucket.rate
  return new Fault(
    'COST_ESTIMATED_TOO_EXPENSIVE',
    `expected at most ${burst} points at once from the budget of ${subject}, got ${price}`,
    { details: { 'cost.estimated': price, 'cost.max': burst } },
  )
}

export function tooDear(estimated: number, max: number, explained: readonly FieldCost[]): Fault {
  const fields = dearest(explained)
  const named = fields.map(({ path, points }) => `${path} ${points}`).join(', ')
  return new Fault(
    'COST_ESTIMATED_TOO_EXPENSIVE',
    `expected an operation of at most ${max} points, got ${estimated}; most of it: ${named}`,
    { details: { 'cost.estimated': estimated, 'cost.max': max, 'cost.fields': fields } },
  )
}

export function tooDearFor(subgraph: string, estimated: number, max: number): Fault {
  return new Fault(
    'SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE',
    `expected at most ${max} points for the subgraph ${subgraph}, got ${estimated}`,
    { details: { 'cost.subgraph': subgraph, 'cost.estimated': estimated, 'cost.max': max } },
  )
}

/** The fields that cost most by themselves, their places in lists counted. */
function dearest(explained: readonly FieldCost[]): readonly { path: string; points: number }[] {
  return explained
    .map(({ path, weight, count, times, arguments: ofArguments }) => ({
      path: path.join('.'),
      points: times * (count * weight + ofArguments),
    }))
    .sort((a, b) => b.points - a.points)
    .slice(0, DEAREST_MAX)
}
