import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DueQueue } from './due-queue.ts'

test('whoever is due first goes first, and of one instant whoever was added first', () => {
  const steps = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.constant('take' as const)), { maxLength: 3_000 })
  fc.assert(
    fc.property(steps, all => {
      const queue = new DueQueue()
      const model: { who: number; dueMs: number }[] = []
      for (const [who, step] of all.entries()) {
        if (step !== 'take') {
          queue.add(who, step)
          model.push({ who, dueMs: step })
        } else if (model.length > 0) {
          // A stable sort keeps the order in which they were added.
          model.sort((a, b) => a.dueMs - b.dueMs)
          expect(queue.nextMs).toBe(model[0]!.dueMs)
          expect(queue.take()).toBe(model.shift()!.who)
        }
        expect(queue.size).toBe(model.length)
      }
    }),
    { seed: 11, numRuns: 200 },
  )
})

test('ten thousand grow it, and nobody is lost', () => {
  const queue = new DueQueue()
  for (let who = 0; who < 10_000; who++) queue.add(who, (who * 7_919) % 10_000)
  const taken: number[] = []
  while (queue.size > 0) {
    expect(queue.nextMs).toBe(taken.length)
    taken.push(queue.take())
  }
  expect(new Set(taken).size).toBe(10_000)
  expect(queue.nextMs).toBe(Number.POSITIVE_INFINITY)
})
