import { type DeadlineMs, deadlineIn } from '../../../protocol/deadline.ts'
import { type Entry, type Moment, stretchedMs } from '../entry.ts'
import type { Refreshes } from '../refreshes.ts'
import type { Answers } from '../stores/answers.ts'
import type { Tags } from '../tags/tags.ts'
import type { CacheWatch, SkipReason } from '../watch.ts'
import { callerTag } from './caller-digest.ts'
import type { KeepPlan } from './fetch-plans.ts'
import type { Asker, Values } from './fetch-request.ts'
import { sizeOf } from './size-of.ts'

/** What fetches of root fields and fetches of entities are kept with. */
export interface Keeping {
  readonly answers: Answers
  readonly tags: Tags
  readonly watch: CacheWatch
  readonly refreshes: Refreshes
  readonly refreshMsMax: number
  /** Factor on `staleMs` of what is everybody's; what is one caller's stays as long as it would. */
  readonly staleStretch: number
  readonly clock: () => DeadlineMs
}

/** One answer, or one entity of it, that has come. */
export interface Came {
  readonly key: string
  /** What its metrics go by. */
  readonly field: string
  readonly value: unknown
  readonly born: Moment
  readonly asker: Asker
  readonly variables: Values
  /** Of an entity. */
  readonly representation?: object
}

/** Of what is asked for again for many: who does it may have less time left than others who wait for it. */
export const sharedDeadline = ({ refreshMsMax }: Keeping, { deadlineMs }: Asker): DeadlineMs =>
  Math.max(deadlineMs, deadlineIn(refreshMsMax))

/**
 * Keeps what has come without errors, if it is whole and nothing of it was invalidated meanwhile.
 * @returns what would have been kept even if it was not, for it is what the answer is made of; undefined: it is such as
 * is never kept. Never throws.
 */
export function keep(
  { answers, tags, watch, staleStretch }: Keeping,
  plan: KeepPlan,
  came: Came,
): Entry | undefined {
  const { key, value, born, asker, variables, representation } = came
  const { policy, isShared } = plan
  try {
    const typename = (representation as { __typename?: unknown } | undefined)?.__typename
    if (!plan.isWhole(value, typeof typename === 'string' ? typename : undefined)) {
      skip(watch, plan, came.field, 'partial')
      return undefined
    }
    const about = policy.tagsOf(value, variables, representation)
    const freshUntilMs = born.atMs + policy.freshMs
    const entry: Entry = {
      value,
      born,
      freshUntilMs,
      staleUntilMs: freshUntilMs + policy.staleMs,
      stretchedUntilMs:
        freshUntilMs + (isShared ? stretchedMs(policy.staleMs, staleStretch) : policy.staleMs),
      tags: isShared ? about : [...about, callerTag(asker.caller)],
      bytes: sizeOf(value),
    }
    if (!tags.holds(entry)) skip(watch, plan, came.field, 'invalidated')
    else if (isNewest(answers.peek(key), born) && !answers.set(key, entry, isShared))
      skip(watch, plan, came.field, answers.fits(entry) ? 'no-place' : 'too-large')
    return entry
  } catch (error) {
    watch.onError(error)
    return undefined
  }
}

/** What was asked for later may have come first, and what a caller has seen once is not to vanish again. */
const isNewest = (kept: Entry | undefined, born: Moment): boolean =>
  kept === undefined || kept.born.atMs <= born.atMs

/** @param field of which an entity is, if that is known; an answer to root fields is skipped for each of them. */
export function skip(
  watch: CacheWatch,
  { level, policy, label }: KeepPlan,
  field: string | undefined,
  reason: SkipReason,
  count = 1,
): void {
  const fields = level === 'root' ? policy.fields : [field ?? label]
  for (const name of fields) watch.onSkip({ level, field: name, count, reason })
}
