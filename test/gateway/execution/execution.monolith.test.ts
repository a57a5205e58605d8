import fc from 'fast-check'
import { test } from 'vitest'
import { both, compare, describeFailure } from './monolith-comparison.ts'
import { operationOf, operationShape } from './random-operation.ts'
import { worldShape } from './random-world.ts'

/** A longer run, or another one: `WORLDS=5000 WORLDS_SEED=7 vitest run --project product <this file>`. */
const WORLDS = Number(process.env.WORLDS ?? 450)
const WORLDS_SEED = Number(process.env.WORLDS_SEED ?? 20_260_217)
/** Every world answers this many operations at most, three and a half on average. */
const OPERATIONS_MAX = 6

const operations = fc.array(operationShape, { minLength: 1, maxLength: OPERATIONS_MAX, size: 'max' })

test('a random operation over random subgraphs equals the same operation on one schema', {
  timeout: 3_600_000,
}, async () => {
  const result = await fc.check(
    fc.asyncProperty(worldShape, operations, async (shape, chosen) => {
      const worlds = both(shape)
      for (const operation of chosen) await compare(worlds, operationOf(worlds.monolith, operation))
    }),
    { numRuns: WORLDS, seed: WORLDS_SEED },
  )
  if (!result.failed) return
  const [shape, chosen] = result.counterexample!
  const { errorInstance, seed, counterexamplePath } = result
  throw new Error(
    `${errorInstance instanceof Error ? errorInstance.message : errorInstance}
${await describeFailure(shape, chosen)}
# WORLDS_SEED=${seed}, path ${counterexamplePath}`,
  )
})
