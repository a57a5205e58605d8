import { expect, test } from 'vitest'
import { Refreshes, type RefreshesOptions } from '../../../gateway/cache/refreshes.ts'

/** Refreshes by a clock that the test moves, and what ends each. */
function stand(options: RefreshesOptions = {}) {
  let now = 0
  const refreshes = new Refreshes({ clock: () => now, ...options })
  return {
    refreshes,
    pass: (ms: number): void => void (now += ms),
    /** @returns what lets the refresh end; `undefined`: it was not started. */
    start(key: string): ((isNew: boolean | Error) => Promise<void>) | undefined {
      const { promise, resolve, reject } = Promise.withResolvers<boolean>()
      if (!refreshes.start(key, () => promise)) return undefined
      return async isNew => {
        if (isNew instanceof Error) reject(isNew)
        else resolve(isNew)
        await promise.catch(() => {})
      }
    },
  }
}

test('one refresh of a key is under way at a time, and those of other keys beside it', async () => {
  const { refreshes, start } = stand()
  const end = start('a')!
  expect(start('a')).toBeUndefined()
  await start('b')!(true)
  expect(refreshes.underWay).toBe(1)
  await end(true)
  expect(refreshes.underWay).toBe(0)
  expect(start('a')).toBeDefined()
})

test.each<[string, boolean | Error]>([
  ['brings nothing', false],
  ['rejects', new Error('away')],
])('after one that %s the key is left alone for a second, and that key only', async (_, outcome) => {
  const { pass, start } = stand()
  await start('a')!(outcome)
  pass(999)
  expect(start('a')).toBeUndefined()
  expect(start('b')).toBeDefined()
  pass(1)
  expect(start('a')).toBeDefined()
})

test('a success after failures is no reason to wait', async () => {
  const { pass, start } = stand()
  await start('a')!(false)
  pass(1_000)
  await start('a')!(true)
  expect(start('a')).toBeDefined()
})

test('no more are under way than may be', async () => {
  const { start } = stand({ underWayMax: 2 })
  const end = start('a')!
  start('b')
  expect(start('c')).toBeUndefined()
  await end(true)
  expect(start('c')).toBeDefined()
})

test('a key that has failed again is not the oldest', async () => {
  const { pass, start } = stand({ failedMax: 3 })
  for (const key of ['a', 'b']) await start(key)!(false)
  pass(1_000)
  for (const key of ['a', 'c', 'd']) await start(key)!(false)
  for (const key of ['a', 'c', 'd']) expect(start(key)).toBeUndefined()
})

test('of failures that are too many the oldest is forgotten', async () => {
  const { start } = stand({ failedMax: 2 })
  for (const key of ['a', 'b', 'a', 'c']) await start(key)?.(false)
  expect(start('b')).toBeUndefined()
  expect(start('c')).toBeUndefined()
  expect(start('a')).toBeDefined()
})

test('while what is stale is stretched, 64 are under way at most', async () => {
  let isStretched = true
  const { start, refreshes } = stand({ isStretched: () => isStretched })
  const ends = Array.from({ length: 64 }, (_, i) => start(`${i}`)!)
  expect(start('one more')).toBeUndefined()
  isStretched = false
  expect(start('one more')).toBeDefined()
  isStretched = true
  await ends[0]!(true)
  await ends[1]!(true)
  expect(refreshes.underWay).toBe(63)
  expect(start('another')).toBeDefined()
  expect(start('yet another')).toBeUndefined()
})
