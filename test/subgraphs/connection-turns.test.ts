import { expect, test } from 'vitest'
import { deadlineIn, nowMs } from '../../protocol/deadline.ts'
import { PRIORITIES, type Priority } from '../../protocol/priority.ts'
import { ConnectionTurns, type ConnectionTurnsOptions } from '../../subgraphs/connection-turns.ts'

const NEVER = Number.POSITIVE_INFINITY

function stand(options: Partial<ConnectionTurnsOptions> = {}, clock?: () => number) {
  const turns = new ConnectionTurns(
    {
      turnsMax: 1,
      waitingMax: 100,
      waitMsMax: 60_000,
      unavailable: why => new Error(why),
      ...options,
    },
    clock,
  )
  const order: string[] = []
  return {
    turns,
    order,
    /** Notes the name when it has the turn, or why it has none. */
    ask: (name: string, priority: Priority = 'BROWSE', deadlineMs = NEVER): Promise<unknown> =>
      turns.enter({ priority, deadlineMs })!.then(
        () => order.push(name),
        (error: Error) => order.push(`${name}: ${error.message}`),
      ),
  }
}

/** As a process that is busy. */
function blockUntil(atMs: number): void {
  while (nowMs() < atMs);
}

test('turns that are free are taken at once, and given back they are free again', () => {
  const { turns } = stand({ turnsMax: 2 })
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 2; i++) expect(turns.enter({ priority: 'ADHOC', deadlineMs: NEVER })).toBeUndefined()
    for (let i = 0; i < 2; i++) turns.leave()
  }
  expect(turns.waiting).toBe(0)
})

test('who is more urgent goes first, then who came first', async () => {
  const { turns, order, ask } = stand()
  turns.enter({ priority: 'BROWSE', deadlineMs: NEVER })
  const asked = PRIORITIES.toReversed().flatMap(priority =>
    [1, 2].map(i => ask(`${priority} ${i}`, priority)),
  )
  expect(turns.waiting).toBe(12)
  for (let i = 0; i < asked.length; i++) turns.leave()
  await Promise.all(asked)
  expect(order).toEqual(PRIORITIES.flatMap(priority => [`${priority} 1`, `${priority} 2`]))
  expect(turns.waiting).toBe(0)
  turns.leave()
  expect(turns.enter({ priority: 'BROWSE', deadlineMs: NEVER })).toBeUndefined()
})

test('who has run out of time is left out when the turn comes, however busy the process was', async () => {
  const { turns, order, ask } = stand()
  turns.enter({ priority: 'BROWSE', deadlineMs: NEVER })
  const deadlineMs = deadlineIn(5)
  const asked = [ask('late', 'PAY', deadlineMs), ask('in time', 'BROWSE')]
  blockUntil(deadlineMs)
  turns.leave()
  await Promise.all(asked)
  expect(order).toEqual(['late: the deadline passed before there was a connection', 'in time'])
  expect(turns.waiting).toBe(0)
})

test('who waits is told at the deadline, or when it has waited long enough, though no turn comes', async () => {
  const { turns, order, ask } = stand({ waitMsMax: 40 })
  turns.enter({ priority: 'BROWSE', deadlineMs: NEVER })
  await Promise.all([ask('patient'), ask('late', 'BROWSE', deadlineIn(5))])
  // A machine that stands still for a while may come to both at once.
  expect(order.toSorted()).toEqual([
    'late: the deadline passed before there was a connection',
    'patient: no connection within 40 ms',
  ])
  expect(turns.waiting).toBe(0)
  turns.leave()
  expect(turns.enter({ priority: 'BROWSE', deadlineMs: NEVER })).toBeUndefined()
})

test('so many wait and no more: for who is more urgent the last of the least urgent makes place', async () => {
  const { turns, order, ask } = stand({ waitingMax: 3 })
  turns.enter({ priority: 'BROWSE', deadlineMs: NEVER })
  const refused = ': 3 callers wait for a connection already'
  const waiting = [ask('browse 1'), ask('browse 2'), ask('text', 'ADHOC')]
  await ask('text 2', 'ADHOC')
  expect(order).toEqual([`text 2${refused}`])
  waiting.push(ask('pay 1', 'PAY'), ask('pay 2', 'PAY'))
  await ask('browse 3')
  expect(turns.waiting).toBe(3)
  for (let i = 0; i < 3; i++) turns.leave()
  await Promise.all(waiting)
  expect(order.slice(1)).toEqual([
    `text${refused}`,
    `browse 2${refused}`,
    `browse 3${refused}`,
    'pay 1',
    'pay 2',
    'browse 1',
  ])
})

test('counts every turn and what was waited for it, and shows the age of the oldest that waits', async () => {
  let now = 0
  const { turns, ask } = stand({}, () => now)
  const read = (): readonly number[] => [turns.waitMs, turns.left, turns.waitedMs]
  expect(read()).toEqual([0, 0, 0])
  turns.enter({ priority: 'BROWSE', deadlineMs: NEVER })
  expect(read()).toEqual([0, 1, 0])
  const asked = [ask('browse', 'BROWSE')]
  now = 30
  asked.push(ask('pay', 'PAY'))
  now = 100
  expect(read()).toEqual([100, 1, 0])
  // 100 − 30, of the payment; who browses waits on.
  turns.leave()
  expect(read()).toEqual([100, 2, 70])
  now = 250
  turns.leave()
  expect(read()).toEqual([0, 3, 320])
  turns.leave()
  await Promise.all(asked)
  expect(read()).toEqual([0, 3, 320])
})

test('who is refused, or has waited in vain, has had no turn, and no longer waits', async () => {
  let now = 0
  const { turns, order, ask } = stand({ waitingMax: 1 }, () => now)
  turns.enter({ priority: 'BROWSE', deadlineMs: NEVER })
  const asked = [ask('late', 'BROWSE', 50)]
  await ask('no room')
  now = 60
  expect(turns.waitMs).toBe(60)
  turns.leave()
  await Promise.all(asked)
  expect(order).toHaveLength(2)
  expect([turns.waitMs, turns.left, turns.waitedMs]).toEqual([0, 1, 0])
})
