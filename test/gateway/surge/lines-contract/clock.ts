import { describe, expect, it } from 'vitest'
import { close, type LineStand } from './line-stand.ts'

export function describeClock(line: LineStand): void {
  const { admitted, kept, drain, fill, pass, heed } = line

  describe('when the clock goes back', () => {
    it('delay nobody’s turn', async () => {
      await drain()
      await fill(['a', 'b'])
      pass(50)
      expect(await kept('a')).toMatchObject({ retryAfterMs: 50 })
      pass(-3_600_000)
      expect(await kept('a')).toMatchObject({ retryAfterMs: 50, admitAtMs: close(line.nowMs + 50) })
      pass(50)
      await admitted('a')
      pass(100)
      await admitted('b')
    })

    it('admit no more than before', async () => {
      await drain()
      pass(-3_600_000)
      expect(await kept('a')).toMatchObject({ retryAfterMs: 100 })
      pass(100)
      await admitted('a')
      expect(await kept('b')).toMatchObject({ retryAfterMs: 100 })
    })

    it('pause no longer', async () => {
      await drain()
      await fill(['a'])
      await heed(true)
      pass(5_000)
      await heed(true)
      pass(-3_600_000)
      await heed(true)
      pass(5_000)
      await heed(true)
      expect(await kept('a', { mode: 'PAUSED' })).toMatchObject({ retryAfterMs: 100 })
      await heed(false)
      pass(100)
      await admitted('a')
    })

    it('take back nothing of the time since a pause', async () => {
      await drain()
      await fill(['a'])
      await heed(true)
      pass(1_000)
      await heed(false)
      pass(50)
      expect(await kept('a')).toMatchObject({ retryAfterMs: 50 })
      pass(-3_600_000)
      expect(await kept('a')).toMatchObject({ retryAfterMs: 50 })
      pass(50)
      await admitted('a')
    })
  })
}
