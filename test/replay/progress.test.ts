import { expect, test, vi } from 'vitest'
import type { Live } from './load.ts'
import { lineOf, showProgress } from './progress.ts'

const LIVE: Live = {
  tookMs: 61_000,
  people: 20_000,
  over: 5_000,
  requests: 12_345,
  offered: 1_234,
  admitted: 500,
  goodput: 480,
  waiting: 3_210,
  inFlight: 9,
  level: 'SURGE',
}

test('a line says how far it is, what happens now, and how long it will take', () => {
  // 5,000 took 61 s: 15,000 take three times that, 3:03.
  expect(lineOf(LIVE, true)).toBe(
    '█████░░░░░░░░░░░░░░░ 5,000/20,000  1,234 req/s  admitted 500/s  orders 480/s  waiting 3,210  SURGE  1:01 eta 3:03',
  )
  expect(lineOf({ ...LIVE, level: undefined, over: 0, tookMs: 3_725_000 }, false)).toBe(
    '0/20,000  1,234 req/s  admitted 500/s  orders 480/s  waiting 3,210  1:02:05',
  )
  expect(lineOf({ ...LIVE, people: 0, over: 0 }, true)).toContain('████████████████████ 0/0')
})

test('a terminal’s line is drawn over at most five times a second, within its width; elsewhere a line comes each ten seconds', () => {
  vi.useFakeTimers()
  try {
    for (const [isTTY, countMax, width] of [
      [true, 50, 39],
      [false, 1, 200],
    ] as const) {
      const written: string[] = []
      const end = showProgress({ isTTY, columns: 40, write: text => written.push(text) }, () => LIVE)
      vi.advanceTimersByTime(10_000)
      expect(written.length).toBeGreaterThan(0)
      expect(written.length).toBeLessThanOrEqual(countMax)
      for (const text of written) {
        expect(text.replace('\r\x1b[K', '').trimEnd().length).toBeLessThanOrEqual(width)
        expect(text.endsWith('\n')).toBe(!isTTY)
      }
      end()
      const count = written.length
      expect(written.join('').endsWith('\n')).toBe(true)
      vi.advanceTimersByTime(60_000)
      expect(written).toHaveLength(count)
    }
  } finally {
    vi.useRealTimers()
  }
})
