import { beforeEach, describe, expect, it } from 'vitest'
import { close, type LineStand, letters, START_MS } from './line-stand.ts'

export function describeSlack(line: LineStand): void {
  const { start, admitted, kept, drain, fill, pass } = line

  describe('where places leave some of the rate free', () => {
    beforeEach(() => start({ slack: 1 / 4 }))

    it('are that much further apart', async () => {
      await drain()
      for (const retryAfterMs of [125, 250, 375]) {
        expect(await kept(`p${retryAfterMs}`)).toMatchObject({ retryAfterMs })
      }
      // Who is admitted at once waits for nothing of it.
      pass(1_000)
      for (const i of [1, 2, 3]) await admitted(`p${i * 125}`)
      await admitted('new')
      await admitted('newer')
    })

    it('move nobody who comes in time for those who come late', async () => {
      await drain()
      await fill(letters(40))
      // Eight are due, and of what has flowed in 5 are left. Those of 875 and 1,000 ms are in time; of the third point that
      // is left a quarter has flowed in since for the one of 1,125.
      pass(1_100)
      for (const caller of letters(2)) await admitted(caller)
      let late = letters(6).slice(2)
      const turns = new Map<number, string>()
      for (const caller of late) {
        const { retryAfterMs } = await kept(caller)
        turns.set(1_100 + retryAfterMs, caller)
      }
      expect([...turns.keys()]).toEqual([1_600, 2_100, 2_600, 3_100])
      for (const caller of letters(8).slice(6)) await admitted(caller)
      for (let atMs = 1_125; atMs <= 5_000; atMs += 25) {
        line.nowMs = START_MS + atMs
        if (atMs % 125 === 0) await admitted(`c${atMs / 125 - 1}`)
        const caller = turns.get(atMs)
        if (caller === undefined) continue
        await admitted(caller)
        late = late.filter(each => each !== caller)
      }
      expect(late).toEqual([])
    })

    it('move those who come late no further than their points where nobody comes after them', async () => {
      await drain()
      await fill(letters(8))
      pass(2_000)
      for (const caller of letters(5)) await admitted(caller)
      expect(await kept('c5')).toMatchObject({ isMoved: true, retryAfterMs: 100 })
      expect(await kept('c6')).toMatchObject({ isMoved: true, retryAfterMs: 200 })
      expect(await kept('c7')).toMatchObject({ isMoved: true, retryAfterMs: 300 })
      expect(await kept('new')).toMatchObject({ isNew: true, retryAfterMs: 425 })
    })

    it('let whoever comes late have what a full budget could not hold', async () => {
      const rate = { perSecond: 1, burst: 1 }
      await admitted('first', { rate })
      for (const caller of ['a', 'b']) await kept(caller, { rate })
      // Late by 750 ms of 500, and of the point for 2,500 a half has flowed in.
      pass(2_000)
      expect(await admitted('a', { rate })).toMatchObject({ lateMs: close(750) })
    })

    it('let those who come late have what there is, once half of their grace would not do', async () => {
      await start({ slack: 1 / 4, graceMs: 3_000 })
      await drain()
      await fill(letters(40))
      pass(1_100)
      for (const caller of letters(2)) await admitted(caller)
      // Turns of 375, 500 and 625 ms, moved to 1,600, 2,100 and 2,600.
      expect(await kept('c2')).toMatchObject({ isMoved: true, retryAfterMs: 500 })
      expect(await kept('c3')).toMatchObject({ isMoved: true, retryAfterMs: 1_000 })
      expect(await kept('c4')).toMatchObject({ isMoved: true, retryAfterMs: 1_500 })
      // That of 750 would be moved by more than 1,500.
      for (const caller of ['c5', 'c6', 'c7']) await admitted(caller)
    })
  })
}
