import { composeServices } from '@theguild/federation-composition'
import { buildSchema, graphql, parse, printSchema } from 'graphql'
import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import type { FieldLimit } from '../../gateway/cost/field-limits.ts'
import type { CompiledLimit } from '../../gateway/cost/field-limits-compile.ts'
import { createLineStatuses, type LineStatusOptions } from '../../gateway/line-status.ts'
import { createRegistry } from '../../gateway/operations/registry.ts'
import { loadSupergraph } from '../../gateway/supergraph/supergraph.ts'
import type { Turn } from '../../gateway/surge/lines.ts'
import { Fault } from '../../protocol/fault.ts'
import { InProcessClient } from '../../protocol/in-process-client.ts'
import type { SubgraphRequest } from '../../protocol/subgraph-client.ts'
import { until } from '../harness/postgres.ts'
import { hashOf } from '../harness/tiny-graph.ts'

const BODY = 'query Status($id: ID!) { drop(id: $id) { stock { remaining state noticeEn } } }'
const DROPS = buildSchema(`
  type Query { drop(id: ID!): Drop }
  type Drop { stock: Stock }
  type Stock { remaining: Int, state: String, noticeEn: String }
`)
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Lines whose status is what the test says, drop by drop; an Error is thrown, a promise awaited. */
function linesOf(options: Partial<LineStatusOptions> = {}) {
  const stocks = new Map<string, unknown>()
  const requests: SubgraphRequest[] = []
  const client = new InProcessClient({
    name: 'drops',
    ready: async () => {},
    async execute(request) {
      requests.push(request)
      const drop = async ({ id }: { id: string }) => {
        const stock = await stocks.get(id)
        if (stock instanceof Error) throw stock
        return { stock }
      }
      const { operation: source, variables: variableValues } = request
      const { data, errors } = await graphql({ schema: DROPS, source, variableValues, rootValue: { drop } })
      return {
        data: data ?? null,
        ...(errors === undefined ? {} : { errors: errors.map(({ message }) => ({ message })) }),
      }
    },
  })
  const supergraph = loadSupergraph(
    composeServices([
      {
        name: 'drops',
        url: 'http://drops',
        typeDefs: parse(printSchema(DROPS)),
      },
    ]).supergraphSdl as string,
  )
  const limits = { tokensMax: 1_000, depthMax: 10, rootFieldsMax: 10 }
  const registry = createRegistry(supergraph, [{ id: hashOf(BODY), body: BODY, priority: 'OPERATE' }], limits)
  const status = { operation: registry.operations[0]!, variable: 'id' }
  const graph = {
    current: {
      statusOperations: new Map([['Mutation.claim:id', status]]),
      clients: new Map([['drops', client]]),
    },
  }
  const statuses = createLineStatuses({
    graph,
    logger: pino({ level: 'silent' }),
    askEveryMs: 5,
    ...options,
  })
  closing.push(() => statuses.close())
  return {
    statuses,
    stocks,
    requests,
    graph,
    look: (id: unknown, limited = LIMITED) => statuses.statusOf(limited, `claim:${id}`, { id }),
  }
}

const limit: FieldLimit = {
  coordinate: 'Mutation.claim',
  by: 'id',
  per: 'FLEET',
  over: 'REFUSE',
  status: 'Status',
  rate: { perSecond: 1, burst: 1 },
  pointsMin: 0,
  id: 'Mutation.claim:id',
}
const LIMITED: CompiledLimit = {
  limit,
  index: 0,
  keyOf: () => '',
  readValue: ({ id }) => id,
  readToken: () => undefined,
}

const flowing = (remaining: number) => ({
  remaining,
  isPaused: false,
  noticeZh: undefined,
  noticeEn: undefined,
})

test('a line is asked from the first look on, again and again, with its value, urgently and for nobody', async () => {
  const { look, stocks, requests } = linesOf()
  stocks.set('a', { remaining: 7, state: 'OPEN' })
  expect(look('a')).toBeUndefined()
  await until('the first answer', () => look('a'))
  expect(look('a')).toEqual(flowing(7))
  stocks.set('a', { remaining: 3, state: 'PAUSED', noticeEn: 'Back soon' })
  await until('the pause', () => look('a')?.isPaused)
  expect(look('a')).toEqual({ remaining: 3, isPaused: true, noticeZh: undefined, noticeEn: 'Back soon' })
  stocks.set('a', { remaining: 0, state: 'OPEN' })
  await until('the end', () => look('a')?.remaining === 0)
  for (const { caller, priority, variables } of requests) {
    expect(priority).toBe('OPERATE')
    expect(caller).toMatchObject({ kind: 'anonymous', client: 'gateway', scopes: [] })
    expect(Object.values(variables)).toEqual(['a'])
  }
})

test('while no answer comes the last one holds, and failures are counted', async () => {
  const { statuses, look, stocks } = linesOf()
  stocks.set('a', { remaining: 7, state: 'PAUSED' })
  await until('an answer', () => look('a'))
  stocks.set('a', new Fault('SUBGRAPH_UNREACHABLE', 'gone'))
  await until('failures', () => (statuses.lines[0]?.failures ?? 0) >= 3)
  expect(statuses.failed).toBeGreaterThanOrEqual(3)
  expect(statuses.asked).toBeGreaterThan(statuses.failed)
  expect(look('a')?.isPaused).toBe(true)
  stocks.set('a', { remaining: 6, state: 'OPEN' })
  await until('it is back', () => look('a')?.remaining === 6)
  expect(statuses.lines[0]?.failures).toBe(0)
})

test('an answer that tells nothing is no status', async () => {
  const { statuses, look, stocks } = linesOf()
  stocks.set('a', { remaining: 0 })
  await until('an answer', () => look('a'))
  stocks.delete('a')
  await until('nothing is known', () => look('a') === undefined)
  expect(statuses.failed).toBe(0)
})

test('a line has one question at a time', async () => {
  const { statuses, look, stocks } = linesOf()
  const slow = Promise.withResolvers<unknown>()
  stocks.set('slow', slow.promise)
  look('slow')
  await until('others are asked many times meanwhile', () => {
    look('other')
    look('slow')
    return statuses.asked > 10
  })
  const waiting = statuses.lines.find(({ value }) => value === 'slow')
  expect(waiting).toMatchObject({ status: undefined, failures: 0 })
  slow.resolve({ remaining: 1 })
  await until('the answer', () => look('slow')?.remaining === 1)
})

test('lines that nobody looks at are forgotten, and then nothing is asked', async () => {
  const { statuses, look, stocks } = linesOf({ liveMs: 30 })
  stocks.set('a', { remaining: 1 })
  look('a')
  await until('one that is looked at outlives one that is not', () => {
    look('b')
    return statuses.lines.length === 1
  })
  expect(statuses.lines[0]?.value).toBe('b')
  await until('none is live', () => statuses.lines.length === 0)
})

/** What whoever has a place is told; its turn is so long ahead. */
const kept = (retryAfterMs: number, waiting: number): Turn => ({
  kind: 'kept',
  place: { epoch: 'e', instantMs: 0, shiftMs: 0 },
  admitAtMs: 0,
  retryAfterMs,
  position: 0,
  isNew: true,
  isMoved: false,
  waiting,
})

const ADMITTED: Turn = {
  kind: 'admitted',
  line: { key: '', rate: limit.rate },
  caller: '',
  points: 1,
  availablePoints: 0,
  place: undefined,
  lateMs: 0,
  isStandby: false,
  waiting: 0,
}

test('a line with places is live until the last may have been used, though nobody looks, and tells who waits', async () => {
  const { statuses, look, stocks } = linesOf({ liveMs: 1, graceMs: 100 })
  for (const id of ['early', 'late', 'none']) stocks.set(id, { remaining: 5 })
  for (const id of ['early', 'late', 'none']) look(id)
  statuses.turned('claim:late', kept(3_600_000, 7))
  // One that is told of a place before the last takes nothing from it.
  statuses.turned('claim:late', kept(1, 8))
  statuses.turned('claim:early', kept(1, 1))
  statuses.turned('claim:unknown', kept(3_600_000, 1))
  const values = () => statuses.lines.map(({ value, waiting }) => `${value} ${waiting}`)
  expect(values()).toEqual(['early 1', 'late 8', 'none 0'])
  await until('the one without places is forgotten', () => statuses.lines.length <= 2)
  await until('the one whose place is void is forgotten', () => statuses.lines.length === 1)
  expect(values()).toEqual(['late 8'])
  const { asked } = statuses
  await until('the other is asked on', () => statuses.asked > asked + 3)
  // Those who have been admitted, or got none, tell how many wait, too.
  statuses.turned('claim:late', {
    kind: 'none',
    reason: 'FULL',
    availablePoints: 0,
    retryAfterMs: 1,
    waiting: 3,
  })
  expect(values()).toEqual(['late 3'])
})

test('a pause puts off until when a line with places is live', async () => {
  const { statuses, look, stocks } = linesOf({ liveMs: 300, graceMs: 0 })
  stocks.set('paused', { remaining: 5, state: 'PAUSED' })
  stocks.set('open', { remaining: 5, state: 'OPEN' })
  await until('both are known', () => [look('paused'), look('open')].every(status => status !== undefined))
  for (const id of ['paused', 'open']) statuses.turned(`claim:${id}`, kept(1_000, 1))
  await until('one is forgotten', () => statuses.lines.length === 1)
  expect(statuses.lines[0]?.value).toBe('paused')
  stocks.set('paused', { remaining: 5, state: 'OPEN' })
  await until('the other is, too', () => statuses.lines.length === 0)
})

test('each answer is told, also the same one again, and what is no answer is not', async () => {
  const told: string[] = []
  const { look, stocks, statuses } = linesOf({
    onStatus: ({ coordinate }, key, { isPaused }) => void told.push(`${coordinate} ${key} ${isPaused}`),
  })
  stocks.set('a', { remaining: 5, state: 'PAUSED' })
  await until('three answers', () => {
    look('a')
    return told.length >= 3
  })
  expect(new Set(told)).toEqual(new Set(['Mutation.claim claim:a true']))
  stocks.set('a', new Fault('SUBGRAPH_UNREACHABLE', 'gone'))
  const failing = statuses.failed
  await until('failures', () => {
    look('a')
    return statuses.failed > failing + 1
  })
  const before = told.length
  await until('more failures', () => {
    look('a')
    return statuses.failed > failing + 4
  })
  expect(told).toHaveLength(before)
})

test('there are so many lines at most: the one looked at longest ago makes room', async () => {
  const { statuses, look, requests } = linesOf({ linesMax: 3, askEveryMs: 3_600_000 })
  for (const id of ['a', 'b', 'c']) look(id)
  look('a')
  for (const id of ['d', 'e']) look(id)
  expect(statuses.lines.map(({ value }) => value)).toEqual(['a', 'd', 'e'])
  // Values that nobody has room for are not asked at once: a flood of made-up ones stays one question a period.
  await until('the questions are asked', () => requests.length === 3)
  expect(statuses.asked).toBe(3)
})

test('made-up values do not drive out a line of which something is known', async () => {
  const { statuses, look, stocks } = linesOf({ linesMax: 3 })
  stocks.set('spring', { remaining: 5, state: 'PAUSED' })
  await until('the pause is known', () => look('spring')?.isPaused)
  for (let i = 0; i < 20; i++) look(`made up ${i}`)
  expect(look('spring')?.isPaused).toBe(true)
  expect(statuses.lines).toHaveLength(3)
})

test('a limit without a status, or a request without a value that could be asked for, makes no line', () => {
  const { statuses, look } = linesOf()
  expect(look('a', { ...LIMITED, limit: { ...limit, status: undefined } })).toBeUndefined()
  expect(look(null)).toBeUndefined()
  expect(look(undefined)).toBeUndefined()
  expect(look('x'.repeat(257))).toBeUndefined()
  expect(look({ any: 'scalar' })).toBeUndefined()
  expect(statuses.lines).toEqual([])
})

test('lines live on through a new graph, and end with the limit', async () => {
  const { statuses, look, stocks, graph } = linesOf()
  stocks.set('a', { remaining: 5 })
  await until('an answer', () => look('a'))
  const before = graph.current
  graph.current = { ...before, statusOperations: new Map(before.statusOperations) }
  stocks.set('a', { remaining: 4 })
  await until('an answer on the new graph', () => look('a')?.remaining === 4)
  graph.current = { ...before, statusOperations: new Map() }
  await until('the line is gone', () => statuses.lines.length === 0)
})

test('once closed it asks nothing and knows nothing', async () => {
  const { statuses, look, stocks } = linesOf()
  stocks.set('a', { remaining: 5 })
  await until('an answer', () => look('a'))
  statuses.close()
  expect(look('a')).toBeUndefined()
  expect(statuses.lines).toEqual([])
})

test('until its owner says so itself, one fewer is left for each who was admitted, and never none', async () => {
  const { look, stocks, statuses } = linesOf({ askEveryMs: 3_600_000 })
  stocks.set('a', { remaining: 3, state: 'OPEN' })
  stocks.set('paused', { remaining: 3, state: 'PAUSED' })
  for (const id of ['a', 'paused']) await until('the first answer', () => look(id))
  const lefts: unknown[] = []
  for (let i = 0; i < 4; i++) {
    for (const id of ['a', 'paused']) statuses.turned(`claim:${id}`, ADMITTED)
    statuses.turned('claim:a', kept(1, 1))
    lefts.push(look('a')?.remaining)
  }
  expect(lefts).toEqual([2, 1, 1, 1])
  expect(look('paused')?.remaining).toBe(3)
})
