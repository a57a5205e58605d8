import { afterEach, expect, test } from 'vitest'
import { createLevelControl, type LevelControlOptions } from '../../gateway/level-control.ts'
import type { SubgraphClient, SubgraphClientStats } from '../../protocol/subgraph-client.ts'
import { silent } from '../harness/postgres.ts'

const NOBODY = { waitMs: 0, left: 0, waitedMs: 0 }

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function open(options: Partial<LevelControlOptions> = {}) {
  const busy = createLevelControl({ measures: true, logger: silent, ...options })
  closing.push(() => busy.close())
  return busy
}

/** A subgraph of this process. */
const clientOf = (stats: SubgraphClientStats): SubgraphClient => ({
  name: 'payment',
  stats,
  execute: () => Promise.reject(new Error('asked for an answer')),
  ready: async () => {},
  close: async () => {},
})

function block(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

test('what was before it is told to watch counts for nothing: the work of loading, the waits of seeding', () => {
  const busy = open()
  const connections = { waitMs: 0, left: 100, waitedMs: 90_000 }
  const client = clientOf({ inFlight: 0, queues: new Map([['connections', connections]]) })
  block(300)
  for (let i = 0; i < 4; i++) busy.level.sample()
  expect([busy.level.measured, busy.level.readings]).toEqual(['CALM', []])

  busy.watch({ clients: () => [client], runQueue: () => NOBODY })
  busy.level.sample()
  const readings = Object.fromEntries(busy.level.readings.map(({ name, value }) => [name, value]))
  expect(readings['connections:payment']).toBe(0)
  expect(readings.eventLoopDelay).toBeLessThan(300)
})

test('once it watches, callers who wait for a connection of a subgraph in this process raise the level', () => {
  const busy = open()
  const connections = { waitMs: 0, left: 100, waitedMs: 0 }
  const client = clientOf({ queues: new Map([['connections', connections]]) })
  busy.watch({ clients: () => [client], runQueue: () => NOBODY })
  busy.level.sample()
  for (let i = 0; i < 2; i++) {
    connections.left += 10
    // 300 ms each.
    connections.waitedMs += 3_000
    busy.level.sample()
  }
  expect(busy.level.measured).toBe('SURGE')
  expect(busy.level.readings[0]).toMatchObject({ name: 'connections:payment', value: 300 })
})

test('told to measure nothing, it has no readings and stays CALM', () => {
  const busy = open({ measures: false })
  busy.watch({ clients: () => [clientOf({ waitMs: 10_000, items: 0 })], runQueue: () => NOBODY })
  for (let i = 0; i < 4; i++) busy.level.sample()
  expect([busy.level.measured, busy.level.readings]).toEqual(['CALM', []])
})
