import { expect, test } from 'vitest'
import type { ServableOperation } from '../../gateway/operations/registry.ts'
import { type RequestState, run, type Stages } from '../../gateway/pipeline.ts'
import type { Spending } from '../../gateway/spending.ts'
import { rulingOf } from '../../gateway/surge/policy.ts'
import { createMetrics } from '../../gateway/telemetry/metrics.ts'
import { ANONYMOUS } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { silent } from '../harness/postgres.ts'

const UNPLANNED = new Fault('PLAN_FAILED', 'no plan')

test.each<[string, Spending['reserve']]>([
  [
    'throws',
    () => {
      throw UNPLANNED
    },
  ],
  [
    'cannot plan',
    async ({ planned }) => {
      await planned()
      throw new Error('expected no plan')
    },
  ],
])('a step of spending that %s is an answer, never a rejection', async (_, reserve) => {
  const stages = {
    spending: { reserve } as Partial<Spending>,
    metrics: createMetrics(() => []),
    logger: silent,
    production: true,
  } as Stages
  const compiled = { coerceVariables: () => ({}), plan: () => Promise.reject(UNPLANNED) }
  const cost = { planned: () => new Map() }
  const operation = { name: 'Any', compiled, variants: undefined, cost } as unknown as ServableOperation
  const ruling = rulingOf('CALM', 'BROWSE')
  const state = { door: 'http', caller: ANONYMOUS, bucket: 0, graph: {}, headers: {}, ruling } as RequestState
  expect(await run(stages, state, operation, {})).toEqual({
    errors: [{ message: 'no plan', extensions: { code: 'PLAN_FAILED' } }],
  })
})
