import { expect, test } from 'vitest'
import { answersAt, type Entry, stretchedMs } from '../../../gateway/cache/entry.ts'

test.each([
  ['ten times its own', 10_000, 10, 100_000],
  ['ten minutes at most', 60_001, 10, 600_000],
  ['never less than its own', 3_600_000, 10, 3_600_000],
  ['nothing more where nothing is stretched', 10_000, 1, 10_000],
  ['never where it never may be', 0, 10, 0],
])('in a crowd an answer may be stale for: %s', (_, staleMs, factor, ms) => {
  expect(stretchedMs(staleMs, factor)).toBe(ms)
})

const entry: Entry = {
  value: 1,
  born: { atMs: 0, tick: 0, version: 0 },
  freshUntilMs: 1_000,
  staleUntilMs: 2_000,
  stretchedUntilMs: 11_000,
  tags: [],
  bytes: 1,
}

test.each([
  [1_999, true, true],
  [2_000, false, true],
  [10_999, false, true],
  [11_000, false, false],
])(
  'at %d ms an entry that is stale until 2,000, in a crowd 11,000, answers: %s, in a crowd: %s',
  (atMs, calm, crowd) => {
    expect(answersAt(entry, atMs, () => false)).toBe(calm)
    expect(answersAt(entry, atMs, () => true)).toBe(crowd)
  },
)
