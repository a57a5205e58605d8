import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RANKS, type Rank, RunQueue } from '../../gateway/run-queue.ts'
import { nowMs } from '../../protocol/deadline.ts'
import { PRIORITIES } from '../../protocol/priority.ts'

const NEVER = Number.POSITIVE_INFINITY
const SLICE_MS = 1

/** Keeps the event loop to itself for so long. */
function work(ms: number): void {
  for (const endMs = nowMs() + ms; nowMs() < endMs; );
}

/** Uses up the slice that is under way. */
function busy(queue: RunQueue, sliceMs: number): void {
  expect(queue.enter('BROWSE', NEVER)).toBeUndefined()
  work(sliceMs)
}

/** Requests that come to a queue whose slice is used up, as they are started. */
function record(queue: RunQueue, onStart: (rank: Rank, name: string) => void = () => {}) {
  busy(queue, SLICE_MS)
  const started: string[] = []
  const request = async (name: string, rank: Rank): Promise<void> => {
    await queue.enter(rank, NEVER)
    started.push(name)
    onStart(rank, name)
  }
  return { started, request }
}

/** How often the event loop has come round since. */
function countTurns(): { readonly turns: number } & Disposable {
  let turns = 0
  let next = setImmediate(count)
  function count(): void {
    turns++
    next = setImmediate(count)
  }
  return {
    get turns() {
      return turns
    },
    [Symbol.dispose]: () => clearImmediate(next),
  }
}

test('in calm a request is started where it is read', async () => {
  const queue = new RunQueue()
  for (let turn = 0; turn < 5; turn++) {
    expect(queue.enter('BROWSE', NEVER)).toBeUndefined()
    await nextTurn()
  }
  expect(queue.stats).toEqual({ waiting: 0, waitMs: 0, left: 5, waitedMs: 0 })
})

test('those left over when a slice is used up start by rank, then by arrival, each once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...RANKS.slice(0, -1)), { minLength: 1, maxLength: 40 }),
      async ranks => {
        const sliceMs = 1
        const queue = new RunQueue(sliceMs)
        busy(queue, sliceMs)
        const started: [Rank, number][] = []
        const all = ranks.map(async (rank, number) => {
          expect(await queue.enter(rank, NEVER)).toBe(true)
          started.push([rank, number])
        })
        expect(queue.stats.waiting).toBe(ranks.length)
        await Promise.all(all)
        const inOrder = ranks
          .map((rank, number): [Rank, number] => [rank, number])
          .toSorted(([one], [other]) => RANKS.indexOf(one) - RANKS.indexOf(other))
        expect(started).toEqual(inOrder)
        expect(queue.stats).toMatchObject({ waiting: 0, waitMs: 0, left: 1 + ranks.length })
      },
    ),
  )
})

test('of brief ones two start in every turn, by arrival, however many others wait', async () => {
  using counted = countTurns()
  const turnOf = new Map<string, number>()
  const { started, request } = record(new RunQueue(SLICE_MS), (rank, name) => {
    turnOf.set(name, counted.turns)
    // Whoever is not brief takes a whole slice.
    if (rank !== 'BRIEF') work(SLICE_MS)
  })
  await Promise.all([
    ...[1, 2, 3, 4, 5].map(number => request(`brief ${number}`, 'BRIEF')),
    ...[1, 2, 3, 4].map(number => request(`pay ${number}`, 'PAY')),
  ])
  expect(started).toEqual([
    ...['pay 1', 'brief 1', 'brief 2'],
    ...['pay 2', 'brief 3', 'brief 4'],
    ...['pay 3', 'brief 5'],
    'pay 4',
  ])
  expect(turnOf.get('brief 2')).toBe(turnOf.get('pay 1'))
})

test('ranks are the priorities in their order, and two more', () => {
  expect(RANKS.filter(rank => rank !== 'PROMISED' && rank !== 'BRIEF')).toEqual(PRIORITIES)
  expect(RANKS.indexOf('PROMISED')).toBe(RANKS.indexOf('CLAIM') - 1)
  expect(RANKS.at(-1)).toBe('BRIEF')
})

test('a rank is asked for only when there is something to wait for', async () => {
  const sliceMs = 1
  const queue = new RunQueue(sliceMs)
  let asked = 0
  const rank = (): Rank => {
    asked++
    return 'CLAIM'
  }
  expect(queue.enter(rank, NEVER)).toBeUndefined()
  expect(asked).toBe(0)
  work(sliceMs)
  expect(await queue.enter(rank, NEVER)).toBe(true)
  expect(asked).toBe(1)
})

test('where nobody urges, whoever goes on with something does so at once', () => {
  expect(new RunQueue().goOn('BROWSE')).toBeUndefined()
})

test('else those who go on with something wait for each other, be a slice unused, and go by rank', async () => {
  const sliceMs = 2
  const queue = new RunQueue(sliceMs)
  queue.urge()
  using counted = countTurns()
  const gone: string[] = []
  const goOn = async (name: string, rank: Rank): Promise<number> => {
    expect(await queue.goOn(rank)).toBe(true)
    gone.push(name)
    work(sliceMs)
    return counted.turns
  }
  const turnOf = await Promise.all([
    goOn('first', 'BROWSE'),
    goOn('second', 'BROWSE'),
    goOn('third', 'CLAIM'),
  ])
  expect(gone).toEqual(['third', 'first', 'second'])
  expect(new Set(turnOf).size).toBe(3)
  expect(queue.stats).toMatchObject({ waiting: 0, left: 3 })
})

test('in a slice brief ones come last', async () => {
  const { started, request } = record(new RunQueue(SLICE_MS))
  await Promise.all([
    ...[1, 2, 3].map(number => request(`brief ${number}`, 'BRIEF')),
    request('unknown text', 'ADHOC'),
  ])
  expect(started).toEqual(['unknown text', 'brief 1', 'brief 2', 'brief 3'])
})

test('between slices the event loop comes round, and whoever came meanwhile and is more urgent is next', async () => {
  // A whole slice: each has one of its own.
  const { started, request } = record(new RunQueue(SLICE_MS), () => work(SLICE_MS))
  const browsing = ['first', 'second', 'third'].map(name => request(name, 'BROWSE'))
  await browsing[0]
  // As if read from a socket in this turn.
  await Promise.all([...browsing, request('payment', 'PAY')])
  expect(started).toEqual(['first', 'payment', 'second', 'third'])
})

test('what a start leads to, over however many promises, counts before the next one is started', async () => {
  const sliceMs = 2
  const queue = new RunQueue(sliceMs)
  busy(queue, sliceMs)
  using loop = countTurns()
  const request = async (): Promise<number> => {
    await queue.enter('BROWSE', NEVER)
    for (let hop = 0; hop < 30; hop++) await undefined
    work(sliceMs)
    return loop.turns
  }
  const turnOf = await Promise.all([request(), request(), request()])
  expect(new Set(turnOf).size).toBe(3)
})

test('while connections come, the event loop comes round after each start, and no longer once they have ceased', async () => {
  const sliceMs = 1_000
  const queue = new RunQueue(sliceMs)
  using loop = countTurns()
  const request = async (): Promise<number> => {
    await queue.enter('BROWSE', NEVER)
    work(1)
    return loop.turns
  }
  queue.hurry()
  busy(queue, 1)
  const hasty = await Promise.all([request(), request(), request(), request(), request(), request()])
  // Three turns without another connection, and then a whole slice.
  expect(new Set(hasty).size).toBe(4)
})

test('nobody overtakes those who wait, though the slice has time left', async () => {
  const queue = new RunQueue(1)
  busy(queue, 1)
  const first = queue.enter('BROWSE', NEVER)
  expect(first).toBeInstanceOf(Promise)
  const late = new Promise<Promise<boolean> | undefined>(resolve => {
    // Before the turn of those who wait.
    process.nextTick(() => resolve(queue.enter('BROWSE', NEVER)))
  })
  expect(await late).toBe(true)
  expect(await first).toBe(true)
})

test('who is late, or has hung up, is not started and holds up nobody', async () => {
  const queue = new RunQueue(1)
  busy(queue, 1)
  let isGone = false
  const late = queue.enter('PAY', nowMs())
  const gone = queue.enter('PAY', NEVER, () => isGone)
  const there = queue.enter('PAY', NEVER, () => false)
  isGone = true
  expect(await Promise.all([late, gone, there])).toEqual([false, false, true])
})

test('stats tell how long the oldest waits and what those have waited who no longer do', async () => {
  const queue = new RunQueue(1)
  busy(queue, 1)
  const waiting = queue.enter('BROWSE', NEVER)
  work(5)
  expect(queue.enter('PAY', NEVER)).toBeInstanceOf(Promise)
  expect(queue.stats).toMatchObject({ waiting: 2, left: 1, waitedMs: 0 })
  expect(queue.stats.waitMs).toBeGreaterThanOrEqual(5)
  await waiting
  expect(queue.stats).toMatchObject({ waiting: 0, waitMs: 0, left: 3 })
  expect(queue.stats.waitedMs).toBeGreaterThanOrEqual(5)
})
