import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Moment } from '../../../../gateway/cache/entry.ts'
import { createLocalTags } from '../../../../gateway/cache/tags/local-tags.ts'
import { carriedTags, invalidatedTags } from '../stores/some-tags.ts'
import { ObviousTags } from './obvious-tags.ts'

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('invalidate' as const), tags: invalidatedTags }),
    fc.record({ kind: fc.constant('keep' as const), tags: carriedTags }),
  ),
  { maxLength: 60 },
)

it('no entry holds that an invalidation has made void; where there is room for all of them, no other is void', async () => {
  const held = { true: 0, false: 0 }
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 100 }), async (todo, tagsMax) => {
      const tags = createLocalTags({ tagsMax })
      const model = new ObviousTags()
      const entries: { born: Moment; tags: readonly string[]; moment: number }[] = []
      for (const step of todo) {
        if (step.kind === 'keep') entries.push({ born: tags.now(), tags: step.tags, moment: model.moment })
        else {
          model.invalidate(step.tags)
          await tags.invalidate(step.tags)
        }
        for (const entry of entries) {
          const holds = tags.holds(entry)
          held[`${holds}`]++
          const should = model.holds(entry.moment, entry.tags)
          if (2 * model.tagsSince(0) <= tagsMax) expect(holds).toBe(should)
          else if (holds) expect(should).toBe(true)
        }
      }
    }),
    { seed: 20_260_217, numRuns: 500 },
  )
  expect(Math.min(held.true, held.false)).toBeGreaterThan(1_000)
})
