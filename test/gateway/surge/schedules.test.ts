import { describe, expect, it } from 'vitest'
import { Schedules } from '../../../gateway/surge/schedules.ts'

/** A schedule that was changed at `atMs` and ends `debtMs` later. */
function put(schedules: Schedules, key: string, atMs: number, debtMs: number): void {
  const slot = schedules.findOrAdd(key, atMs)
  schedules.seenMs[slot] = atMs
  schedules.debtMs[slot] = debtMs
}

const debtOf = (schedules: Schedules, key: string): number | undefined => {
  const slot = schedules.find(key)
  return slot < 0 ? undefined : schedules.debtMs[slot]
}

describe('schedules', () => {
  it('keep every key apart while they grow', () => {
    const schedules = new Schedules(10_000)
    for (let i = 0; i < 10_000; i++) put(schedules, `key ${i}`, 0, 1_000 + i)
    expect(schedules.size).toBe(10_000)
    for (let i = 0; i < 10_000; i++) expect(debtOf(schedules, `key ${i}`)).toBe(1_000 + i)
    expect(schedules.find('key 10000')).toBe(-1)
  })

  it('hold no more than they may', () => {
    const schedules = new Schedules(10_000)
    for (let i = 0; i < 30_000; i++) put(schedules, `key ${i}`, i, 1e9)
    expect(schedules.size).toBe(10_000)
  })

  it('let those go first that are over', () => {
    const schedules = new Schedules(8)
    for (let i = 0; i < 4; i++) put(schedules, `deep ${i}`, 0, 1_000)
    for (let i = 0; i < 4; i++) put(schedules, `shallow ${i}`, 1, 10)
    for (let i = 0; i < 4; i++) put(schedules, `new ${i}`, 11, 1_000)
    for (let i = 0; i < 4; i++) {
      expect(debtOf(schedules, `deep ${i}`)).toBe(1_000)
      expect(debtOf(schedules, `shallow ${i}`)).toBeUndefined()
      expect(debtOf(schedules, `new ${i}`)).toBe(1_000)
    }
  })

  it('else let the one go that was changed longest ago', () => {
    const schedules = new Schedules(4)
    for (const [atMs, key] of ['a', 'b', 'c', 'd'].entries()) put(schedules, key, atMs, 1_000)
    put(schedules, 'a', 4, 1_000)
    put(schedules, 'e', 5, 1_000)
    put(schedules, 'f', 6, 1_000)
    expect(['a', 'b', 'c', 'd', 'e', 'f'].filter(key => schedules.find(key) >= 0)).toEqual([
      'a',
      'd',
      'e',
      'f',
    ])
  })

  it('grow with the keys that are in use, not with those that come and go', () => {
    const schedules = new Schedules(100_000)
    let most = 0
    // One a millisecond, each over 100 ms later: 100 are in use.
    for (let i = 0; i < 200_000; i++) {
      put(schedules, `key ${i}`, i, 100)
      most = Math.max(most, schedules.size)
    }
    expect(most).toBeLessThan(1_024)
  })

  it.each([0, -1, 1.5, Number.NaN])('refuse a bound of %d', keysMax => {
    expect(() => new Schedules(keysMax)).toThrow(
      new RangeError(`keysMax: expected a positive integer, got ${keysMax}`),
    )
  })
})
