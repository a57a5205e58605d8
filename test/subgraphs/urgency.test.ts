import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { urgencyNow, withUrgency } from '../../subgraphs/urgency.ts'

test('whatever is begun in somebody’s name is done in it, and nothing beside it', async () => {
  const pay = { priority: 'PAY', deadlineMs: 1 } as const
  const browse = { priority: 'BROWSE', deadlineMs: 2 } as const
  const later = async () => {
    await turn()
    return urgencyNow()
  }
  const both = [
    withUrgency(pay, later),
    withUrgency(browse, () => withUrgency(pay, later)),
    withUrgency(browse, later),
  ]
  expect(await Promise.all(both)).toEqual([pay, pay, browse])
})

test('what nobody asks for goes with payments, and is never too late', () => {
  expect(urgencyNow()).toEqual({ priority: 'PAY', deadlineMs: Number.POSITIVE_INFINITY })
})
