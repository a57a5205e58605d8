import { describe, expect, it } from 'vitest'
import { Backlog } from './backlog.ts'

describe('a backlog', () => {
  it('is worked off at its rate, however many come at once', () => {
    const backlog = new Backlog({ perSecond: 500, queueMax: 1_000 })
    const done = Array.from({ length: 500 }, () => backlog.take(0))
    expect(done[0]).toBe(2)
    expect(done[499]).toBe(1_000)
  })

  it('begins at once with whoever comes when nobody waits', () => {
    const backlog = new Backlog({ perSecond: 500, queueMax: 10 })
    backlog.take(0)
    expect(backlog.take(100)).toBe(102)
  })

  it('refuses whoever finds the queue full, and takes the next when one is done', () => {
    // One under way and ten who wait.
    const backlog = new Backlog({ perSecond: 100, queueMax: 10 })
    const taken = Array.from({ length: 20 }, () => backlog.take(0)).filter(done => done !== undefined)
    expect(taken).toHaveLength(11)
    expect(backlog.refused).toBe(9)
    expect(backlog.take(9)).toBeUndefined()
    expect(backlog.take(10)).toBe(120)
  })

  it('takes no terms that are not positive', () => {
    expect(() => new Backlog({ perSecond: 0, queueMax: 1 })).toThrow(
      'expected perSecond to be positive, got 0',
    )
    expect(() => new Backlog({ perSecond: 1, queueMax: 0 })).toThrow(
      'expected queueMax to be positive, got 0',
    )
  })
})
