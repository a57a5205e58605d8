import { describe, expect, it } from 'vitest'
import { Returns } from '../../../gateway/surge/returns.ts'

describe('those who are refused', () => {
  const stand = () => {
    const at = { nowMs: 0 }
    const returns = new Returns({ clock: () => at.nowMs, perSecond: 100, waitMsMax: 60_000 })
    return { at, next: (ms = 15_000): number => returns.next('BROWSE', ms), returns }
  }

  it('are told the least there is while they are few', () => {
    const { at, next } = stand()
    for (let ms = 0; ms < 10_000; ms += 10) {
      at.nowMs = ms
      expect(next()).toBe(15_000)
    }
  })

  it('come one after another, as many a second as may, however many there are', () => {
    const { next } = stand()
    const told = Array.from({ length: 2_000 }, () => next())
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    const perSecond = Map.groupBy(told, ms => ms)
    expect([...perSecond.keys()]).toEqual(Array.from({ length: 20 }, (_, i) => 15_000 + 1_000 * i))
    for (const { length } of perSecond.values()) expect(length).toBeGreaterThanOrEqual(99)
    for (const { length } of perSecond.values()) expect(length).toBeLessThanOrEqual(101)
  })

  it('wait for no longer than they may, and no longer than it takes once fewer come', () => {
    const { at, next } = stand()
    for (let i = 0; i < 20_000; i++) next()
    expect(next()).toBe(60_000)
    at.nowMs += 40_000
    expect(next()).toBe(20_000)
    at.nowMs += 40_000
    expect(next()).toBe(15_000)
    expect(next(5_000)).toBe(15_000)
    at.nowMs += 15_000
    expect(next(5_000)).toBe(5_000)
  })

  it('of one standing make no other wait', () => {
    const { next, returns } = stand()
    for (let i = 0; i < 10_000; i++) returns.next('UNKNOWN_TEXT', 5_000)
    expect(next()).toBe(15_000)
    expect(returns.next('UNKNOWN_TEXT', 5_000)).toBe(60_000)
  })

  it('come at the same rate when all come back and are refused again', () => {
    // 3,000 people, refused each time they come: 100 a second of them, 30 s apart.
    const { at, next } = stand()
    const dueMs: number[] = Array.from({ length: 3_000 }, () => 0)
    const came: number[] = []
    for (let second = 0; second < 300; second++) {
      at.nowMs = second * 1_000
      let count = 0
      for (const [person, ms] of dueMs.entries()) {
        if (ms > at.nowMs) continue
        count++
        dueMs[person] = at.nowMs + next()
      }
      came.push(count)
    }
    expect(Math.max(...came.slice(1))).toBeLessThanOrEqual(202)
    expect(came.slice(60).reduce((sum, count) => sum + count, 0) / 240).toBeCloseTo(100, -1)
  })
})
