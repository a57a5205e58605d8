import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { fragmentsOf } from '../../../gateway/execution/fragments.ts'
import { compileOperation, compileOperationAsync } from '../../../gateway/execution/operation.ts'
import { type PlanElsewhere, planOperation } from '../../../gateway/execution/operation-plan.ts'
import { NO_ROLLOUT } from '../../../gateway/execution/plan.ts'
import { prepare, type ShapeSource } from '../../../gateway/execution/shape-plan.ts'
import { variantsOf } from '../../../gateway/execution/variants.ts'
import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { Fault } from '../../../protocol/fault.ts'
import { world } from './world.ts'

const letters = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const w = world({
  one: {
    sdl: `type Query { open: String  ${letters.map(letter => `${letter}: String @requiresScopes(scopes: [["${letter}"]])`).join('  ')} }`,
    resolvers: { Query: Object.fromEntries(['open', ...letters].map(name => [name, () => name])) },
  },
})
const GUARDED = parse(`query Q { open ${letters.join(' ')} }`)
const caller = (...scopes: string[]): Caller => ({ ...ANONYMOUS, kind: 'operator', client: 'test', scopes })
const EVERYTHING = caller(...letters)

const sourceOf = (text: string): ShapeSource => {
  const document = parse(text)
  const [operation] = document.definitions
  if (operation?.kind !== 'OperationDefinition') throw new Error('Expected an operation')
  return {
    supergraph: w.supergraph,
    operation,
    fragments: fragmentsOf(document),
    conditions: { variables: [], shapeOf: () => 0 },
    rollout: NO_ROLLOUT,
    plan: undefined,
    unmet: undefined,
  }
}

test('an operation without guarded fields has none', () => {
  expect(variantsOf(sourceOf('{ open }'))).toBeUndefined()
})

test('callers who lack the same share one; who lacks nothing has none', () => {
  const variants = variantsOf(sourceOf('{ open a b }'))!
  expect(variants.for(EVERYTHING)).toBeUndefined()
  expect(variants.for(caller('a', 'b', 'x'))).toBeUndefined()
  const without = variants.for(caller('a'))
  expect(without).toBeDefined()
  expect(variants.for(caller('x', 'a', 'c'))).toBe(without)
  expect(variants.for(caller('b'))).not.toBe(without)
  expect(variants.for(caller())).toBe(variants.for(ANONYMOUS))
})

test('as many are kept as there is room for: the one used longest ago goes', () => {
  const variants = variantsOf(sourceOf(`{ ${letters.join(' ')} }`))!
  const of = (bits: number) => variants.for(caller(...letters.filter((_, i) => bits & (1 << i))))
  const first = of(0)
  const second = of(1)
  for (let bits = 2; bits < 16; bits++) of(bits)
  expect(of(0)).toBe(first)
  of(16)
  expect(of(0)).toBe(first)
  expect(of(1)).not.toBe(second)
})

test('what a variant holds counts among what is kept of the operation', async () => {
  const operation = compileOperation(w.supergraph, GUARDED)
  const before = operation.selectionCount
  const options = {
    variables: {},
    deadlineMs: deadlineIn(5_000),
    priority: 'BROWSE',
    clients: w.clients,
  } as const
  await operation.execute({ ...options, caller: caller('a', 'b') })
  // open, a and b.
  expect(operation.selectionCount).toBe(before + 3)
})

test('of a guarded operation nothing is everybody’s', () => {
  expect(compileOperation(w.supergraph, GUARDED).scope).toBe('PRIVATE')
})

/** Plans here, and notes what was asked. */
function planner(): { plan: PlanElsewhere; texts: string[] } {
  const texts: string[] = []
  return {
    texts,
    plan: async ({ text }) => {
      texts.push(text.replaceAll(/\s+/g, ' '))
      return planOperation(w.supergraph, prepare(sourceOf(text), 0).normalized, NO_ROLLOUT)
    },
  }
}

test('a variant is planned where its operation is, once, when it is first needed', async () => {
  const { plan, texts } = planner()
  const operation = await compileOperationAsync(w.supergraph, GUARDED, { plan })
  const execute = () =>
    operation.execute({
      variables: {},
      caller: caller('a'),
      deadlineMs: deadlineIn(5_000),
      priority: 'BROWSE',
      clients: w.clients,
    })
  const answers = await Promise.all([execute(), execute()])
  await execute()
  expect(texts).toEqual(['query Q { open a b c d e f }', 'query Q { open a }'])
  expect(answers[0]!.data).toEqual({ open: 'open', a: 'a', b: null, c: null, d: null, e: null, f: null })
  expect(answers[1]!.data).toEqual(answers[0]!.data)
})

test("the anonymous caller's is made ahead where the operation is", async () => {
  const { plan, texts } = planner()
  await compileOperationAsync(w.supergraph, GUARDED, { planEagerly: plan })
  expect(texts).toEqual(['query Q { open a b c d e f }', 'query Q { open }'])
})

test('a variant that cannot be planned is told to whom it is for, and nobody else', async () => {
  const { plan } = planner()
  const operation = await compileOperationAsync(w.supergraph, GUARDED, {
    planEagerly: request => {
      if (/open }/.test(request.text.replaceAll(/\s+/g, ' '))) throw new Fault('PLAN_FAILED', 'no')
      return plan(request)
    },
    plan: async () => {
      throw new Fault('PLAN_FAILED', 'still no')
    },
  })
  const options = {
    variables: {},
    deadlineMs: deadlineIn(5_000),
    priority: 'BROWSE',
    clients: w.clients,
  } as const
  expect((await operation.execute({ ...options, caller: EVERYTHING })).errors).toEqual([])
  await expect(operation.execute({ ...options, caller: ANONYMOUS })).rejects.toMatchObject({
    message: 'still no',
  })
})
