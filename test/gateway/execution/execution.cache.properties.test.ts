import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import type { Answers } from '../../../gateway/cache/stores/answers.ts'
import { EVERYTHING } from '../../../gateway/cache/tags/tags.ts'
import { type Kept, keptFetches, policiesOf } from '../cache/fetches/kept-fetches.ts'
import { type Both, both, compare, describeFailure } from './monolith-comparison.ts'
import { type OperationShape, operationOf, operationShape } from './random-operation.ts'
import { type WorldShape, worldShape } from './random-world.ts'

const WORLDS = Number(process.env.WORLDS ?? 150)
const WORLDS_SEED = Number(process.env.WORLDS_SEED ?? 20_261_121)

const operations = fc.array(operationShape, { minLength: 1, maxLength: 4, size: 'max' })

/** Loses about one answer in three each time it is asked, always in the same way. */
function forgetful(answers: Answers): Answers {
  let asked = 0
  const forgets = (): boolean => (Math.imul(++asked, 0x9e3779b1) >>> 8) % 3 === 0
  return {
    peek: key => (forgets() ? undefined : answers.peek(key)),
    fits: () => true,
    answersNow: () => true,
    meet: key => answers.meet(key),
    asksFurther: () => true,
    get: async () => undefined,
    getMany: async keys => keys.map(() => undefined),
    set: (key, entry, isShared) => answers.set(key, entry, isShared),
  }
}

/** Each operation is executed four times: cold, then of what is kept; compare holds all of them to the one schema. */
async function holds(
  shape: WorldShape,
  chosen: readonly OperationShape[],
  kept: Kept,
  then: (worlds: Both, hadErrors: boolean) => void,
): Promise<void> {
  const worlds = both(shape)
  for (const one of chosen) {
    const operation = operationOf(worlds.monolith, one)
    const isMutation = operation.text.startsWith('mutation')
    let hadErrors = false
    for (let i = 0; i < (isMutation ? 1 : 2); i++) {
      const { federated } = worlds
      const query: typeof federated.query = async (...given) => {
        const answer = await federated.query(...given)
        hadErrors ||= answer.errors.length > 0
        return answer
      }
      await compare({ ...worlds, federated: { ...federated, query } }, operation, {
        cache: kept.caching.begin(),
      })
    }
    if (isMutation) await kept.tags.invalidate([EVERYTHING])
    else then(worlds, hadErrors)
    assert.deepEqual(kept.watch.errors, [])
    assert.equal(kept.caching.underWay, 0)
  }
}

async function check(
  property: (shape: WorldShape, chosen: readonly OperationShape[]) => Promise<void>,
): Promise<void> {
  const result = await fc.check(fc.asyncProperty(worldShape, operations, property), {
    numRuns: WORLDS,
    seed: WORLDS_SEED,
  })
  if (!result.failed) return
  const [shape, chosen] = result.counterexample!
  const { errorInstance, seed, counterexamplePath } = result
  throw new Error(
    `${errorInstance instanceof Error ? errorInstance.message : errorInstance}
${await describeFailure(shape, chosen)}
# WORLDS_SEED=${seed}, path ${counterexamplePath}`,
  )
}

const policies = policiesOf({ ofMutation: () => () => [EVERYTHING] })

test('a random operation over what is kept of random subgraphs equals the same on one schema, and asks nobody', {
  timeout: 3_600_000,
}, async () => {
  await check((shape, chosen) =>
    holds(shape, chosen, keptFetches({ policies }), ({ federated }, hadErrors) => {
      if (!hadErrors) assert.deepEqual(federated.sent, [])
    }),
  )
})

test('a random operation of which half is kept, entity by entity, equals the same on one schema', {
  timeout: 3_600_000,
}, async () => {
  await check((shape, chosen) =>
    holds(shape, chosen, keptFetches({ policies, through: forgetful }), () => {}),
  )
})
