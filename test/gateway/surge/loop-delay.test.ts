import { afterEach, expect, test } from 'vitest'
import { watchLoopDelay } from '../../../gateway/surge/loop-delay.ts'

const TICK_MS = 20
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function watch() {
  const delay = watchLoopDelay(TICK_MS)
  closing.push(() => delay.close())
  return delay
}

function holdLoop(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

test('what holds the loop is seen, whether a tick came in between or not', async () => {
  const delay = watch()
  // Just after a look, which perf_hooks' histogram misses.
  delay.take()
  holdLoop(120)
  expect(delay.take()).toBeGreaterThanOrEqual(120 - TICK_MS)
  holdLoop(120)
  await new Promise(resolve => setTimeout(resolve, 1))
  expect(delay.take()).toBeGreaterThanOrEqual(120 - TICK_MS)
})

test('a delay is told once, and the longest of several', async () => {
  const delay = watch()
  for (const ms of [60, 200, 60]) {
    holdLoop(ms)
    await turn()
  }
  const longest = delay.take()
  expect(longest).toBeGreaterThanOrEqual(200 - TICK_MS)
  // Taken again in the same turn: nothing has been held since.
  expect(delay.take()).toBeLessThan(longest)
})

test('a loop that has nothing to do is never early', async () => {
  const delay = watch()
  for (let i = 0; i < 10; i++) {
    await turn()
    expect(delay.take()).toBeGreaterThanOrEqual(0)
  }
})
