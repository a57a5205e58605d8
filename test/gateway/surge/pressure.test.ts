import { afterEach, expect, test } from 'vitest'
import { type PressureOptions, watchPressure } from '../../../gateway/surge/pressure.ts'
import { Convoy } from '../../../protocol/convoy.ts'
import type { SubgraphClient, SubgraphClientStats } from '../../../protocol/subgraph-client.ts'

const NOBODY = { waitMs: 0, left: 0, waitedMs: 0 }

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function watch(options: Partial<PressureOptions> = {}) {
  const pressure = watchPressure({
    clients: () => [],
    runQueue: () => NOBODY,
    plansPending: () => 0,
    ...options,
  })
  closing.push(() => pressure.close())
  return (name: string) => pressure.take().find(reading => reading.name === name)
}

/** A client that tells what it is told to. */
const clientOf = (name: string, stats: () => SubgraphClientStats | undefined): SubgraphClient => ({
  name,
  get stats() {
    return stats()!
  },
  execute: () => Promise.reject(new Error('asked for an answer')),
  ready: async () => {},
  close: async () => {},
})

test('the wait for a subgraph is the mean of those that left since the last look', () => {
  let stats: SubgraphClientStats = { waitMs: 0, items: 0, waitedMs: 0 }
  const read = watch({ clients: () => [clientOfStats] })
  const clientOfStats = clientOf('coupon', () => stats)
  expect(read('convoy:coupon')).toEqual({ name: 'convoy:coupon', value: 0, target: 50, raises: 'SHED' })
  // (7,000 − 0) / (100 − 0)
  stats = { waitMs: 0, items: 100, waitedMs: 7_000 }
  expect(read('convoy:coupon')?.value).toBe(70)
  expect(read('convoy:coupon')?.value).toBe(0)
  // (7,300 − 7,000) / (110 − 100)
  stats = { waitMs: 5, items: 110, waitedMs: 7_300 }
  expect(read('convoy:coupon')?.value).toBe(30)
})

test('whoever waits on while others leave is seen by its age', () => {
  let stats: SubgraphClientStats = { waitMs: 400, items: 0, waitedMs: 0 }
  const client = clientOf('coupon', () => stats)
  const read = watch({ clients: () => [client] })
  expect(read('convoy:coupon')?.value).toBe(400)
  stats = { waitMs: 600, items: 1_000, waitedMs: 2_000 }
  expect(read('convoy:coupon')?.value).toBe(600)
})

test('the wait for a subgraph that answers nothing any more sheds nobody, until it answers again', () => {
  let now = 0
  let stats: SubgraphClientStats = { waitMs: 900, items: 64, waitedMs: 0, answered: 64 }
  const client = clientOf('coupon', () => stats)
  const read = watch({ clients: () => [client], clock: () => now })
  const raisesAt = (ms: number, more: SubgraphClientStats = {}): string | undefined => {
    now = ms
    stats = { ...stats, ...more }
    return read('convoy:coupon')?.raises
  }
  expect([raisesAt(0), raisesAt(999), raisesAt(1_000)]).toEqual(['SHED', 'SHED', 'BUSY'])
  // Others leave, for nothing: it is as silent.
  expect(raisesAt(1_200, { items: 128, waitedMs: 64_000 })).toBe('BUSY')
  expect(read('convoy:coupon')).toMatchObject({ value: 900, target: 50 })
  expect(raisesAt(1_400, { answered: 65 })).toBe('SHED')
  expect(raisesAt(2_399)).toBe('SHED')
  expect(raisesAt(2_400)).toBe('BUSY')
  // Whom nobody asks owes no answer.
  expect(raisesAt(2_600, { waitMs: 0 })).toBe('SHED')
  expect(raisesAt(3_599, { waitMs: 900 })).toBe('SHED')
  expect(raisesAt(3_600)).toBe('BUSY')
})

test('queues inside a subgraph have readings of their own, beside that of its client', () => {
  const connections = { waitMs: 0, left: 1_000, waitedMs: 50_000 }
  const claims = { waitMs: 0, left: 0, waitedMs: 0, targetMs: 100 }
  const queues = new Map([
    ['connections', connections],
    ['claims', claims],
  ])
  const client = clientOf('coupon', () => ({ inFlight: 3, queues }))
  const read = watch({ clients: () => [client] })
  // What was before it was first looked at is all of the past.
  expect(read('connections:coupon')?.value).toBe(50)
  expect(read('connections:coupon')?.value).toBe(0)
  Object.assign(connections, { left: 1_100, waitedMs: 57_000 })
  expect(read('connections:coupon')).toEqual({
    name: 'connections:coupon',
    // (57,000 − 50,000) / (1,100 − 1,000)
    value: 70,
    target: 50,
    raises: 'SHED',
  })
  Object.assign(claims, { waitMs: 900 })
  expect(read('claims:coupon')).toMatchObject({ value: 900, target: 100 })
  Object.assign(claims, { waitMs: 0, left: 10, waitedMs: 10_000 })
  expect(read('claims:coupon')?.value).toBe(1_000)
  expect(read('claims:coupon')?.value).toBe(0)
  expect(read('convoy:coupon')).toBeUndefined()
})

test('a queue inside a subgraph that stands still sheds nobody, until somebody leaves it', () => {
  let now = 0
  const connections = { waitMs: 900, left: 8, waitedMs: 0 }
  const client = clientOf('coupon', () => ({ queues: new Map([['connections', connections]]) }))
  const read = watch({ clients: () => [client], clock: () => now })
  const raisesAt = (ms: number, more: Partial<typeof connections> = {}): string | undefined => {
    now = ms
    Object.assign(connections, more)
    return read('connections:coupon')?.raises
  }
  expect([raisesAt(0), raisesAt(999), raisesAt(1_000)]).toEqual(['SHED', 'SHED', 'SURGE'])
  expect(read('connections:coupon')?.value).toBe(900)
  expect(raisesAt(1_200, { left: 9, waitedMs: 2_000 })).toBe('SHED')
  expect([raisesAt(2_199), raisesAt(2_200)]).toEqual(['SHED', 'SURGE'])
  expect(raisesAt(2_400, { waitMs: 0 })).toBe('SHED')
})

test('a wait that is over between two looks is not missed', async () => {
  const batches: (() => void)[] = []
  const convoy = new Convoy<number, number>({
    name: 'coupon',
    lanesMax: 1,
    batchMax: 10,
    queueMax: 100,
    send: items => new Promise(resolve => batches.push(() => resolve(items))),
  })
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  const client = clientOf('coupon', () => ({
    waitMs: convoy.waitMs,
    waitedMs: convoy.waitedMs,
    items: convoy.counts.items,
  }))
  const read = watch({ clients: () => [client] })
  const first = convoy.load(1)
  while (batches.length < 1) await turn()
  read('convoy:coupon')
  const others = [convoy.load(2), convoy.load(3)]
  const untilMs = performance.now() + 60
  while (performance.now() < untilMs) await turn()
  batches[0]!()
  while (batches.length < 2) await turn()
  batches[1]!()
  await Promise.all([first, ...others])
  expect(convoy.waitMs).toBe(0)
  expect(read('convoy:coupon')?.value).toBeGreaterThanOrEqual(60)
})

test('the clients are those in use now, each with its own counts, and one without lanes has no reading', () => {
  let clients = [clientOf('coupon', () => ({ waitMs: 0, items: 10, waitedMs: 600 }))]
  const read = watch({ clients: () => clients })
  expect(read('convoy:coupon')?.value).toBe(60)
  clients = [
    clientOf('coupon', () => ({ waitMs: 0, items: 5, waitedMs: 450 })),
    clientOf('catalog', () => ({ inFlight: 7 })),
    clientOf('payment', () => undefined),
  ]
  expect(read('convoy:coupon')?.value).toBe(90)
  expect(read('convoy:catalog')).toBeUndefined()
  expect(read('convoy:payment')).toBeUndefined()
})

test('requests that wait to be started have a reading', () => {
  let runQueue = NOBODY
  const read = watch({ runQueue: () => runQueue })
  expect(read('runQueue')).toEqual({ name: 'runQueue', value: 0, target: 50, raises: 'SHED' })
  // (8,000 − 0) / (100 − 0)
  runQueue = { waitMs: 20, left: 100, waitedMs: 8_000 }
  expect(read('runQueue')?.value).toBe(80)
  runQueue = { ...runQueue, waitMs: 120 }
  expect(read('runQueue')?.value).toBe(120)
})

test('the event loop and the planner have readings, each with what it may raise', () => {
  const read = watch({ plansPending: () => 60 })
  const untilMs = performance.now() + 300
  while (performance.now() < untilMs);
  const delay = read('eventLoopDelay')
  expect(delay).toMatchObject({ target: 50, raises: 'SHED' })
  expect(delay!.value).toBeGreaterThanOrEqual(250)
  expect(read('eventLoopUtilization')).toMatchObject({ target: 0.9, raises: 'BUSY' })
  expect(read('plannerQueue')).toEqual({ name: 'plannerQueue', value: 60, target: 50, raises: 'SURGE' })
})
