import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { Convoy, type ConvoyOptions } from '../../protocol/convoy.ts'
import { deadlineIn, nowMs } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import type { Priority } from '../../protocol/priority.ts'

interface Batch<Item> {
  readonly items: readonly Item[]
  readonly settle: (index: number, answer: string | Error) => void
  readonly resolve: (answers: readonly (string | Error)[]) => void
  readonly reject: (error: unknown) => void
}

/** A convoy whose batches are answered by hand. */
function byHand<Item>(options: Partial<ConvoyOptions<Item, string>> = {}): {
  convoy: Convoy<Item, string>
  sent: Batch<Item>[]
  nextBatch(count: number): Promise<Batch<Item>>
} {
  const sent: Batch<Item>[] = []
  const convoy = new Convoy<Item, string>({
    name: 'test',
    lanesMax: 1,
    batchMax: 10,
    queueMax: 100,
    send: (items, settle) => new Promise((resolve, reject) => sent.push({ items, settle, resolve, reject })),
    ...options,
  })
  return {
    convoy,
    sent,
    async nextBatch(count) {
      while (sent.length < count) await turn()
      return sent[count - 1]!
    },
  }
}

const answerAll = <Item>(batch: Batch<Item>): void => batch.resolve(batch.items.map(item => `answer ${item}`))
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('every load settles once, with its own answer', () => {
  it('holds for any arrival order, bounds, failures and latencies', async () => {
    const run = fc.record({
      lanesMax: fc.integer({ min: 1, max: 4 }),
      batchMax: fc.integer({ min: 1, max: 7 }),
      queueMax: fc.integer({ min: 1, max: 40 }),
      gapMs: fc.constantFrom(undefined, 0, 1),
      // Each item: turns of the event loop before it is loaded, its priority, and what becomes of it.
      items: fc.array(
        fc.record({
          gap: fc.integer({ min: 0, max: 2 }),
          priority: fc.constantFrom<Priority>('OPERATE', 'PAY', 'CLAIM', 'ADHOC'),
          fate: fc.constantFrom('answer', 'answer', 'answer', 'error', 'early', 'throw'),
          turns: fc.integer({ min: 0, max: 3 }),
        }),
        { maxLength: 60 },
      ),
    })
    await fc.assert(
      fc.asyncProperty(run, async ({ lanesMax, batchMax, queueMax, gapMs, items }) => {
        let inFlight = 0
        const carried = new Set<number>()
        const convoy = new Convoy<number, string>({
          name: 'property',
          lanesMax,
          batchMax,
          queueMax,
          ...(gapMs === undefined ? {} : { gapMs: () => gapMs }),
          priority: id => items[id]!.priority,
          async send(ids, settle) {
            inFlight++
            expect(inFlight).toBeLessThanOrEqual(lanesMax)
            expect(ids.length).toBeGreaterThan(0)
            expect(ids.length).toBeLessThanOrEqual(batchMax)
            expect(new Set(ids.map(id => items[id]!.priority)).size).toBe(1)
            for (const id of ids) {
              expect(carried.has(id)).toBe(false)
              carried.add(id)
            }
            ids.forEach((id, index) => {
              if (items[id]!.fate === 'early') settle(index, `answer ${id}`)
            })
            for (let i = 0; i < items[ids[0]!]!.turns; i++) await turn()
            inFlight--
            if (ids.some(id => items[id]!.fate === 'throw')) throw new Error('batch lost')
            return ids.map(id => (items[id]!.fate === 'error' ? new Error(`bad ${id}`) : `answer ${id}`))
          },
        })
        const outcomes: Promise<string>[] = []
        for (const [id, item] of items.entries()) {
          for (let i = 0; i < item.gap; i++) await turn()
          expect(convoy.depth).toBeLessThanOrEqual(queueMax)
          outcomes.push(convoy.load(id).catch((error: Error) => error.message))
        }
        const texts = await Promise.all(outcomes)
        texts.forEach((text, id) => {
          const { fate } = items[id]!
          if (!carried.has(id)) expect(text).toMatch(/expected room in the queue/)
          else if (fate === 'early') expect(text).toBe(`answer ${id}`)
          else if (fate === 'throw') expect(text).toBe('batch lost')
          else expect([fate === 'error' ? `bad ${id}` : `answer ${id}`, 'batch lost']).toContain(text)
        })
        await convoy.close()
        expect([convoy.depth, convoy.inFlight, convoy.itemsInFlight]).toEqual([0, 0, 0])
        expect(convoy.counts.items).toBe(carried.size)
        expect(convoy.counts.refused).toBe(items.length - carried.size)
      }),
      { numRuns: 200 },
    )
  })

  it('gives each item the answer of its own place in the batch', async () => {
    const { convoy, nextBatch } = byHand<number>()
    const loads = [1, 2, 3].map(id => convoy.load(id))
    answerAll(await nextBatch(1))
    expect(await Promise.all(loads)).toEqual(['answer 1', 'answer 2', 'answer 3'])
  })

  it('answers an item early while its neighbour is still under way', async () => {
    const { convoy, nextBatch } = byHand<string>()
    const fast = convoy.load('fast')
    const slow = convoy.load('slow')
    const batch = await nextBatch(1)
    batch.settle(0, 'early')
    expect(await fast).toBe('early')
    expect(convoy.inFlight).toBe(1)
    batch.resolve(['late, ignored', 'done'])
    expect(await slow).toBe('done')
    expect(await fast).toBe('early')
  })

  it('fails one item and not its neighbours', async () => {
    const { convoy, nextBatch } = byHand<string>()
    const loads = ['a', 'b', 'c'].map(id => convoy.load(id))
    ;(await nextBatch(1)).resolve(['A', new Error('b is bad'), 'C'])
    expect(await Promise.allSettled(loads)).toMatchObject([
      { value: 'A' },
      { reason: { message: 'b is bad' } },
      { value: 'C' },
    ])
  })

  it('fails only the batch whose send rejects or throws, and frees its lane', async () => {
    let batches = 0
    const convoy = new Convoy<number, string>({
      name: 'test',
      lanesMax: 1,
      batchMax: 2,
      queueMax: 10,
      send(items) {
        batches++
        if (batches === 1) throw new Error('thrown')
        return batches === 2 ? Promise.reject('a string') : Promise.resolve(items.map(String))
      },
    })
    const loads = [1, 2, 3, 4, 5].map(id => convoy.load(id))
    expect((await Promise.allSettled(loads)).map(o => ('value' in o ? o.value : o.reason.message))).toEqual([
      'thrown',
      'thrown',
      'test: send threw a string',
      'test: send threw a string',
      '5',
    ])
  })

  it('says how many answers were missing', async () => {
    const { convoy, nextBatch } = byHand<string>()
    const loads = ['a', 'b'].map(id => convoy.load(id))
    ;(await nextBatch(1)).resolve(['A'])
    expect(await loads[0]).toBe('A')
    await expect(loads[1]).rejects.toThrow('test: expected send to resolve with 2 answers, got 1')
  })
})

describe('a gap between departures', () => {
  const GAP_MS = 30
  const FOREVER_MS = 600_000

  it('puts off what comes soon after a departure, and all of it rides together', async () => {
    const { convoy, nextBatch } = byHand<number>({ lanesMax: 3, gapMs: () => GAP_MS })
    const startedMs = nowMs()
    const first = convoy.load(1)
    answerAll(await nextBatch(1))
    await first
    const others = [convoy.load(2)]
    await turn()
    others.push(convoy.load(3))
    const second = await nextBatch(2)
    expect(second.items).toEqual([2, 3])
    // Timers count in whole milliseconds.
    expect(nowMs() - startedMs).toBeGreaterThanOrEqual(GAP_MS - 1)
    answerAll(second)
    expect(await Promise.all(others)).toEqual(['answer 2', 'answer 3'])
  })

  it('holds nobody up who comes after a longer one, and nobody who would not fit', async () => {
    const { convoy, nextBatch } = byHand<number>({ batchMax: 2, lanesMax: 3, gapMs: () => FOREVER_MS })
    const first = convoy.load(1)
    answerAll(await nextBatch(1))
    await first
    const others = [2, 3, 4].map(id => convoy.load(id))
    expect((await nextBatch(2)).items).toEqual([2, 3])
    answerAll(await nextBatch(2))
    expect((await nextBatch(3)).items).toEqual([4])
    answerAll(await nextBatch(3))
    expect(await Promise.all([first, ...others])).toHaveLength(4)
  })

  it('is over when the convoy closes', async () => {
    const { convoy, nextBatch } = byHand<number>({ gapMs: () => FOREVER_MS })
    const first = convoy.load(1)
    answerAll(await nextBatch(1))
    await first
    const second = convoy.load(2)
    const closed = convoy.close()
    answerAll(await nextBatch(2))
    expect(await second).toBe('answer 2')
    await closed
  })

  it('keeps to deadlines', async () => {
    const { convoy, nextBatch } = byHand<number>({
      gapMs: () => FOREVER_MS,
      deadlineMs: () => deadlineIn(20),
    })
    const first = convoy.load(1)
    answerAll(await nextBatch(1))
    await first
    await expect(convoy.load(2)).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
  })
})

describe('lanes', () => {
  it('lets what arrives while every lane is taken ride in the next batch', async () => {
    const { convoy, sent, nextBatch } = byHand<number>({ lanesMax: 2, batchMax: 10 })
    void convoy.load(1)
    const first = await nextBatch(1)
    void convoy.load(2)
    const second = await nextBatch(2)
    const riders = [3, 4, 5].map(id => convoy.load(id))
    await turn()
    await turn()
    expect(sent.length).toBe(2)
    expect(convoy.inFlight).toBe(2)
    expect(convoy.depth).toBe(3)
    expect(convoy.waitMs).toBeGreaterThan(0)
    answerAll(first)
    expect((await nextBatch(3)).items).toEqual([3, 4, 5])
    expect(convoy.depth).toBe(0)
    expect(convoy.waitMs).toBe(0)
    answerAll(sent[2]!)
    answerAll(second)
    await Promise.all(riders)
  })

  it('counts a wait that is over before anybody looks, once for each who waited', async () => {
    const { convoy, nextBatch } = byHand<number>()
    void convoy.load(1)
    const first = await nextBatch(1)
    const beforeMs = convoy.waitedMs
    const riders = [2, 3, 4].map(id => convoy.load(id))
    const until = performance.now() + 20
    while (performance.now() < until) await turn()
    answerAll(first)
    const second = await nextBatch(2)
    expect(convoy.waitMs).toBe(0)
    // 3 × 20 ms at least.
    expect(convoy.waitedMs - beforeMs).toBeGreaterThanOrEqual(60)
    answerAll(second)
    await Promise.all(riders)
    const afterMs = convoy.waitedMs
    await turn()
    expect(convoy.waitedMs).toBe(afterMs)
  })

  it('relieves a batch that waited behind stragglers, within its lanes and the items of full lanes', async () => {
    const { convoy, sent, nextBatch } = byHand<number>({
      batchMax: 3,
      relief: { patienceMs: 5, lanesMax: 3 },
    })
    const loads = [convoy.load(1)]
    await nextBatch(1)
    const startMs = performance.now()
    loads.push(convoy.load(2))
    const second = await nextBatch(2)
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(4)
    // Two items are in flight of the three that one full lane carries: a batch of two stays, until one is answered.
    loads.push(convoy.load(3), convoy.load(4))
    const patience = deadlineIn(30)
    while (performance.now() < patience) await turn()
    expect([sent.length, convoy.inFlight, convoy.itemsInFlight]).toEqual([2, 2, 2])
    second.settle(0, 'early')
    const third = await nextBatch(3)
    expect(third.items).toEqual([3, 4])
    third.settle(0, 'early')
    third.settle(1, 'early')
    loads.push(convoy.load(5))
    const lanes = deadlineIn(30)
    while (performance.now() < lanes) await turn()
    expect([sent.length, convoy.inFlight, convoy.itemsInFlight]).toEqual([3, 3, 1])
    for (const batch of [...sent]) answerAll(batch)
    answerAll(await nextBatch(4))
    expect(await Promise.all(loads)).toEqual(['answer 1', 'early', 'early', 'early', 'answer 5'])
    await convoy.close()
    expect(convoy.itemsInFlight).toBe(0)
  })

  it('uses more lanes as soon as it is given more', async () => {
    const { convoy, sent, nextBatch } = byHand<number>({ lanesMax: 1, batchMax: 1 })
    const loads = [1, 2, 3].map(id => convoy.load(id))
    await nextBatch(1)
    expect(sent.length).toBe(1)
    convoy.lanesMax = 3
    await nextBatch(3)
    convoy.lanesMax = 1
    sent.forEach(answerAll)
    await Promise.all(loads)
  })

  it('refuses bounds that are not positive integers', () => {
    expect(() => byHand({ lanesMax: 0 })).toThrow('test: lanesMax: expected a positive integer, got 0')
    expect(() => byHand({ queueMax: 1.5 })).toThrow('test: queueMax: expected a positive integer, got 1.5')
  })
})

describe('priority', () => {
  it('sends the oldest batch of the highest priority first', async () => {
    const { convoy, sent, nextBatch } = byHand<{ id: string; priority: Priority }>({
      batchMax: 2,
      priority: item => item.priority,
    })
    const load = (id: string, priority: Priority): void => void convoy.load({ id, priority })
    load('first', 'BROWSE')
    await nextBatch(1)
    load('b1', 'BROWSE')
    load('a1', 'ADHOC')
    load('p1', 'PAY')
    load('b2', 'BROWSE')
    load('p2', 'PAY')
    load('p3', 'PAY')
    load('o1', 'OPERATE')
    for (let i = 0; i < 6; i++) {
      const batch = await nextBatch(i + 1)
      batch.resolve(batch.items.map(item => item.id))
    }
    expect(sent.map(batch => batch.items.map(item => item.id).join(' '))).toEqual([
      'first',
      'o1',
      'p1 p2',
      'p3',
      'b1 b2',
      'a1',
    ])
  })
})

describe('deadlines', () => {
  it('answers an item that expires in the queue, and leaves it out of its batch', async () => {
    const { convoy, nextBatch } = byHand<{ id: string; deadlineMs: number }>({
      deadlineMs: item => item.deadlineMs,
    })
    const blocker = convoy.load({ id: 'blocker', deadlineMs: deadlineIn(60_000) })
    const first = await nextBatch(1)
    const hurried = convoy.load({ id: 'hurried', deadlineMs: deadlineIn(10) })
    const patient = convoy.load({ id: 'patient', deadlineMs: deadlineIn(60_000) })
    await expect(hurried).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    first.resolve(['done'])
    const second = await nextBatch(2)
    expect(second.items.map(item => item.id)).toEqual(['patient'])
    second.resolve(['done'])
    expect(await Promise.all([blocker, patient])).toEqual(['done', 'done'])
    expect(convoy.counts).toEqual({ batches: 2, items: 2, answered: 2, refused: 0, expired: 1 })
  })

  it('leaves out an item that expires while the process is busy, before its deadlines are looked at', async () => {
    const { convoy, nextBatch } = byHand<{ id: string; deadlineMs: number }>({
      deadlineMs: item => item.deadlineMs,
    })
    // After a timer come the batches that leave, and only then the next timers, of which one looks at deadlines.
    let both: Promise<string>[] = []
    await new Promise<void>(resolve =>
      setTimeout(() => {
        const deadlineMs = deadlineIn(10)
        both = [deadlineMs, deadlineIn(60_000)].map(at => convoy.load({ id: `${at}`, deadlineMs: at }))
        while (performance.now() < deadlineMs);
        resolve()
      }),
    )
    const settled = Promise.allSettled(both)
    const batch = await nextBatch(1)
    expect(batch.items).toHaveLength(1)
    batch.resolve(['done'])
    const [hurried, patient] = await settled
    expect(hurried).toMatchObject({ reason: { code: 'SUBGRAPH_TIMEOUT' } })
    expect(patient).toMatchObject({ value: 'done' })
    expect(convoy.counts).toEqual({ batches: 1, items: 1, answered: 1, refused: 0, expired: 1 })
    await convoy.close()
  })

  it('answers an item that expires in flight as unknown, while the lane stays taken', async () => {
    // Long enough to have left by then, on a busy machine too.
    const { convoy, nextBatch } = byHand<number>({ deadlineMs: () => deadlineIn(400) })
    const outcome = expect(convoy.load(1)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    const batch = await nextBatch(1)
    await outcome
    expect(convoy.inFlight).toBe(1)
    answerAll(batch)
    await convoy.close()
  })

  it('gives the room of a wholly expired batch back without taking a lane', async () => {
    const { convoy, sent, nextBatch } = byHand<{ deadlineMs: number }>({
      queueMax: 3,
      deadlineMs: item => item.deadlineMs,
    })
    const blocker = convoy.load({ deadlineMs: deadlineIn(60_000) })
    await nextBatch(1)
    const expired = [1, 2, 3].map(() => convoy.load({ deadlineMs: deadlineIn(10) }))
    await expect(convoy.load({ deadlineMs: deadlineIn(10) })).rejects.toMatchObject({
      code: 'SUBGRAPH_OVERLOADED',
    })
    await Promise.allSettled(expired)
    expect(convoy.depth).toBe(0)
    const next = convoy.load({ deadlineMs: deadlineIn(60_000) })
    sent[0]!.resolve(['done'])
    ;(await nextBatch(2)).resolve(['next'])
    expect(await Promise.all([blocker, next])).toEqual(['done', 'next'])
    expect(sent.length).toBe(2)
  })

  it('refuses an item whose deadline has passed before it queues', async () => {
    const { convoy, sent } = byHand<number>({ deadlineMs: () => deadlineIn(-1) })
    await expect(convoy.load(1)).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    expect([convoy.depth, sent.length]).toEqual([0, 0])
  })
})

describe('bounds', () => {
  it('refuses what finds the queue full, saying when to ask again', async () => {
    const { convoy, nextBatch } = byHand<number>({ queueMax: 2 })
    void convoy.load(0)
    await nextBatch(1)
    void convoy.load(1)
    void convoy.load(2)
    const error = await convoy.load(3).catch((e: Fault) => e)
    expect(error).toBeInstanceOf(Fault)
    expect(error).toMatchObject({
      message: 'test: expected room in the queue, got: 2 of 2 places are taken',
      extensions: { code: 'SUBGRAPH_OVERLOADED', retryAfterMs: 50 },
    })
    expect(convoy.depth).toBe(2)
  })

  it('has room for what is urgent when it is full of browsing', async () => {
    const { convoy, nextBatch } = byHand<Priority>({ queueMax: 20, priority: item => item })
    const blocker = convoy.load('PAY')
    await nextBatch(1)
    const queued = Array.from({ length: 18 }, (_, i) => convoy.load(i % 2 === 0 ? 'BROWSE' : 'ADHOC'))
    for (const priority of ['BROWSE', 'ADHOC'] as const)
      await expect(convoy.load(priority)).rejects.toMatchObject({ code: 'SUBGRAPH_OVERLOADED' })
    queued.push(convoy.load('PAY'), convoy.load('CLAIM'))
    await expect(convoy.load('OPERATE')).rejects.toMatchObject({ code: 'SUBGRAPH_OVERLOADED' })
    // The blocker, and a batch of each priority.
    for (let i = 0; i < 5; i++) answerAll(await nextBatch(i + 1))
    expect(await Promise.all([blocker, ...queued])).toHaveLength(21)
  })

  it('lets its owner name the refusal', async () => {
    const { convoy } = byHand<number>({ queueMax: 1, overloaded: item => new Error(`no room for ${item}`) })
    void convoy.load(1)
    await expect(convoy.load(2)).rejects.toThrow('no room for 2')
  })
})

describe('close', () => {
  let done = false
  afterEach(() => {
    done = false
  })

  it('carries what is queued, refuses what comes, and waits for the last lane', async () => {
    const { convoy, nextBatch } = byHand<number>({ batchMax: 1 })
    const loads = [1, 2].map(id => convoy.load(id))
    const closing = convoy.close().then(() => {
      done = true
    })
    await expect(convoy.load(3)).rejects.toThrow('got: is closing')
    answerAll(await nextBatch(1))
    answerAll(await nextBatch(2))
    expect(done).toBe(false)
    expect(await Promise.all(loads)).toEqual(['answer 1', 'answer 2'])
    await closing
  })
})
