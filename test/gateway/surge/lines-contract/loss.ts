import { describe, expect, it } from 'vitest'
import { type LineStand, letters } from './line-stand.ts'

export function describeLoss(line: LineStand): void {
  const { arrive, admitted, kept, drain, fill, pass } = line

  describe('when everything is lost', () => {
    it('begin another life, in which what was promised before is honoured once', async () => {
      await drain()
      const a = await kept('a')
      await line.lose()
      const again = await kept('a', { shown: a.place })
      expect(again.admitAtMs).toBeCloseTo(a.admitAtMs, 2)
      expect(again.place.epoch).not.toBe(a.place.epoch)
      pass(100)
      await admitted('a', { shown: a.place })
      await drainWhatIsThere()
      expect(await kept('a', { shown: a.place })).toMatchObject({ isNew: true })
    })

    it('let newcomers stand behind those who were promised a turn', async () => {
      await drain()
      await fill(letters(50))
      const last = await kept('last')
      expect(last.retryAfterMs).toBe(5_100)
      await line.lose()
      await drainWhatIsThere()
      expect(await kept('new')).toMatchObject({ isNew: true, retryAfterMs: 5_200 })
      pass(5_100)
      await admitted('last', { shown: last.place })
    })

    it('let no newcomer take what those who were promised a turn will come for', async () => {
      await drain()
      await fill(letters(50))
      await line.lose()
      expect(await kept('new')).toMatchObject({ isNew: true, retryAfterMs: 5_100 })
      pass(5_000)
      // Nobody has come; from now on the line is all its own.
      expect(await admitted('other')).toMatchObject({ isStandby: true })
    })

    /** A budget that is forgotten is full. */
    async function drainWhatIsThere(): Promise<void> {
      for (let i = 0; ; i++) {
        const turn = await arrive(`standby ${i}`, { mode: 'SPENT', brakedPoints: 1 })
        if (turn.kind === 'none') return
      }
    }
  })
}
