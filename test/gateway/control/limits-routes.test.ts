import { expect, test } from 'vitest'
import { connectRedis, disconnectRedis } from '../../../gateway/redis/redis-connection.ts'
import { CLAIM_POINTS, DROP_RATE, dropGraph, dropSupergraph } from '../../harness/drop-graph.ts'
import { until } from '../../harness/postgres.ts'
import { startRedis } from '../../harness/redis.ts'

const CLAIM = '/Mutation.claim'
const BY_DROP = { per: 'FLEET', by: 'input.drop' }

test('limits are shown as declared and as they hold, and lines with their status', async () => {
  await using graph = await dropGraph()
  const { stocks, control, claim } = graph
  const before = await control(0, 'GET')
  expect(before.status).toBe(200)
  expect(before.body).toEqual({
    mode: 'enforce',
    scope: 'process',
    lineTerms: { horizonMs: 600_000, graceMs: 120_000, placesMax: 1_000_000 },
    limits: [
      {
        field: 'Mutation.claim',
        per: 'FLEET',
        by: 'input.drop',
        over: 'PLACE',
        status: 'DropStatus',
        pointsMin: CLAIM_POINTS,
        declared: DROP_RATE,
        inForce: DROP_RATE,
      },
      {
        field: 'Mutation.claim',
        per: 'FLEET',
        over: 'REFUSE',
        pointsMin: CLAIM_POINTS,
        declared: { perSecond: 100_000, burst: 200_000 },
        inForce: { perSecond: 100_000, burst: 200_000 },
      },
      {
        field: 'Mutation.claim',
        per: 'CALLER',
        by: 'input.drop',
        over: 'REFUSE',
        pointsMin: CLAIM_POINTS,
        declared: { perSecond: 50, burst: 100 },
        inForce: { perSecond: 50, burst: 100 },
      },
    ],
    lines: [],
  })
  stocks.set('spring', { remaining: 12, state: 'PAUSED', noticeEn: 'Back soon' })
  expect((await claim(0, 'alice')).body.data.claim).toEqual({ __typename: 'Issued', shopper: 'alice' })
  const { body } = await until('the line is known', async () => {
    const answer = await control(0, 'GET')
    return answer.body.lines[0]?.status === undefined ? undefined : answer
  })
  expect(body.lines).toEqual([
    {
      key: 'Mutation.claim:input.drop=spring',
      coordinate: 'Mutation.claim',
      value: 'spring',
      status: { remaining: 12, isPaused: true, noticeEn: 'Back soon' },
      failures: 0,
      waiting: 0,
    },
  ])
})

test('an operator sets a limit and takes it back; it holds from the next request on, and health shows it', async () => {
  await using graph = await dropGraph()
  const { claim, control, gateways, lines } = graph
  const rate = { perSecond: 0.01, burst: 2 * CLAIM_POINTS }
  const set = await control(0, 'PUT', CLAIM, { body: { ...BY_DROP, ...rate } })
  expect(set.status).toBe(200)
  expect(set.body).toMatchObject({
    scope: 'process',
    limits: [
      { field: 'Mutation.claim', ...BY_DROP, declared: DROP_RATE, inForce: rate, setBy: 'control-room' },
    ],
  })
  // Two claims fit into the burst; the next points would take 1,100 s, and a place is promised for 600 s at most.
  expect((await claim(0, 'a')).status).toBe(200)
  expect((await claim(0, 'b')).status).toBe(200)
  const refused = await claim(0, 'c')
  expect(refused.status).toBe(429)
  expect(refused.body.errors[0].extensions).toMatchObject({ code: 'THROTTLED', reason: 'HORIZON' })
  expect(refused.body.errors[0].extensions.retryAfterMs).toBeGreaterThan(400_000)
  const health = (await gateways[0]!.app.inject('/health/ready')).json()
  expect(health.limits).toContainEqual({ field: 'Mutation.claim', ...BY_DROP, ...rate, overridden: true })
  expect(lines.some(line => line.includes('limit overridden') && line.includes('"by":"control-room"'))).toBe(
    true,
  )

  const back = await control(0, 'DELETE', `${CLAIM}?per=FLEET&by=input.drop`)
  expect(back.body).toMatchObject({ scope: 'process', limits: [{ inForce: DROP_RATE }] })
  expect(back.body.limits[0]).not.toHaveProperty('setBy')
  expect((await claim(0, 'd')).status).toBe(200)
  expect((await gateways[0]!.app.inject('/health/ready')).json().limits).toContainEqual({
    field: 'Mutation.claim',
    ...BY_DROP,
    ...DROP_RATE,
    overridden: false,
  })
})

test('an operator is told where limits are only measured', async () => {
  await using graph = await dropGraph([{ cost: { mode: 'measure' } }])
  const { control } = graph
  const set = await control(0, 'PUT', CLAIM, { body: { ...BY_DROP, perSecond: 7, burst: 77 } })
  expect(set.body).toMatchObject({ mode: 'measure', limits: [{ inForce: { perSecond: 7, burst: 77 } }] })
  expect((await control(0, 'GET')).body.mode).toBe('measure')
})

test('without per and by, all limits of a field are taken back', async () => {
  await using graph = await dropGraph()
  const { control } = graph
  for (const which of [BY_DROP, { per: 'FLEET', by: null }, { per: 'CALLER' }])
    expect((await control(0, 'PUT', CLAIM, { body: { ...which, perSecond: 7, burst: 77 } })).status).toBe(200)
  const { body } = await control(0, 'DELETE', CLAIM)
  expect(body.limits).toHaveLength(3)
  for (const { declared, inForce } of body.limits) expect(inForce).toEqual(declared)
})

test('only operators with the scope may look or change', async () => {
  await using graph = await dropGraph()
  const { control, token } = graph
  const callers = [
    [null, 401, 'UNAUTHENTICATED'],
    ['forged', 401, 'UNAUTHENTICATED'],
    [token({ sub: 'alice' }), 403, 'FORBIDDEN'],
    [token({ sub: 'alice', scope: 'campaign:operate' }), 403, 'FORBIDDEN'],
    [token({ sub: 'olga', kind: 'operator', scope: 'catalog:write' }), 403, 'FORBIDDEN'],
  ] as const
  for (const [bearer, status, code] of callers) {
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PUT', CLAIM, { ...BY_DROP, perSecond: 1, burst: 20 }],
      ['DELETE', CLAIM, undefined],
    ] as const) {
      const answer = await control(0, method, path, {
        token: bearer,
        ...(body === undefined ? {} : { body }),
      })
      expect(answer.status).toBe(status)
      expect(answer.body.errors[0].extensions.code).toBe(code)
    }
  }
  expect((await control(0, 'GET')).body.limits[0].inForce).toEqual(DROP_RATE)
})

test('what is no rate, no limit or no certain one is refused, and nothing changes', async () => {
  await using graph = await dropGraph()
  const { control } = graph
  const rate = { perSecond: 5, burst: 50 }
  for (const [path, body, status, message] of [
    [
      '/Mutation.nothing',
      { ...BY_DROP, ...rate },
      404,
      'expected a field that has a limit (Mutation.claim), got Mutation.nothing',
    ],
    [
      CLAIM,
      { ...BY_DROP, ...rate, by: 'input.shop' },
      400,
      "expected one of the field's limits (per FLEET, by input.drop; per FLEET, by null; per CALLER, by input.drop), got per FLEET, by input.shop",
    ],
    [
      CLAIM,
      { per: 'FLEET', ...rate },
      400,
      'expected by to tell which limit is meant (per FLEET, by input.drop; per FLEET, by null)',
    ],
    [CLAIM, { per: 'SHOP', ...rate }, 400, 'per: expected FLEET or CALLER, got "SHOP"'],
    [
      CLAIM,
      { ...BY_DROP, ...rate, perSecond: 0 },
      400,
      'expected perSecond to be a number from 0.001 to 1000000000, got 0',
    ],
    [CLAIM, { ...BY_DROP, ...rate, perSecond: '5' }, 400, 'perSecond: expected a number, got "5"'],
    [
      CLAIM,
      { ...BY_DROP, ...rate, burst: 10 },
      400,
      'expected burst to be at least 11, the least points that the field costs, got 10',
    ],
    [
      CLAIM,
      { ...BY_DROP, ...rate, burst: 1e12 },
      400,
      'expected burst to be a positive number up to 1000000000',
    ],
    [CLAIM, { ...BY_DROP, ...rate, forHowLong: 5 }, 400, 'perSecond and burst, got forHowLong'],
    [CLAIM, { ...BY_DROP, perSecond: 5 }, 400, 'burst: expected a number, got undefined'],
    [CLAIM, [], 400, 'body: expected an object of per, by, perSecond and burst, got []'],
  ] as const) {
    const answer = await control(0, 'PUT', path, { body })
    expect(answer.body.errors[0].message).toContain(message)
    expect(answer.status).toBe(status)
    expect(answer.body.errors[0].extensions.code).toBe(status === 404 ? 'NOT_FOUND' : 'BAD_INPUT')
  }
  expect((await control(0, 'DELETE', `${CLAIM}?per=SHOP`)).status).toBe(400)
  expect((await control(0, 'DELETE', `${CLAIM}?of=FLEET`)).status).toBe(400)
  // As PUT has it: without `?per=`, it would take all limits of the field back.
  const withBody = await control(0, 'DELETE', CLAIM, { body: { per: 'FLEET' } })
  expect([withBody.status, withBody.body.errors[0].message]).toEqual([
    400,
    'expected per and by after a "?", got a body',
  ])
  expect((await control(0, 'GET')).body.limits[0].inForce).toEqual(DROP_RATE)
})

test('an override outlives a new supergraph that has the limit, and ends with it', async () => {
  await using graph = await dropGraph()
  const { control, gateways } = graph
  const inForce = { perSecond: 5, burst: 50 }
  await control(0, 'PUT', CLAIM, { body: { ...BY_DROP, ...inForce } })
  const limit = '@costLimit(perSecond: 9, burst: 99, by: "input.drop", status: "DropStatus")'
  await gateways[0]!.swap({ supergraphSdl: dropSupergraph(limit, 49) })
  expect((await control(0, 'GET')).body.limits).toMatchObject([{ declared: { perSecond: 9 }, inForce }])
  // One that the field alone would exceed would stop it for good.
  await gateways[0]!.swap({ supergraphSdl: dropSupergraph(limit, 50) })
  expect((await control(0, 'GET')).body.limits).toMatchObject([{ inForce: { perSecond: 9, burst: 99 } }])
  await gateways[0]!.swap({ supergraphSdl: dropSupergraph('') })
  expect((await control(0, 'GET')).body.limits).toEqual([])
  expect((await gateways[0]!.app.inject('/health/ready')).json()).toEqual({
    status: 'ready',
    level: 'CALM',
    pinned: false,
  })
  await gateways[0]!.swap({ supergraphSdl: dropSupergraph() })
  expect((await control(0, 'GET')).body.limits[0]).toMatchObject({ declared: DROP_RATE, inForce })
})

test('with Redis, what an operator sets at one gateway holds at every gateway, and is taken back at any', async () => {
  await using redis = await startRedis()
  const clients = [connectRedis(redis.url), connectRedis(redis.url)]
  try {
    await using graph = await dropGraph(clients.map(overrideRedis => ({ overrideRedis })))
    const { control } = graph
    const first = async (gateway: number) => (await control(gateway, 'GET')).body.limits[0]
    const inForce = { perSecond: 5, burst: 50 }
    await until('it is set for the fleet', async () => {
      const { body } = await control(0, 'PUT', CLAIM, { body: { ...BY_DROP, ...inForce } })
      return body.scope === 'fleet'
    })
    await until('the other has it', async () => (await first(1)).inForce.burst === 50)
    expect(await first(1)).toMatchObject({ declared: DROP_RATE, inForce, setBy: 'control-room' })
    expect((await control(1, 'DELETE', CLAIM)).body.scope).toBe('fleet')
    await until(
      'it is taken back at the first',
      async () => (await first(0)).inForce.burst === DROP_RATE.burst,
    )
  } finally {
    for (const client of clients) await disconnectRedis(client)
  }
})

test.each([
  ['POST', '', 'GET', 'expected GET, got POST'],
  ['DELETE', '', 'GET', 'expected GET, got DELETE'],
  ['GET', CLAIM, 'PUT, DELETE', 'expected PUT or DELETE, got GET'],
  ['PATCH', CLAIM, 'PUT, DELETE', 'expected PUT or DELETE, got PATCH'],
] as const)('%s %s is told which methods there are', async (method, path, allow, message) => {
  await using graph = await dropGraph()
  const answer = await graph.gateways[0]!.app.inject({ method, url: `/control/limits${path}` })
  expect([answer.statusCode, answer.headers.allow]).toEqual([405, allow])
  expect(answer.json().errors[0]).toMatchObject({ message, extensions: { code: 'METHOD_NOT_ALLOWED' } })
})
