import { describe, expect, it } from 'vitest'
import { momentWords, validityWords } from '../../subgraphs/shanghai-time.ts'

describe('validityWords', () => {
  it.each([
    ['2027-02-28T16:00:00Z', '有效期至2027年2月28日（含当日）', 'through February 28, 2027'],
    ['2028-02-29T16:00:00Z', '有效期至2028年2月29日（含当日）', 'through February 29, 2028'],
    ['2026-12-31T16:00:00Z', '有效期至2026年12月31日（含当日）', 'through December 31, 2026'],
    [
      '2027-02-28T10:30:00Z',
      '有效期至2027年2月28日 18:30之前',
      'until just before February 28, 2027, 18:30 (Beijing time)',
    ],
  ])('says the last day of what ends at %s', (end, zh, en) => {
    expect(validityWords(new Date(end))).toEqual({ zh, en })
  })
})

describe('momentWords', () => {
  it('tells Shanghai’s day and hour, not UTC’s', () => {
    expect(momentWords(new Date('2026-12-31T16:05:00Z'))).toEqual({
      zh: '2027年1月1日 00:05',
      en: 'January 1, 2027, 00:05 (Beijing time)',
    })
  })
})
