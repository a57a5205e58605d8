import { beforeEach, describe, expect, it } from 'vitest'
import { BucketLines, type Step } from '../../../gateway/surge/bucket-lines.ts'
import { until } from '../../harness/postgres.ts'

const bucket = { key: 'k', rate: { perSecond: 1, burst: 1_000 } }

/** A call as it was sent; its number of points, refunds below zero, and the end that it waits for. */
interface Sent {
  readonly points: readonly number[]
  readonly answer: (answers: readonly number[]) => void
  readonly fail: (error: Error) => void
}

let sent: Sent[]
let heard: string[]
let lines: BucketLines
beforeEach(() => {
  sent = []
  heard = []
  lines = new BucketLines({
    stepsMax: 3,
    waitingMax: 5,
    refundHeldMsMax: 1,
    send: steps =>
      new Promise((answer, fail) => {
        sent.push({ points: steps.map(pointsOf), answer, fail })
      }),
    failed: error => heard.push(`failed: ${error.message}`),
  })
})

const pointsOf = ({ kind, points }: Step): number => (kind === 'demand' ? points : -points)

const demand = (points: number, line = 'line'): void =>
  lines.add(line, {
    kind: 'demand',
    redisKey: line,
    bucket,
    points,
    answer: (debtMs, atMs) => heard.push(`${points}: ${debtMs} at ${atMs}`),
    fail: error => heard.push(`${points}: ${error.message}`),
  })
const refund = (points: number): void =>
  lines.add('line', { kind: 'refund', redisKey: 'line', bucket, points, endMs: undefined })

const points = (): (readonly number[])[] => sent.map(call => call.points)
const isSent = async (calls: number): Promise<void> => {
  await until(`${calls} calls`, () => sent.length === calls)
}

describe('lines of calls', () => {
  it('have one call under way each, and the next takes what has come meanwhile, in its order', async () => {
    demand(1)
    demand(2)
    refund(3)
    demand(4)
    demand(5)
    demand(10, 'another line')
    expect(points()).toEqual([[1], [10]])
    sent[0]!.answer([1_000, 11])
    await isSent(3)
    // Three steps a call.
    expect(sent[2]!.points).toEqual([2, -3, 4])
    sent[2]!.answer([2_000, 22, -44])
    await isSent(4)
    expect(sent[3]!.points).toEqual([5])
    sent[3]!.answer([3_000, 55])
    await until('every answer', () => heard.length === 4)
    expect(heard).toEqual(['1: 11 at 1000', '2: 22 at 2000', '4: -44 at 2000', '5: 55 at 3000'])
    expect(lines.calls).toBe(4)
  })

  it('hold a refund for a demand to ride with, and send it alone when none comes', async () => {
    refund(1)
    demand(2)
    expect(points()).toEqual([[-1, 2]])
    sent[0]!.answer([0, 2])
    await until('its answer', () => heard.length === 1)
    refund(3)
    await isSent(2)
    expect(sent[1]!.points).toEqual([-3])
  })

  it('are bounded: one demand more fails, and one refund more is dropped', async () => {
    for (const each of [1, 2, 3, 4, 5, 6]) demand(each)
    demand(7)
    refund(8)
    expect(heard).toEqual(['7: 5 steps wait for a call to Redis'])
    sent[0]!.answer([0, 1])
    await isSent(2)
    sent[1]!.answer([0, 2, 3, 4])
    await isSent(3)
    expect(sent[2]!.points).toEqual([5, 6])
  })

  it('fail the demands of a call that failed, and go on with those that waited', async () => {
    demand(1)
    demand(2)
    sent[0]!.fail(new Error('gone'))
    await isSent(2)
    expect(heard).toEqual(['1: gone', 'failed: gone'])
    sent[1]!.answer([0, 2])
    await until('its answer', () => heard.includes('2: 2 at 0'))
  })

  it('fail all when they are given up, and know nothing of answers that come then', async () => {
    demand(1)
    demand(2)
    demand(3, 'another line')
    expect(lines.oldestSentMs).toBeLessThanOrEqual(performance.now())
    lines.abandon(new Error('stalled'))
    expect(heard).toEqual(['1: stalled', '2: stalled', '3: stalled'])
    expect(lines.oldestSentMs).toBeUndefined()
    demand(4)
    sent[0]!.answer([0, 1])
    sent[1]!.fail(new Error('late'))
    sent[2]!.answer([0, 4])
    await until('the answer of what came after', () => heard.length === 4)
    expect(heard[3]).toBe('4: 4 at 0')
  })

  it('know since when the oldest call waits', async () => {
    demand(1, 'a')
    const first = lines.oldestSentMs
    demand(2, 'b')
    demand(3, 'c')
    expect(lines.oldestSentMs).toBe(first)
    sent[1]!.answer([0, 2])
    await until('an answer', () => heard.length === 1)
    expect(lines.oldestSentMs).toBe(first)
    sent[0]!.answer([0, 1])
    await until('an answer', () => heard.length === 2)
    expect(lines.oldestSentMs).toBeGreaterThanOrEqual(first!)
    sent[2]!.answer([0, 3])
    await until('no call', () => lines.oldestSentMs === undefined)
  })
})
