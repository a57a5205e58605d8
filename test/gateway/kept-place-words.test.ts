import { describe, expect, it, test } from 'vitest'
import {
  keptPlaceFault,
  noPlaceFault,
  type PlaceTold,
  placeExtension,
  placeWords,
} from '../../gateway/kept-place-words.ts'

const TOLD: PlaceTold = {
  token: 'p1.e.1.0.mac',
  admitAtMs: Date.parse('2027-02-06T12:15:06.400Z'),
  retryAfterMs: 40_200,
  position: 12,
}

describe('a place in words says when to come back, and who is before it', () => {
  it.each<[string, Partial<PlaceTold>, string, string]>([
    [
      'in the line',
      {},
      '您的排队位置已保留：请在41秒后（北京时间20:15:07）再来，前面还有12位。提前再试不会更快。',
      'Your place is kept: ask again in 41 s (20:15:07 Beijing time). 12 are before you; asking earlier changes nothing.',
    ],
    [
      'second',
      { position: 1 },
      '您的排队位置已保留：请在41秒后（北京时间20:15:07）再来，前面还有1位。提前再试不会更快。',
      'Your place is kept: ask again in 41 s (20:15:07 Beijing time). 1 is before you; asking earlier changes nothing.',
    ],
    [
      'next, after midnight in Beijing, in no time',
      { position: 0, retryAfterMs: 1, admitAtMs: Date.parse('2027-02-06T16:00:00.000Z') },
      '您的排队位置已保留：请在1秒后（北京时间00:00:00）再来，下一位就是您。提前再试不会更快。',
      'Your place is kept: ask again in 1 s (00:00:00 Beijing time). You are next; asking earlier changes nothing.',
    ],
    [
      'for long',
      { retryAfterMs: 365_000 },
      '您的排队位置已保留：请在6分5秒后（北京时间20:15:07）再来，前面还有12位。提前再试不会更快。',
      'Your place is kept: ask again in 6 min 5 s (20:15:07 Beijing time). 12 are before you; asking earlier changes nothing.',
    ],
    [
      'while the line is paused, in the words of whoever paused it',
      { notice: { zh: '活动太火爆，\n稍后继续', en: ' Too popular\nfor now ' }, retryAfterMs: 120_000 },
      '活动太火爆， 稍后继续。您的排队位置仍为您保留，请在2分钟后再来。',
      'Too popular for now. Your place stays kept: ask again in 2 min.',
    ],
    [
      'while it is paused, after whole sentences',
      { notice: { zh: '稍后继续！', en: 'Later!' }, retryAfterMs: 60_000 },
      '稍后继续！您的排队位置仍为您保留，请在60秒后再来。',
      'Later! Your place stays kept: ask again in 60 s.',
    ],
    [
      'while it is paused without a word',
      { notice: { zh: '', en: ' ' }, retryAfterMs: 60_000 },
      '您的排队位置仍为您保留，请在60秒后再来。',
      'Your place stays kept: ask again in 60 s.',
    ],
  ])('%s', (_, told, zh, en) => expect(placeWords({ ...TOLD, ...told })).toEqual({ zh, en }))
})

test('whoever comes when the words say so does not come too early', () => {
  for (const admitAtMs of [0, 1, 999, 999.5, 1_000, 86_399_001]) {
    const [, time] = /\((\d\d:\d\d:\d\d) /.exec(placeWords({ ...TOLD, admitAtMs }).en)!
    const shownMs = (Date.parse(`1970-01-02T${time}Z`) - 8 * 3_600_000) % 86_400_000
    expect((shownMs - admitAtMs + 86_400_000) % 86_400_000).toBeLessThan(1_000)
    expect(Date.parse(placeExtension({ ...TOLD, admitAtMs }).admitAt)).toBeGreaterThanOrEqual(admitAtMs)
  }
})

test('beside the answer stand the token, the instant, the wait and the position', () => {
  expect(placeExtension(TOLD)).toEqual({
    token: 'p1.e.1.0.mac',
    admitAt: '2027-02-06T12:15:06.400Z',
    retryAfterMs: 40_200,
    position: 12,
  })
})

test('a place that cannot be data is THROTTLED, in the same words', () => {
  const { zh, en } = placeWords(TOLD)
  const { code, message, extensions } = keptPlaceFault(TOLD)
  expect([code, message, extensions]).toEqual([
    'THROTTLED',
    en,
    { code: 'THROTTLED', retryAfterMs: 40_200, noticeZh: zh, noticeEn: en },
  ])
})

test.each(['HORIZON', 'REMAINING', 'FULL', 'BRAKED'] as const)(
  'without a place, for the reason %s, it is THROTTLED and says so, and when to ask again in one member alone',
  reason => {
    const { code, message, extensions } = noPlaceFault({ reason, retryAfterMs: 2_500 })
    expect(code).toBe('THROTTLED')
    expect(extensions).toEqual({
      code: 'THROTTLED',
      retryAfterMs: 2_500,
      reason,
      noticeZh: expect.stringMatching(/^[^\d]+。$/),
      noticeEn: message,
    })
    expect(message).toMatch(/^[^\d]+\.$/)
  },
)

test('no two reasons are told in the same words', () => {
  const told = (['HORIZON', 'REMAINING', 'FULL', 'BRAKED'] as const).map(
    reason => noPlaceFault({ reason, retryAfterMs: 1 }).extensions.noticeZh,
  )
  expect(new Set(told).size).toBe(4)
})

test('a wait that Int does not hold is the longest that it does', () => {
  const told = { ...TOLD, retryAfterMs: 2 ** 40 }
  expect(placeExtension(told).retryAfterMs).toBe(2 ** 31 - 1)
  expect(keptPlaceFault(told).extensions.retryAfterMs).toBe(2 ** 31 - 1)
  expect(placeExtension({ ...TOLD, retryAfterMs: 0.2 }).retryAfterMs).toBe(1)
})
