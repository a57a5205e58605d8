import assert from 'node:assert/strict'
import fc from 'fast-check'
import { execute, type GraphQLSchema, isObjectType, parse, print } from 'graphql'
import { test } from 'vitest'
import { type Both, both } from './monolith-comparison.ts'
import { type GuardShape, type Guards, guardShape, guardsOf, refusedIn } from './random-guards.ts'
import { type OperationShape, operationOf, operationShape, type RandomOperation } from './random-operation.ts'
import { type WorldShape, worldShape } from './random-world.ts'
import { plain } from './world.ts'
import { modelOf } from './world-model.ts'
import { monolithOf } from './world-values.ts'

/** A longer run, or another one: `WORLDS=5000 WORLDS_SEED=7 vitest run --project product <this file>`. */
const WORLDS = Number(process.env.WORLDS ?? 200)
const WORLDS_SEED = Number(process.env.WORLDS_SEED ?? 20_261_121)
const OPERATIONS_MAX = 6
/** Refusals that one answer tells of. */
const REFUSALS_MAX = 50
const REFUSED = 'refused by the test'

const operations = fc.array(operationShape, { minLength: 1, maxLength: OPERATIONS_MAX, size: 'max' })

test('with random guards and callers: no subgraph is asked for what a caller may not have, and the answer is the monolith’s without it', {
  timeout: 3_600_000,
}, async () => {
  const result = await fc.check(
    fc.asyncProperty(worldShape, guardShape, operations, async (shape, guards, chosen) => {
      const worlds = guarded(shape, guards)
      for (const operation of chosen) await compare(worlds, operationOf(worlds.monolith, operation))
    }),
    { numRuns: WORLDS, seed: WORLDS_SEED },
  )
  if (!result.failed) return
  const [shape, guards, chosen] = result.counterexample!
  const { errorInstance, seed, counterexamplePath } = result
  throw new Error(
    `${errorInstance instanceof Error ? errorInstance.message : errorInstance}
${await describeFailure(shape, guards, chosen)}
# WORLDS_SEED=${seed}, path ${counterexamplePath}`,
  )
})

interface Guarded extends Both {
  readonly guards: Guards
}

/** Failures, and entities that are gone where they are said to be, would be told beside refusals; that is another test's. */
function guarded(given: WorldShape, guardShape: GuardShape): Guarded {
  const types = given.types.map(type => ({ ...type, gone: false }))
  const shape = { ...given, types, failures: false }
  const guards = guardsOf(modelOf(shape), monolithOf(modelOf(shape), { log: [] }), guardShape)
  const worlds = both(shape, guards.edited)
  refuseIn(worlds.monolith, guards)
  return { ...worlds, guards }
}

function refuseIn(monolith: GraphQLSchema, { refuses }: Guards): void {
  for (const type of Object.values(monolith.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue
    for (const field of Object.values(type.getFields()))
      if (refuses(type.name, field.name))
        field.resolve = () => {
          throw new Error(REFUSED)
        }
  }
}

async function compare(
  { model, federated, monolith, states, refused, guards }: Guarded,
  { text, variables }: RandomOperation,
): Promise<void> {
  states.gateway.log = []
  states.monolith.log = []
  refused.length = 0
  const document = parse(text)
  const expected = await execute({ schema: monolith, document, variableValues: variables })
  const got = await federated.query(text, variables, {
    rollout: { labels: new Set(), percentage: model.shape.percentage },
    fetchesMax: 10_000,
    errorsMax: 10_000,
    caller: guards.caller,
  })
  const adder = model.media && model.graphs[model.media.adder]
  for (const { subgraph, operation } of federated.sent)
    assert.deepEqual(
      refusedIn(operation, monolith, guards, subgraph === adder ? 'Media' : undefined),
      [],
      `Expected nothing to be asked that the caller may not have: ${operation}`,
    )
  assert.deepEqual(refused, [], 'Expected every operation to be one that its subgraph accepts')
  assert.equal(JSON.stringify(got.data), JSON.stringify(plain(expected.data)))

  const refusals = got.errors.filter(({ code }) => code === 'UNAUTHENTICATED' || code === 'FORBIDDEN')
  const told = new Set(refusals.map(({ path }) => path?.join('.')))
  assert.equal(told.size, refusals.length, 'Expected one error a place')
  const wanted = (expected.errors ?? []).filter(({ message }) => message === REFUSED)
  if (refusals.length < REFUSALS_MAX)
    for (const { path } of wanted)
      assert.ok(
        told.has(path!.filter(key => typeof key === 'string').join('.')),
        `Expected an error at ${path}`,
      )
  const others = got.errors.filter(error => !refusals.includes(error))
  if (wanted.length === (expected.errors ?? []).length)
    assert.deepEqual(others, [], 'Expected no errors but refusals')

  // What is known to come to nothing is not begun; one schema notices when it has begun.
  if (got.data !== null || federated.sent.length > 0)
    assert.deepEqual(states.gateway.log, states.monolith.log)
}

async function describeFailure(
  shape: WorldShape,
  guardShape: GuardShape,
  chosen: readonly OperationShape[],
): Promise<string> {
  const worlds = guarded(shape, guardShape)
  const parts = [
    `# caller\n${JSON.stringify(worlds.guards.caller)}`,
    `# supergraph\n${print(parse(worlds.federated.supergraph.sdl))}`,
  ]
  for (const one of chosen) {
    const operation = operationOf(worlds.monolith, one)
    const failure = await compare(worlds, operation).catch((error: unknown) => error)
    if (failure === undefined) continue
    const sent = worlds.federated.sent.map(
      ({ subgraph, operation, variables }) => `${subgraph}: ${operation} ${JSON.stringify(variables)}`,
    )
    parts.push(
      `# operation\n${operation.text}`,
      JSON.stringify(operation.variables),
      String(failure),
      ...sent,
    )
  }
  return parts.join('\n')
}
