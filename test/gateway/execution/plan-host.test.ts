import { setImmediate as turn } from 'node:timers/promises'
import { parse } from 'graphql'
import { expect, test, vi } from 'vitest'
import {
  type CompiledOperation,
  compileOperation,
  compileOperationAsync,
} from '../../../gateway/execution/operation.ts'
import type { PlanElsewhere, PlanRequest } from '../../../gateway/execution/operation-plan.ts'
import { NO_ROLLOUT, type Rollout } from '../../../gateway/execution/plan.ts'
import { PlanHost, type PlanHostSettings, type PlannerDeath } from '../../../gateway/execution/plan-host.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { ANONYMOUS } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { ROOT, runCommand } from '../../harness/processes.ts'
import { compose, plain, type SubgraphSource, type World, world } from './world.ts'

type Entity = Record<string, unknown>

const SHOP: Readonly<Record<string, SubgraphSource>> = {
  a: {
    sdl: `type Query { t(n: Int = 1): T  old: String }  type Mutation { addA(id: ID!): T }
      type T @key(fields: "id") { id: ID!  grade: String  next: T }`,
    resolvers: {
      Query: { t: (_: unknown, { n }: Entity) => ({ id: String(n), grade: 'A' }), old: () => 'from a' },
      Mutation: { addA: (_: unknown, { id }: Entity) => ({ id, grade: 'new' }) },
      T: {
        next: () => ({ id: '9', grade: 'Z' }),
        __resolveReference: ({ id }: Entity) => ({ id, grade: 'R' }),
      },
    },
  },
  b: {
    sdl: `type Query { old: String @override(from: "a", label: "percent(50)") }  type Mutation { addB(id: ID!): T }
      type T @key(fields: "id") @key(fields: "code") {
        id: ID!  code: String!  size(of: Int): Int  grade: String @external  calc: String @requires(fields: "grade") }`,
    resolvers: {
      Query: { old: () => 'from b' },
      Mutation: { addB: (_: unknown, { id }: Entity) => ({ id }) },
      T: {
        code: () => 'c',
        size: (_: unknown, { of }: Entity) => of ?? 0,
        calc: ({ grade }: Entity) => `calc ${grade}`,
      },
    },
  },
}

/** Each host has a process of its own; killed when the test is over, whatever became of it. */
function hostOf(settings: Partial<PlanHostSettings> = {}) {
  const host = new PlanHost(settings)
  const deaths: PlannerDeath[] = []
  const plan = host.planner(death => deaths.push(death))
  return {
    host,
    deaths,
    plan,
    /** Starts the process, and stops it as if it were lost in a plan. */
    async stop(warm: PlanRequest): Promise<number> {
      await plan(warm)
      const pid = host.pid!
      process.kill(pid, 'SIGSTOP')
      return pid
    },
    [Symbol.dispose]() {
      if (host.pid !== undefined) process.kill(host.pid, 'SIGKILL')
    },
  }
}

async function answerOf(
  { clients }: World,
  operation: CompiledOperation,
  variables: object,
): Promise<unknown> {
  const { data, errors } = await operation.execute({
    variables: operation.coerceVariables({ ...variables }),
    caller: ANONYMOUS,
    deadlineMs: deadlineIn(10_000),
    priority: 'BROWSE',
    clients,
  })
  return plain({ data, errors })
}

const shop = loadSupergraph(compose(SHOP))
const asking = (text: string): PlanRequest => ({ supergraph: shop, text, shape: 0, rollout: NO_ROLLOUT })
const WARM = asking('{ t { id } }')
const refused = (message: string) => ({
  code: 'PLAN_FAILED',
  message: `The operation cannot be planned over the subgraphs: ${message}`,
})

const HALF: Rollout = { labels: new Set(), percentage: 10 }
const OPERATIONS: readonly [what: string, text: string, variables?: object, rollout?: Rollout][] = [
  ['one subgraph', '{ t { id grade } }'],
  ['an entity', '{ t { grade code } }'],
  ['a field with @requires that the planner must not see whole', '{ t { calc next { calc } } }'],
  ['several mutations', 'mutation { one: addA(id: 1) { code } two: addB(id: 2) { grade } }'],
  ['fragments', '{ ...Q } fragment Q on Query { t { ...T } } fragment T on T { x: size(of: 3) grade }'],
  [
    'variables, the planner’s own name too',
    'query ($representations: Int!) { t(n: 3) { size(of: $representations) } }',
    { representations: 4 },
  ],
  ['a condition that holds', 'query ($a: Boolean!) { t { id code @include(if: $a) } }', { a: true }],
  ['a condition that does not hold', 'query ($a: Boolean!) { t { id code @include(if: $a) } }', { a: false }],
  ['everything skipped', 'query ($a: Boolean!) { t @skip(if: $a) { id } }', { a: true }],
  ['introspection alone', '{ __type(name: "T") { name } }'],
  ['the old side of a rollout', '{ old }', {}, { labels: new Set(), percentage: 90 }],
  ['the new side of a rollout', '{ old }', {}, HALF],
  ['one of several operations', 'query A { old } query B { t { id } }'],
]

test('an operation planned elsewhere answers as one planned here', async () => {
  using made = hostOf()
  const w = world(SHOP)
  for (const [what, text, variables = {}, rollout = NO_ROLLOUT] of OPERATIONS) {
    const options = { rollout, ...(text.startsWith('query A') ? { operationName: 'B' } : {}) }
    const elsewhere = await compileOperationAsync(w.supergraph, parse(text), { ...options, plan: made.plan })
    const here = compileOperation(w.supergraph, parse(text), options)
    const answer = await answerOf(w, elsewhere, variables)
    expect([what, answer]).toEqual([what, await answerOf(w, here, variables)])
    expect([what, answer]).toMatchObject([what, { errors: [] }])
  }
  expect(made.host).toMatchObject({ deaths: 0, restarts: 0 })
  // All but those of which the planner is spared everything.
  expect(made.host.plans).toBe(OPERATIONS.length - 2)
})

test('shapes that are asked for later are planned elsewhere too, whether the first were or not', async () => {
  using made = hostOf()
  const conditions = ['a', 'b', 'c', 'd']
  const text = `query (${conditions.map(name => `$${name}: Boolean!`)}) {
    t { id ${conditions.map(name => `${name}: grade @skip(if: $${name})`).join(' ')} } }`
  const here = compileOperation(shop, parse(text), { plan: made.plan })
  const eager = await compileOperationAsync(shop, parse(text), { planEagerly: made.plan, plan: made.plan })
  expect(made.host.plans).toBe(1)
  for (const operation of [here, eager]) await operation.plan({ a: true, b: false, c: false, d: false })
  expect(made.host.plans).toBe(3)
  const few = 'query ($a: Boolean!, $b: Boolean!) { t { id grade @skip(if: $a) code @skip(if: $b) } }'
  await compileOperationAsync(shop, parse(few), { planEagerly: made.plan })
  expect(made.host.plans).toBe(7)
})

test('a fault comes back as it was thrown, a defect as what it is', async () => {
  using made = hostOf()
  await expect(made.plan(asking('{ nothing }'))).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: 'Cannot query field "nothing" on type "Query"',
  })
  await expect(made.plan(asking('{'))).rejects.toThrow('Syntax Error')
  await expect(made.plan(WARM)).resolves.toHaveProperty('stages')
  expect(made.host.deaths).toBe(0)
})

test('one process knows several supergraphs, and is told again what it has put away', async () => {
  using made = hostOf()
  const supergraphs = ['p', 'q', 'r', 's'].map(field =>
    loadSupergraph(compose({ only: { sdl: `type Query { ${field}: Int }` } })),
  )
  for (const round of [1, 2])
    for (const [i, field] of ['p', 'q', 'r', 's'].entries()) {
      const request = { supergraph: supergraphs[i]!, text: `{ ${field} }`, shape: 0, rollout: NO_ROLLOUT }
      const { stages } = await made.plan(request)
      expect([round, stages]).toMatchObject([round, [{ rootKeys: [field] }]])
    }
  expect(made.host).toMatchObject({ plans: 8, deaths: 0, restarts: 0 })
})

test('an operation over which the planner is lost is refused, now and later; those that wait are planned by another', async () => {
  using made = hostOf()
  const pid = await made.stop(WARM)
  const deadly = asking('{ t { deadly: grade } }')
  const [first, again, other] = [deadly, deadly, asking('{ t { other: grade } }')].map(request =>
    made.plan(request),
  )
  const settled = Promise.allSettled([first, again, other])
  await turn()
  expect(made.host.pending).toBe(3)
  process.kill(pid, 'SIGKILL')
  const [one, two, three] = await settled
  expect(one).toMatchObject({ reason: refused('the planner fails over it') })
  expect(two).toMatchObject({ reason: refused('it cost a process before') })
  expect(three).toMatchObject({ status: 'fulfilled' })
  await expect(made.plan(deadly)).rejects.toMatchObject(refused('it cost a process before'))
  // The same text over another rollout, or in another shape, is another plan.
  await expect(made.plan({ ...deadly, rollout: HALF })).resolves.toHaveProperty('stages')
  expect(made.host).toMatchObject({ deaths: 1, restarts: 1 })
  expect(made.deaths).toEqual([
    { operation: expect.stringMatching(/^[0-9a-f]{64}$/), reason: "the planner's process ended (SIGKILL)" },
  ])
})

test('a text that differs in blanks and comments alone is refused like the one over which the planner was lost', async () => {
  using made = hostOf()
  const pid = await made.stop(WARM)
  const settled = Promise.allSettled([
    compileOperationAsync(shop, parse('{ t { id } old }'), { plan: made.plan }),
  ])
  await turn()
  process.kill(pid, 'SIGKILL')
  await settled
  await expect(
    compileOperationAsync(shop, parse('{ t { id, } # again\n old }'), { plan: made.plan }),
  ).rejects.toMatchObject(refused('it cost a process before'))
})

test('a plan that takes too long is given up, its process killed', async () => {
  using made = hostOf({ planMsMax: 2_000 })
  const pid = await made.stop(WARM)
  const [late, next] = await Promise.allSettled([made.plan(asking('{ t { code } }')), made.plan(WARM)])
  expect(late).toMatchObject({ reason: refused('expected a plan within 2000 ms, got none') })
  expect(next).toMatchObject({ status: 'fulfilled' })
  expect(made.host).toMatchObject({ deaths: 1, restarts: 1 })
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'))
})

test('of what cost a process only so much is remembered, the oldest is tried again', async () => {
  using made = hostOf({ deadlyMax: 1 })
  const [first, second] = [asking('{ t { code } }'), asking('{ t { grade } }')] as const
  for (const deadly of [first, second]) {
    const pid = await made.stop(WARM)
    const settled = Promise.allSettled([made.plan(deadly)])
    await turn()
    process.kill(pid, 'SIGKILL')
    await settled
  }
  await expect(made.plan(second)).rejects.toMatchObject({ code: 'PLAN_FAILED' })
  await expect(made.plan(first)).resolves.toHaveProperty('stages')
})

test('what finds the queue full is refused at once; what is urgent waits for nobody but the one under way', async () => {
  using made = hostOf({ waitingMax: 2 })
  const pid = await made.stop(WARM)
  const order: string[] = []
  const ask = (name: string, plan: PlanElsewhere): Promise<unknown> =>
    plan(asking(`{ t { ${name}: id } }`)).then(() => order.push(name))
  const underWay = ['one', 'two', 'three'].map(name => ask(name, made.plan))
  await expect(ask('four', made.plan)).rejects.toMatchObject({
    code: 'OVERLOADED',
    message:
      'The operation cannot be planned now: expected at most 2 operations to wait for a plan, got more',
    extensions: { retryAfterMs: 1_000 },
  })
  underWay.push(
    ask(
      'swap',
      made.host.planner(() => {}, true),
    ),
  )
  process.kill(pid, 'SIGCONT')
  await Promise.all(underWay)
  expect(order).toEqual(['one', 'swap', 'two', 'three'])
  expect(made.host).toMatchObject({ plans: 5, deaths: 0, pending: 0 })
})

test('who has waited too long is refused though no turn comes, leaves the place to others, and may ask again', async () => {
  using made = hostOf({ waitMsMax: 50, waitingMax: 1 })
  const pid = await made.stop(WARM)
  const underWay = made.plan(asking('{ old }'))
  for (let round = 0; round < 2; round++)
    await expect(made.plan(WARM)).rejects.toMatchObject({
      code: 'OVERLOADED',
      message: 'The operation cannot be planned now: expected a turn within 50 ms, got none',
    })
  expect(made.host.pending).toBe(1)
  process.kill(pid, 'SIGCONT')
  await expect(underWay).resolves.toHaveProperty('stages')
  await expect(made.plan(WARM)).resolves.toHaveProperty('stages')
  expect(made.host).toMatchObject({ plans: 3, deaths: 0, pending: 0 })
})

test('a process that ends while it plans nothing costs no operation', async () => {
  using made = hostOf()
  await made.plan(WARM)
  process.kill(made.host.pid!, 'SIGKILL')
  await vi.waitFor(() => expect(made.host.pid).toBeUndefined())
  await expect(made.plan(WARM)).resolves.toHaveProperty('stages')
  expect([made.host.deaths, made.deaths]).toEqual([1, []])
})

test.each([2, 3])('%i processes that are lost before they are asked cost no operation', async times => {
  using made = hostOf()
  const asked = Promise.allSettled([made.plan(WARM)])
  const pids = new Set<number>()
  while (pids.size < times) {
    const { pid } = made.host
    if (pid === undefined || pids.has(pid)) await turn()
    else {
      process.kill(pid, 'SIGKILL')
      pids.add(pid)
    }
  }
  const [outcome] = await asked
  if (times === 2) expect(outcome).toMatchObject({ status: 'fulfilled' })
  else
    expect(outcome).toMatchObject({
      reason: {
        code: 'OVERLOADED',
        message: "The operation cannot be planned now: the planner's process ended (SIGKILL)",
      },
    })
  expect(made.host.deaths).toBe(times)
  await expect(made.plan(WARM)).resolves.toHaveProperty('stages')
  expect(made.deaths).toEqual([])
})

test('a Ctrl-C that reaches the planner with everybody else does not end it', async () => {
  using made = hostOf()
  await made.plan(WARM)
  const { pid } = made.host
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(pid!, signal)
  await expect(made.plan(asking('{ old }'))).resolves.toHaveProperty('stages')
  expect(made.host).toMatchObject({ pid, deaths: 0 })
})

test('a process is replaced after so many plans, and when it has grown', async () => {
  using counted = hostOf({ plansMax: 2 })
  const pids = new Set<number | undefined>()
  for (let i = 0; i < 3; i++) {
    await counted.plan(WARM)
    pids.add(counted.host.pid)
  }
  // After the second plan there is none until the third is asked for.
  expect([...pids].map(pid => pid === undefined)).toEqual([false, true, false])
  expect(counted.host).toMatchObject({ plans: 3, deaths: 0, restarts: 1 })
  using grown = hostOf({ grownBytesMax: -1 })
  await grown.plan(WARM)
  expect(grown.host.pid).toBeUndefined()
  await expect(grown.plan(WARM)).resolves.toHaveProperty('stages')
  expect(grown.host).toMatchObject({ deaths: 0, restarts: 1 })
})

/** A program that plans once by the process that all gateways share, then does `rest`. */
const planning = (rest: string): string => `
  import { NO_ROLLOUT } from ${JSON.stringify(`${ROOT}gateway/execution/plan.ts`)}
  import { planHost } from ${JSON.stringify(`${ROOT}gateway/execution/plan-host.ts`)}
  import { loadSupergraph } from ${JSON.stringify(`${ROOT}gateway/supergraph/supergraph.ts`)}
  const supergraph = loadSupergraph(${JSON.stringify(shop.sdl)})
  const plan = planHost.planner(() => {})
  const request = { supergraph, text: '{ t { id } }', shape: 0, rollout: NO_ROLLOUT }
  const { stages } = await plan(request)
  console.log('planned', stages.length, 'by', planHost.pid)
  ${rest}`
const run = (rest: string) =>
  runCommand(process.execPath, ['--input-type=module-typescript', '-e', planning(rest)], {})
const isGone = (pid: number): Promise<void> =>
  vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), 20_000)

test('a program that has its plan ends by itself, and the planner with it', async () => {
  await using program = run('')
  const [, pid] = await program.says(/planned 1 by (\d+)/)
  expect(await program.exited).toEqual({ code: 0, signal: null })
  await isGone(Number(pid))
})

test('the planner ends when its parent is killed, in the middle of a plan too', async () => {
  // As slow a plan as a text may ask for: most of a second.
  const deep = (levels: number): string => (levels === 0 ? 'code' : `code next { ${deep(levels - 1)} }`)
  const fields = Array.from({ length: 80 }, (_, i) => `f${i}: t { ${deep(10)} }`)
  await using program = run(`
    void plan({ ...request, text: ${JSON.stringify(`{ ${fields.join(' ')} }`)} })
    setImmediate(() => console.log('asked'))`)
  const [, pid] = await program.says(/planned 1 by (\d+)/)
  await program.says(/asked/)
  program.kill('SIGKILL')
  await program.exited
  await isGone(Number(pid))
})
