import { describe, expect, it } from 'vitest'
import { close, type LineStand, letters } from './line-stand.ts'

export function describeStandby(line: LineStand): void {
  const { admitted, kept, drain, fill, pass } = line

  describe('on standby', () => {
    it('take what would not be held any more, of a full budget, and nothing that somebody may still come for', async () => {
      await drain()
      await fill(letters(10))
      pass(499)
      // 4.99 of 5 are there, and four who are due have not come.
      expect(await kept('early')).toMatchObject({ retryAfterMs: 601 })
      pass(1)
      expect(await admitted('new')).toMatchObject({
        isStandby: true,
        availablePoints: close(4),
        lateMs: 0,
      })
      // Its point was nobody's: the next place is where it would have been.
      expect(await kept('next')).toMatchObject({ retryAfterMs: 700 })
      for (const caller of letters(4)) await admitted(caller)
    })

    it('leave what flows in for the next to come, however cheap a newcomer is', async () => {
      await drain()
      await kept('dear', { points: 4 })
      pass(300)
      // 3 are there, all of them for the one who comes in 100 ms.
      expect(await kept('cheap', { points: 0.5 })).toMatchObject({ retryAfterMs: 150, position: 1 })
      pass(100)
      expect(await admitted('dear', { points: 4 })).toMatchObject({ lateMs: close(0) })
    })

    it('admit somebody whenever the budget is full', async () => {
      const rate = { perSecond: 1, burst: 1 }
      await admitted('first', { rate })
      for (const caller of ['a', 'b', 'c']) await kept(caller, { rate })
      pass(1_000)
      expect(await admitted('d', { rate })).toMatchObject({ isStandby: true })
      expect(await kept('a', { rate })).toMatchObject({ isMoved: true, retryAfterMs: 1_000 })
    })
  })
}
