import { expect, test } from 'vitest'
import { createAnswers } from '../../../../gateway/cache/stores/answers.ts'
import { createLocalTags } from '../../../../gateway/cache/tags/local-tags.ts'
import { nowMs } from '../../../../protocol/deadline.ts'

const BOUNDS = {
  entriesMax: 1_000,
  bytesMax: 100_000_000,
  entryBytesMax: 100_000,
  sharedBytesMax: 1,
  compressBytesMin: 1,
}

function opened(bounds: Partial<typeof BOUNDS> = {}): {
  keep: (key: string) => boolean
  has: (key: string) => boolean
  crowd: { isThere: boolean; keepsAtOnce: boolean }
  pass: (ms: number) => void
} {
  let now = Math.ceil(nowMs())
  const clock = (): number => now
  const tags = createLocalTags({ clock })
  const crowd = { isThere: false, keepsAtOnce: true }
  const answers = createAnswers({
    bounds: { ...BOUNDS, ...bounds },
    tags,
    clock,
    isStretched: () => crowd.isThere,
    keepsAtOnce: () => crowd.keepsAtOnce,
  })
  return {
    crowd,
    pass: ms => void (now += ms),
    has: key => answers.peek(key) !== undefined,
    keep(key) {
      const born = tags.now()
      const entry = {
        value: key,
        born,
        freshUntilMs: now + 60_000,
        staleUntilMs: now + 600_000,
        stretchedUntilMs: now + 6_000_000,
        tags: [],
        bytes: 1_000,
      }
      return answers.set(key, entry, false)
    },
  }
}

const keys = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name} ${i}`)

test.each([
  ['entries', {}],
  // Each takes its 1,000 bytes and what there is beside them: some 1,450.
  ['bytes', { entriesMax: 1_000_000, bytesMax: 1_500_000 }],
])('what everybody asks for stays while a crowd asks for something else each; bounded in %s', (_, bounds) => {
  const { keep, has } = opened(bounds)
  const popular = keys('popular', 500)
  for (const key of popular) keep(key)
  const crowd = keys('crowd', 20_000)
  const kept = crowd.filter(keep)
  // As many as there was place for, and hardly any once there was none: two keys may be taken for one another.
  expect(kept.length).toBeGreaterThan(300)
  expect(kept.length).toBeLessThan(600)
  expect(popular.filter(has)).toEqual(popular)
})

test('what is asked for again takes the place of what nobody asks for', () => {
  const { keep, has } = opened()
  for (const key of keys('old', 1_000)) keep(key)
  const risen = keys('risen', 200)
  for (const key of risen) keep(key)
  expect(risen.filter(has).length).toBeLessThan(60)
  for (const key of risen) keep(key)
  expect(risen.filter(has)).toEqual(risen)
})

test('what is kept is renewed however full memory is', () => {
  const { keep } = opened()
  const all = keys('all', 940)
  for (const key of all) keep(key)
  for (const key of keys('others', 500)) keep(key)
  expect(all.every(keep)).toBe(true)
})

test('what only a crowd may have makes place for what is new, asked for once as it may be, without one', () => {
  const { keep, has, pass } = opened()
  for (const key of keys('old', 1_000)) keep(key)
  pass(600_000)
  const fresh = keys('new', 900)
  // Some 950 are there: what comes makes place, 16 at a time.
  for (const key of fresh) keep(key)
  expect(fresh.every(has)).toBe(true)
})

test('in a crowd it is like any other, and what was used longest ago goes first', () => {
  const { keep, has, pass, crowd } = opened()
  const old = keys('old', 1_000)
  for (const key of old) keep(key)
  pass(600_000)
  crowd.isThere = true
  for (const key of keys('new', 900)) keep(key)
  expect(old.filter(has).length).toBeGreaterThan(900)
})

test('while nothing is kept at once, what is asked for again is, and what is kept is renewed', () => {
  const { keep, has, crowd } = opened()
  const known = keys('known', 50)
  for (const key of known) keep(key)
  crowd.keepsAtOnce = false
  const asked = keys('asked', 50)
  expect(asked.some(keep)).toBe(false)
  expect(asked.some(has)).toBe(false)
  expect(asked.every(keep)).toBe(true)
  expect(known.every(keep)).toBe(true)
  crowd.keepsAtOnce = true
  expect(keys('new', 50).every(keep)).toBe(true)
})
