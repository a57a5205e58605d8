import { expect, test } from 'vitest'
import { createGateway, type GatewayOptions } from '../../gateway/gateway.ts'
import { connectRedis } from '../../gateway/redis/redis-connection.ts'
import { openFleetBudgets } from '../../gateway/surge/fleet-budgets.ts'
import type { Lines } from '../../gateway/surge/lines.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import {
  CLAIM_POINTS,
  DROP_MANIFEST,
  DROP_RATE,
  type DropGraph,
  dropGraph,
  dropSupergraph,
} from '../harness/drop-graph.ts'
import { silent, until } from '../harness/postgres.ts'
import { startRedis } from '../harness/redis.ts'

/** A paused line's claim counts 20 times: of 2,200 points at once and 1,100 a second, 10 claims and then 5 a second. */
const TRICKLE = {
  atOnce: DROP_RATE.burst / (20 * CLAIM_POINTS),
  perSecond: DROP_RATE.perSecond / (20 * CLAIM_POINTS),
}
const PAUSED = {
  remaining: 500,
  state: 'PAUSED',
  noticeZh: '请明天再来',
  noticeEn: 'Come back tomorrow',
} as const

/** The status of the line `spring` at a gateway. */
async function statusAt({ control }: DropGraph, gateway: number, drop = 'spring') {
  const { body } = await control(gateway, 'GET')
  const line = body.lines.find(({ value }: { value: string }) => value === drop)
  return line?.status as { isPaused: boolean; remaining: number } | undefined
}

/** Claims of so many shoppers at each gateway, all at once. */
async function flood({ claim, gateways }: DropGraph, shoppers: number, drop?: string) {
  const claims = gateways.flatMap((_, gateway) =>
    Array.from({ length: shoppers }, (_, i) => claim(gateway, `crowd-${gateway}-${i}`, drop)),
  )
  return await Promise.all(claims)
}

test.each([
  { kind: 'without Redis', budgets: 2 },
  { kind: 'with Redis', budgets: 1 },
])('a pause at the subgraph brakes every gateway, $kind', async ({ kind, budgets }) => {
  await using redis = kind === 'with Redis' ? await startRedis() : undefined
  const options = async (): Promise<Partial<GatewayOptions>> =>
    redis === undefined
      ? {}
      : {
          // A busy machine must not pass for a lost Redis, which would admit the burst once more.
          budgets: await openFleetBudgets({
            redis: connectRedis(redis.url),
            logger: silent,
            waitMsMax: 20_000,
          }),
        }
  await using graph = await dropGraph([await options(), await options()])
  const { claim, claimed, stocks } = graph
  for (const gateway of [0, 1]) expect((await claim(gateway, `early-${gateway}`)).status).toBe(200)
  await until(
    'both know how it stands',
    async () => (await statusAt(graph, 0)) !== undefined && (await statusAt(graph, 1)) !== undefined,
  )

  stocks.set('spring', PAUSED)
  await until(
    'both know of the pause',
    async () => (await statusAt(graph, 0))?.isPaused && (await statusAt(graph, 1))?.isPaused,
  )
  const before = claimed.get('spring') ?? 0
  const startedMs = performance.now()
  const answers = await flood(graph, 200)
  const seconds = (performance.now() - startedMs) / 1_000
  const passed = (claimed.get('spring') ?? 0) - before
  expect(passed).toBeGreaterThan(0)
  // One more: its points may have begun to flow in before the crowd came.
  expect(passed).toBeLessThanOrEqual(budgets * (TRICKLE.atOnce + TRICKLE.perSecond * seconds + 1))
  const refused = answers.filter(({ status }) => status !== 200)
  expect(refused.length).toBe(400 - passed)
  for (const { status, headers, body } of refused) {
    expect(status).toBe(429)
    expect(body.data).toBeUndefined()
    const { code, paused, noticeZh, noticeEn, retryAfterMs } = body.errors[0].extensions
    expect({ code, paused, noticeZh, noticeEn }).toEqual({
      code: 'THROTTLED',
      paused: true,
      noticeZh: PAUSED.noticeZh,
      noticeEn: PAUSED.noticeEn,
    })
    expect(retryAfterMs).toBeGreaterThan(0)
    expect(Number(headers['retry-after'])).toBe(Math.ceil(retryAfterMs / 1_000))
  }

  // Who asks in calm is answered by the subgraph itself.
  await until('a single claim passes the brake', async () => (await claim(0, 'calm')).status === 200)
  expect(await statusAt(graph, 0)).toMatchObject({ isPaused: true })

  stocks.set('spring', { remaining: 500, state: 'OPEN' })
  await until(
    'both know that it goes on',
    async () => !(await statusAt(graph, 0))?.isPaused && !(await statusAt(graph, 1))?.isPaused,
  )
  // What was let through at 20 times its price has still to flow in again: 440 points take 0.4 s, and asking anew takes some.
  for (const { status, body } of await flood(graph, 20))
    if (status !== 200) expect(body.errors[0].extensions).not.toHaveProperty('paused')
  await Promise.all(
    [0, 1].flatMap(gateway =>
      Array.from({ length: 20 }, (_, i) =>
        until(
          'each of a crowd passes again',
          async () => (await claim(gateway, `after-${i}`)).status === 200,
        ),
      ),
    ),
  )
})

test('a line that has nothing left is braked too, another one is not', async () => {
  await using graph = await dropGraph()
  const { stocks, claim, claimed } = graph
  stocks.set('gone', { remaining: 0, state: 'OPEN' })
  for (const drop of ['gone', 'spring']) await claim(0, 'early', drop)
  await until(
    'both lines are known',
    async () => (await statusAt(graph, 0, 'gone')) !== undefined && (await statusAt(graph, 0)) !== undefined,
  )
  const answers = await flood(graph, 100, 'gone')
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]?.body.errors[0].extensions).toMatchObject({
    code: 'THROTTLED',
    paused: false,
    remaining: 0,
  })
  expect((await flood(graph, 100)).every(({ status }) => status === 200)).toBe(true)
  expect(claimed.get('spring')).toBe(101)
})

test('while the subgraph does not say how a line stands, what it said last holds, and metrics tell', async () => {
  await using graph = await dropGraph()
  const { stocks, claim, gateways } = graph
  stocks.set('spring', PAUSED)
  await claim(0, 'early')
  await until('the pause is known', async () => (await statusAt(graph, 0))?.isPaused)
  stocks.set('spring', 'fails')
  const failures = async (): Promise<number> => {
    const { body } = await gateways[0]!.app.inject('/metrics')
    return Number(/^spillway_line_status_failures_total (\d+)$/m.exec(body)?.[1])
  }
  await until('a question fails', async () => (await failures()) > 0)
  expect(await statusAt(graph, 0)).toMatchObject({ isPaused: true })
  const { body } = await gateways[0]!.app.inject('/metrics')
  expect(body).toMatch(/^spillway_lines 1$/m)
})

test('what cannot be kept is refused: at the start, and while it runs, when what was before goes on', async () => {
  await using graph = await dropGraph()
  const [gateway] = graph.gateways
  const withoutStatus = DROP_MANIFEST.slice(0, 1)
  const noStatus =
    'Mutation.claim @costLimit(status: "DropStatus"): expected a persisted query of this name, got none'
  const tooSmall = dropSupergraph('@costLimit(perSecond: 1, burst: 10)')
  const noBurst = 'expected burst to be at least 11, the least points that the field costs, got 10'
  await expect(gateway?.swap({ manifest: withoutStatus })).rejects.toThrow(noStatus)
  await expect(gateway?.swap({ supergraphSdl: tooSmall })).rejects.toThrow(noBurst)
  expect((await graph.control(0, 'GET')).body.limits).toHaveLength(3)
  expect((await graph.claim(0, 'alice')).status).toBe(200)
  const clients = () => ({ name: 'drops', execute: fail, ready: fail, close: async () => {} })
  const start = (options: Partial<GatewayOptions>) =>
    createGateway({ supergraphSdl: dropSupergraph(), manifest: DROP_MANIFEST, clients, ...options })
  await expect(start({ manifest: withoutStatus })).rejects.toThrow(noStatus)
  await expect(start({ supergraphSdl: tooSmall })).rejects.toThrow(noBurst)
})

const fail = async (): Promise<never> => {
  throw new Error('expected not to be asked')
}

test('who may not have a field does not use up its points', async () => {
  const supergraphSdl = dropSupergraph().replace(
    'claim(input: ClaimInput!): ClaimResult',
    '$& @requiresScopes(scopes: [["coupon:claim"]])',
  )
  await using graph = await dropGraph([{ supergraphSdl }])
  const { claim, claimed, control, gateways, token } = graph
  for (const by of ['input.drop', null]) {
    // One claim, and the next one in 11 days.
    const body = { per: 'FLEET', by, perSecond: 0.001, burst: CLAIM_POINTS }
    expect((await control(0, 'PUT', '/Mutation.claim', { body })).status).toBe(200)
  }
  const stranger = { authorization: `Bearer ${token({ sub: 'mallory', scope: '' })}` }
  for (const headers of [{}, stranger]) {
    const { body } = await gateways[0]!.app.inject({
      method: 'POST',
      url: '/graphql',
      headers,
      payload: { documentId: `sha256:${DROP_MANIFEST[0]!.id}`, variables: { input: { drop: 'spring' } } },
    })
    expect(body).toContain('scope coupon:claim is needed')
  }
  expect((await control(0, 'GET')).body.lines).toEqual([])
  expect((await claim(0, 'alice')).status).toBe(200)
  expect(claimed.get('spring')).toBe(1)
})

test('a line hears of every answer how it stands, by the rate that is in force', async () => {
  const budgets = createMemoryBudgets()
  const heard: { key: string; burst: number; isPaused: boolean }[] = []
  const lines: Lines = {
    terms: budgets.lines.terms,
    arrive: arrival => budgets.lines.arrive(arrival),
    giveBack: (...given) => budgets.lines.giveBack(...given),
    heed: ({ key, rate: { burst } }, isPaused) => void heard.push({ key, burst, isPaused }),
  }
  await using graph = await dropGraph([{ budgets: { ...budgets, close: () => budgets.close(), lines } }])
  const { claim, control, stocks } = graph
  const line = { key: 'Mutation.claim:input.drop=spring', burst: DROP_RATE.burst, isPaused: false }
  await claim(0, 'early')
  await until('two answers', () => heard.length >= 2)
  expect(heard.slice(0, 2)).toEqual([line, line])
  stocks.set('spring', PAUSED)
  await until('the pause, again and again', () => heard.filter(({ isPaused }) => isPaused).length >= 2)
  const body = { per: 'FLEET', by: 'input.drop', perSecond: 100, burst: 110 }
  expect((await control(0, 'PUT', '/Mutation.claim', { body })).status).toBe(200)
  await until('the new rate', () => heard.some(({ burst }) => burst === 110))
  expect(new Set(heard.map(({ key }) => key))).toEqual(new Set([line.key]))
})
