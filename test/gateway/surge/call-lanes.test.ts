import { beforeEach, describe, expect, it } from 'vitest'
import { type Awaited, CallLanes, type Unawaited } from '../../../gateway/surge/call-lanes.ts'
import { until } from '../../harness/postgres.ts'

/** Steps have numbers here; those that nobody waits for are below zero. */
type Step = (Awaited<readonly string[]> | Unawaited) & { readonly number: number }

/** A call as it was sent, and the end that it waits for. */
interface Sent {
  readonly numbers: readonly number[]
  readonly answer: (answers: readonly string[]) => void
  readonly fail: (error: Error) => void
}

let sent: Sent[]
let heard: string[]
let lanes: CallLanes<readonly string[], Step>
beforeEach(() => {
  sent = []
  heard = []
  lanes = new CallLanes({
    stepsMax: 3,
    waitingMax: 5,
    heldMsMax: 1,
    send: steps =>
      new Promise((answer, fail) => {
        sent.push({ numbers: steps.map(({ number }) => number), answer, fail })
      }),
    failed: error => heard.push(`failed: ${error.message}`),
  })
})

const ask = (number: number, lane = 'lane'): void =>
  lanes.add(lane, {
    isAwaited: true,
    number,
    answer: (answers, index) => heard.push(`${number}: ${answers[index]}`),
    fail: error => heard.push(`${number}: ${error.message}`),
  })
const tell = (number: number): void => lanes.add('lane', { isAwaited: false, number: -number })

const numbers = (): (readonly number[])[] => sent.map(call => call.numbers)
const isSent = async (calls: number): Promise<void> => {
  await until(`${calls} calls`, () => sent.length === calls)
}

describe('lanes of calls', () => {
  it('have one call under way each, and the next takes what has come meanwhile, in its order', async () => {
    ask(1)
    ask(2)
    tell(3)
    ask(4)
    ask(5)
    ask(10, 'another lane')
    expect(numbers()).toEqual([[1], [10]])
    sent[0]!.answer(['a'])
    await isSent(3)
    // Three steps a call.
    expect(sent[2]!.numbers).toEqual([2, -3, 4])
    sent[2]!.answer(['b', 'c'])
    await isSent(4)
    expect(sent[3]!.numbers).toEqual([5])
    sent[3]!.answer(['d'])
    await until('every answer', () => heard.length === 4)
    expect(heard).toEqual(['1: a', '2: b', '4: c', '5: d'])
    expect(lanes.calls).toBe(4)
  })

  it('hold what nobody waits for until something rides with it, and send it alone when none comes', async () => {
    tell(1)
    ask(2)
    expect(numbers()).toEqual([[-1, 2]])
    sent[0]!.answer(['b'])
    await until('its answer', () => heard.length === 1)
    tell(3)
    await isSent(2)
    expect(sent[1]!.numbers).toEqual([-3])
  })

  it('are bounded: one step more fails, or is dropped where nobody waits for it', async () => {
    for (const each of [1, 2, 3, 4, 5, 6]) ask(each)
    ask(7)
    tell(8)
    expect(heard).toEqual(['7: 5 steps wait for a call to Redis'])
    sent[0]!.answer(['a'])
    await isSent(2)
    sent[1]!.answer(['b', 'c', 'd'])
    await isSent(3)
    expect(sent[2]!.numbers).toEqual([5, 6])
  })

  it('fail the steps of a call that failed, and go on with those that waited', async () => {
    ask(1)
    ask(2)
    sent[0]!.fail(new Error('gone'))
    await isSent(2)
    expect(heard).toEqual(['1: gone', 'failed: gone'])
    sent[1]!.answer(['b'])
    await until('its answer', () => heard.includes('2: b'))
  })

  it('fail all when they are given up, and know nothing of answers that come then', async () => {
    ask(1)
    ask(2)
    ask(3, 'another lane')
    expect(lanes.oldestSentMs).toBeLessThanOrEqual(performance.now())
    lanes.abandon(new Error('stalled'))
    expect(heard).toEqual(['1: stalled', '2: stalled', '3: stalled'])
    expect(lanes.oldestSentMs).toBeUndefined()
    ask(4)
    sent[0]!.answer(['a'])
    sent[1]!.fail(new Error('late'))
    sent[2]!.answer(['b'])
    await until('the answer of what came after', () => heard.length === 4)
    expect(heard[3]).toBe('4: b')
  })

  it('know since when the oldest call waits', async () => {
    ask(1, 'a')
    const first = lanes.oldestSentMs
    ask(2, 'b')
    ask(3, 'c')
    expect(lanes.oldestSentMs).toBe(first)
    sent[1]!.answer(['b'])
    await until('an answer', () => heard.length === 1)
    expect(lanes.oldestSentMs).toBe(first)
    sent[0]!.answer(['a'])
    await until('an answer', () => heard.length === 2)
    expect(lanes.oldestSentMs).toBeGreaterThanOrEqual(first!)
    sent[2]!.answer(['c'])
    await until('no call', () => lanes.oldestSentMs === undefined)
  })
})
