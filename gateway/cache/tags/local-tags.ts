import { type DeadlineMs, nowMs } from '../../../protocol/deadline.ts'
import { InvalidatedTags, marksOf } from './invalidated-tags.ts'
import type { Tags } from './tags.ts'

export interface LocalTagsOptions {
  /** Invalidated tags that are remembered; of more, older ones void whatever was born before them. Default: {@link TAGS_MAX}. */
  readonly tagsMax?: number
  /** For tests. Default: `nowMs`. */
  readonly clock?: () => DeadlineMs
}

/** About 150 bytes each. */
export const TAGS_MAX = 50_000

/** The order of this process's own invalidations, and of nobody else's. */
export function createLocalTags({ tagsMax = TAGS_MAX, clock = nowMs }: LocalTagsOptions = {}): Tags {
  const invalidated = new InvalidatedTags(tagsMax)
  return {
    now: () => ({ atMs: clock(), tick: invalidated.tick, version: 0 }),
    holds: entry => invalidated.holdsHere(entry),
    holdsAnywhere: entry => invalidated.holdsHere(entry),
    async invalidate(tags) {
      const marks = marksOf(tags)
      if (marks.size > 0) invalidated.add(marks, 0)
      return 'process'
    },
  }
}
