import { describe, expect, it } from 'vitest'
import { createMemoryBudgets } from '../../../gateway/surge/memory-budgets.ts'

const rate = { perSecond: 10, burst: 100 }

describe('budgets in memory', () => {
  it('answer with values: nobody waits a turn for them', () => {
    const store = createMemoryBudgets()
    expect(store.callers.take({ key: 'k', rate }, 100)).toMatchObject({ isAdmitted: true })
    expect(store.callers.take({ key: 'k', rate }, 100)).toMatchObject({ isAdmitted: false })
  })

  it('remember no more buckets than they may, of either kind', () => {
    const store = createMemoryBudgets({ keysMax: 10_000, clock: () => 0 })
    for (let i = 0; i < 20_000; i++) {
      store.callers.take({ key: `shopper ${i}`, rate }, 1)
      store.fields.take({ key: `campaign ${i}`, rate }, 1)
    }
    expect(store.callers.size).toBe(10_000)
    expect(store.fields.size).toBe(10_000)
  })

  it('forget a bucket without opening it, once it is full again', () => {
    let nowMs = 0
    const store = createMemoryBudgets({ clock: () => nowMs })
    const taken = store.callers.take({ key: 'first', rate }, 100)
    nowMs = 10_000
    for (let i = 0; i < 1_000; i++) store.callers.take({ key: `shopper ${i}`, rate }, 100)
    nowMs = 20_000
    if (taken.isAdmitted) store.callers.giveBack(taken, 100)
    expect(store.callers.take({ key: 'first', rate }, 100)).toMatchObject({ isAdmitted: true })
    expect(store.callers.take({ key: 'first', rate }, 1)).toMatchObject({ isAdmitted: false })
  })

  describe('in equal parts', () => {
    it('give each the rate and the burst divided', () => {
      let nowMs = 0
      const store = createMemoryBudgets({ clock: () => nowMs })
      const take = (points: number) => store.fields.take({ key: 'k', rate }, points, 4)
      // A quarter: 25 at once, then 2.5 a second.
      expect(take(20)).toMatchObject({ isAdmitted: true, availablePoints: 5, endMs: 8_000, parts: 4 })
      expect(take(15)).toEqual({ isAdmitted: false, availablePoints: 5, retryAfterMs: 4_000 })
      nowMs = 3_999
      expect(take(15)).toMatchObject({ isAdmitted: false, retryAfterMs: 1 })
      nowMs = 4_000
      expect(take(15)).toMatchObject({ isAdmitted: true, availablePoints: 0 })
    })

    it('give back at the rate at which it was taken', () => {
      const store = createMemoryBudgets({ clock: () => 0 })
      const taken = store.callers.take({ key: 'k', rate }, 25, 4)
      if (taken.isAdmitted) store.callers.giveBack(taken, 10)
      expect(store.callers.take({ key: 'k', rate }, 15, 4)).toMatchObject({
        isAdmitted: false,
        availablePoints: 10,
      })
    })

    it('admit a demand above a part’s burst when the part is full, and let it be paid off', () => {
      let nowMs = 0
      const store = createMemoryBudgets({ clock: () => nowMs })
      const take = (points: number) => store.fields.take({ key: 'k', rate }, points, 4)
      // 100 points at 2.5 a second: 40 s of schedule, where 10 s are a burst.
      expect(take(100)).toMatchObject({ isAdmitted: true, availablePoints: 0 })
      expect(take(1)).toEqual({ isAdmitted: false, availablePoints: 0, retryAfterMs: 30_400 })
      nowMs = 39_999
      expect(take(100)).toMatchObject({ isAdmitted: false, retryAfterMs: 1 })
      nowMs = 40_000
      expect(take(100)).toMatchObject({ isAdmitted: true })
    })
  })
})
