import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RetryBudget } from '../../protocol/retry-budget.ts'

const WINDOW_MS = 10_000

describe('a budget of retries', () => {
  it('gives at most a tenth of what was sent in its window, or ten', () => {
    const step = fc.record({
      gapMs: fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(30_000)),
      requests: fc.nat(400),
      asked: fc.nat(60),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        let now = 0
        const budget = new RetryBudget({ clock: () => now })
        const sent: { atMs: number; requests: number }[] = []
        const retried: number[] = []
        for (const { gapMs, requests, asked } of steps) {
          now += gapMs
          budget.earn(requests)
          sent.push({ atMs: now, requests })
          for (let i = 0; i < asked; i++) {
            if (!budget.spend()) continue
            retried.push(now)
            // It counts in whole tenths of the window, so that the window is never longer than asked for.
            const since = now - WINDOW_MS
            const inWindow = sent
              .filter(({ atMs }) => atMs > since)
              .reduce((sum, one) => sum + one.requests, 0)
            const sinceSlot = (Math.floor(now / 1_000) - 9) * 1_000
            const retries = retried.filter(atMs => atMs >= sinceSlot).length
            expect(retries).toBeLessThanOrEqual(Math.max(10, inWindow / 10))
          }
        }
        const total = sent.reduce((sum, { requests }) => sum + requests, 0)
        const windows = Math.floor(now / WINDOW_MS) + 1
        expect(retried.length).toBeLessThanOrEqual(total / 10 + 10 * (windows + 1))
        expect(budget.retries).toBe(retried.length)
      }),
    )
  })

  it('gives all of its tenth', () => {
    const budget = new RetryBudget({ clock: () => 0 })
    budget.earn(1_000)
    const given = Array.from({ length: 200 }, () => budget.spend()).filter(Boolean)
    expect(given.length).toBe(100)
  })

  it('lets a quiet subgraph retry, and no more once it failed for long', () => {
    let now = 0
    const budget = new RetryBudget({ clock: () => now })
    budget.earn(1)
    expect(budget.spend()).toBe(true)
    for (let i = 0; i < 9; i++) budget.spend()
    expect(budget.spend()).toBe(false)
    now = WINDOW_MS
    expect(budget.spend()).toBe(true)
  })
})
