import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { planHost } from '../../../gateway/execution/plan-host.ts'
import {
  type ManifestOperation,
  readManifest,
  readManifestAsync,
} from '../../../gateway/operations/manifest.ts'
import { createRegistryAsync, type OperationRegistry } from '../../../gateway/operations/registry.ts'
import { normalHashOf } from '../../../gateway/operations/text-form.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { manyOperations } from '../../harness/many-operations.ts'
import { hashOf } from '../../harness/tiny-graph.ts'

/** A manifest of many operations is read, checked and compiled beside other work. */

const COUNT = 600
const LIMITS = { tokensMax: 2_000, depthMax: 12, rootFieldsMax: 15 }
/** Operations that may be finished between two turns of others: one by each that makes them, or what is planned together. */
const HERE_MAX = 4
const ELSEWHERE_MAX = 8

const supergraph = loadSupergraph(readFileSync('schema/supergraph.graphql', 'utf8'))
const TEXT = manyOperations(supergraph.apiSchema, COUNT)
const MANIFEST = readManifest(TEXT, 'm')

const persisted = (body: string, more: Partial<ManifestOperation> = {}): ManifestOperation => ({
  id: hashOf(body),
  body,
  priority: 'BROWSE',
  ...more,
})

/** Entries that tell when an operation is made of them: then its tool is asked for. */
function counted(entries: readonly ManifestOperation[]): readonly [ManifestOperation[], () => number] {
  let made = 0
  const counting = entries.map(entry => ({
    ...entry,
    get tool() {
      made++
      return undefined as never
    },
  }))
  return [counting, () => made]
}

/** How far a count went between two turns of others, at most. */
async function stepsDuring<Value>(
  work: Promise<Value>,
  count: () => number,
): Promise<readonly [value: Value, stepMax: number]> {
  let stepMax = 0
  let last = 0
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  while (!isDone) {
    await turn()
    stepMax = Math.max(stepMax, count() - last)
    last = count()
  }
  return [await done, stepMax]
}

test('all are compiled and found, by id and by text, and others have their turn all the while', async () => {
  const [entries, made] = counted(MANIFEST)
  const [registry, stepMax] = await stepsDuring(createRegistryAsync(supergraph, entries, LIMITS), made)
  expect(made()).toBe(COUNT)
  expect(stepMax).toBeLessThanOrEqual(HERE_MAX)
  expect(registry.operations.map(({ id }) => id)).toEqual(MANIFEST.map(({ id }) => id))
  for (const { id, body } of MANIFEST) {
    expect(registry.find(id, undefined)?.id).toBe(id)
    expect(registry.findEqual(normalHashOf(parse(body, { noLocation: true })), undefined)?.id).toBe(id)
  }
})

test('planned in a process of its own the outcome is the same, and others have their turn', async () => {
  const plan = planHost.planner(() => {}, true)
  const some = MANIFEST.slice(0, 50)
  const here = await createRegistryAsync(supergraph, some, LIMITS)
  const [entries, made] = counted(some)
  const [there, stepMax] = await stepsDuring(
    createRegistryAsync(supergraph, entries, LIMITS, undefined, { plan, planEagerly: plan }),
    made,
  )
  expect(stepMax).toBeLessThanOrEqual(ELSEWHERE_MAX)
  const plansOf = async ({ operations }: OperationRegistry): Promise<unknown> =>
    await Promise.all(operations.map(({ compiled }) => compiled.plan({})))
  expect(await plansOf(there)).toEqual(JSON.parse(JSON.stringify(await plansOf(here))))
})

test('a manifest is read in steps', async () => {
  let turns = 0
  let isDone = false
  const reading = readManifestAsync(TEXT, 'm').finally(() => {
    isDone = true
  })
  for (; !isDone; turns++) await turn()
  expect(await reading).toEqual(MANIFEST)
  expect(turns).toBeGreaterThan(COUNT / 100)
})

describe('the first one that cannot serve is named, however many there are', () => {
  test.each([
    ['does not parse', 'query Bad { me', /^persisted operation Bad \([0-9a-f]{64}\): Syntax Error/],
    ['does not fit', 'query Bad { nothing }', /persisted operation Bad .*Cannot query field "nothing"/],
    ['is a subscription', 'subscription Bad { me { id } }', /persisted operation/],
    ['uses what is not supported', 'query Bad { ... @defer { me { id } } }', /@defer is not supported/],
    [
      'has a fragment that is unused',
      'query Bad { me { id } } fragment F on Shopper { id }',
      /Fragment "F" is never used/,
    ],
    ['is two', 'query Bad { me { id } } query Bad2 { me { id } }', /expected one operation, got 2/],
  ])('which %s', async (_, body, message) => {
    const bad = persisted(body)
    const worse = persisted('{ worse }')
    for (const some of [MANIFEST.slice(0, 250), MANIFEST.slice(0, 2)])
      await expect(createRegistryAsync(supergraph, [...some, bad, worse], LIMITS)).rejects.toThrow(message)
  })
})

test('what a manifest has of the one before is taken over, with what the new one says of it', async () => {
  const before = await createRegistryAsync(supergraph, MANIFEST.slice(0, 2), LIMITS)
  const [first, second] = MANIFEST as unknown as readonly [ManifestOperation, ManifestOperation]
  const next = await createRegistryAsync(
    supergraph,
    [
      { ...second, priority: 'PAY', tool: 'second', description: 'The second.' },
      { ...first, clientName: 'ios' },
      persisted('{ __typename }'),
    ],
    LIMITS,
    undefined,
    { before },
  )
  expect(next.operations.map(({ compiled }) => compiled)).toEqual([
    before.operations[1]!.compiled,
    before.operations[0]!.compiled,
    expect.anything(),
  ])
  expect(next.operations[0]!.compiled).toBe(before.operations[1]!.compiled)
  expect(next.operations[0]).toMatchObject({ priority: 'PAY', tool: 'second', description: 'The second.' })
  expect(next.find(first.id, undefined)).toBeUndefined()
  expect(next.find(first.id, 'ios')?.id).toBe(first.id)
  expect(next.findEqual(normalHashOf(parse(second.body, { noLocation: true })), undefined)?.id).toBe(
    second.id,
  )
})
