import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { compileOperationAsync } from '../../../gateway/execution/operation.ts'
import type { OperationPlan } from '../../../gateway/execution/operation-plan.ts'
import { plannedBy } from '../../../gateway/execution/planned-by.ts'
import { createAdhocOperations } from '../../../gateway/operations/adhoc.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { ANONYMOUS } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { compose } from './world.ts'

const LATE = {
  code: 'OVERLOADED',
  message: 'The operation cannot be planned now: expected a plan by the deadline, got none',
  extensions: { retryAfterMs: 1_000 },
}
const supergraph = loadSupergraph(compose({ only: { sdl: 'type Query { p: Int }' } }))

test('who waits is told at the deadline; in time, whatever comes of it', async () => {
  const never = new Promise<number>(() => {})
  await expect(plannedBy(never, deadlineIn(5))).rejects.toMatchObject(LATE)
  await expect(plannedBy(Promise.resolve(1), deadlineIn(60_000))).resolves.toBe(1)
  await expect(plannedBy(Promise.reject(new Error('no')), deadlineIn(60_000))).rejects.toThrow('no')
  await expect(plannedBy(Promise.resolve(1), Number.POSITIVE_INFINITY)).resolves.toBe(1)
})

test('a text whose plan is late is refused to who has no time left, and made for the others', async () => {
  const planned = Promise.withResolvers<OperationPlan>()
  const adhoc = createAdhocOperations(supergraph, undefined, undefined, undefined, () => planned.promise)
  const text = '{ p }'
  const asked = { text, operationName: undefined, document: parse(text) }
  const hurried = adhoc.operationOf(asked, 0, deadlineIn(5))
  const patient = adhoc.operationOf(asked, 0, deadlineIn(60_000))
  await expect(hurried).rejects.toMatchObject(LATE)
  planned.resolve({ stages: [] })
  const operation = await patient
  expect(adhoc.find(asked)).toBe(operation)
})

test.each(['execute', 'executeToJson'] as const)(
  '%s waits for the plan of a shape no longer than its deadline',
  async how => {
    const text = 'query ($a: Boolean!) { p @include(if: $a) }'
    const never = (): Promise<OperationPlan> => new Promise(() => {})
    const operation = await compileOperationAsync(supergraph, parse(text), { plan: never })
    const execution = {
      variables: { a: true },
      caller: ANONYMOUS,
      deadlineMs: deadlineIn(5),
      priority: 'ADHOC',
      clients: new Map(),
    } as const
    await expect(operation[how](execution)).rejects.toMatchObject(LATE)
  },
)
