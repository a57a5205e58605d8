import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { createLevelPin } from '../../../gateway/control/level-pin.ts'
import { levelRoutes, levelShown } from '../../../gateway/control/level-routes.ts'
import { createIdentify } from '../../../gateway/identity/identify.ts'
import { createTokenVerifier } from '../../../gateway/identity/tokens.ts'
import { DEFAULT_LIMITS } from '../../../gateway/limits.ts'
import type { Stages } from '../../../gateway/pipeline.ts'
import { connectRedis, disconnectRedis } from '../../../gateway/redis/redis-connection.ts'
import { sendOutcome } from '../../../gateway/reply.ts'
import { createApp, requestIds } from '../../../gateway/server.ts'
import type { Reading } from '../../../gateway/surge/level.ts'
import { createSurgeLevel } from '../../../gateway/surge/surge-level.ts'
import { createMetrics } from '../../../gateway/telemetry/metrics.ts'
import { until } from '../../harness/postgres.ts'
import { startRedis } from '../../harness/redis.ts'
import { tokenFor } from '../../harness/tokens.ts'

const SECRET = 'level-routes-token-secret-0123456789abcdef'
const OPERATOR = tokenFor(SECRET, { sub: 'olga', kind: 'operator', client: 'control-room' })
const BUSY: Reading = { name: 'convoy:coupon', value: 60, target: 50, raises: 'SHED' }

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** The routes on a gateway's app, with a level that samples when it is told to. */
async function served(redisUrl?: string) {
  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: line => void lines.push(line) })
  const redis = redisUrl === undefined ? undefined : connectRedis(redisUrl)
  if (redis !== undefined) closing.push(() => disconnectRedis(redis))
  const pin = createLevelPin({ redis, logger, readEveryMs: 5 })
  const level = createSurgeLevel({
    readings: () => [BUSY],
    pinned: () => pin.pinned,
    logger,
    sampleEveryMs: 1e9,
  })
  const stages = {
    identify: createIdentify(
      createTokenVerifier({ settings: { kind: 'secret', secret: SECRET } }),
      undefined,
    ),
    metrics: createMetrics(() => []),
    logger,
    production: true,
    // Of the pipeline's stages the routes have these.
  } as unknown as Stages
  const app: FastifyInstance = await createApp({
    stages,
    limits: DEFAULT_LIMITS,
    corsOrigins: [],
    lifecycle: { isClosing: false },
    requestId: requestIds(),
    compress: undefined,
  })
  levelRoutes(app, {
    stages,
    level,
    pin,
    send: (reply, outcome, others) => sendOutcome(reply, outcome, 'application/json', others),
  })
  await app.ready()
  closing.push(async () => {
    await app.close()
    level.close()
    pin.close()
  })
  return {
    level,
    lines,
    async ask(method: 'GET' | 'PUT' | 'DELETE', body?: unknown, token: string | null = OPERATOR) {
      const answer = await app.inject({
        method,
        url: '/control/level',
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      })
      return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
    },
    app,
  }
}

test('an operator sees the level and what makes it, pins another, and takes that back', async () => {
  const { level, lines, ask } = await served()
  expect((await ask('GET')).body).toEqual({
    level: 'CALM',
    measured: 'CALM',
    pinned: null,
    readings: [],
    scope: 'process',
  })
  for (let i = 0; i < 2; i++) level.sample()
  expect((await ask('GET')).body).toMatchObject({ level: 'BUSY', measured: 'BUSY', readings: [BUSY] })
  expect(levelShown(level)).toEqual({ level: 'BUSY', pinned: false })

  const put = await ask('PUT', { level: 'SHED' })
  expect([put.status, put.headers['cache-control']]).toEqual([200, 'no-store'])
  expect(put.body).toMatchObject({
    level: 'SHED',
    measured: 'BUSY',
    pinned: { level: 'SHED', setBy: 'control-room', setAt: expect.stringMatching(/^\d{4}-.+Z$/) },
    scope: 'process',
  })
  expect(level.current).toBe('SHED')
  expect(levelShown(level)).toEqual({ level: 'SHED', pinned: true })
  expect((await ask('GET')).body).toEqual(put.body)

  expect((await ask('DELETE')).body).toMatchObject({ level: 'BUSY', pinned: null, scope: 'process' })
  expect(level.current).toBe('BUSY')
  const told = lines.map(line => JSON.parse(line)).filter(({ by }) => by !== undefined)
  expect(told).toMatchObject([
    { msg: 'level pinned', by: 'control-room', from: 'BUSY', to: 'SHED', scope: 'process' },
    { msg: 'level as measured again', by: 'control-room', from: 'SHED', to: 'BUSY', scope: 'process' },
  ])
})

test('with Redis, what an operator pins at one gateway holds at every gateway', async () => {
  await using redis = await startRedis()
  const [one, other] = [await served(redis.url), await served(redis.url)]
  await until(
    'it is pinned for the fleet',
    async () => (await one.ask('PUT', { level: 'SURGE' })).body.scope === 'fleet',
  )
  await until('the other has it', () => other.level.current === 'SURGE')
  expect((await other.ask('GET')).body).toMatchObject({ pinned: { setBy: 'control-room' }, scope: 'fleet' })
  expect((await other.ask('DELETE')).body).toMatchObject({ level: 'CALM', scope: 'fleet' })
  await until('it is taken back at the first', () => one.level.current === 'CALM')
})

test.each([
  ['nobody', null, 401, 'UNAUTHENTICATED'],
  ['a shopper', tokenFor(SECRET, { sub: 'alice', scope: 'campaign:operate' }), 403, 'FORBIDDEN'],
  [
    'an operator without the scope',
    tokenFor(SECRET, { sub: 'olga', kind: 'operator', scope: 'catalog:write' }),
    403,
    'FORBIDDEN',
  ],
] as const)('%s neither sees nor pins it', async (_, token, status, code) => {
  const { level, ask } = await served()
  for (const [method, body] of [['GET'], ['PUT', { level: 'SHED' }], ['DELETE']] as const) {
    const answer = await ask(method, body, token)
    expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([status, code])
  }
  expect(level.current).toBe('CALM')
})

test.each([
  [{ level: 'PANIC' }, 'level: expected one of CALM, BUSY, SURGE, SHED, got "PANIC"'],
  [{}, 'level: expected one of CALM, BUSY, SURGE, SHED, got undefined'],
  [{ level: 'SHED', for: '1h' }, 'body: expected an object of level, got for'],
  [['SHED'], 'body: expected an object of level, got ["SHED"]'],
] as const)('what is no level is refused, with what is expected: %j', async (body, message) => {
  const { level, ask } = await served()
  const answer = await ask('PUT', body)
  expect(answer.status).toBe(400)
  expect(answer.body.errors[0]).toMatchObject({ message, extensions: { code: 'BAD_INPUT' } })
  expect(level.current).toBe('CALM')
})

test('what is taken back needs no body', async () => {
  const { ask } = await served()
  const answer = await ask('DELETE', { level: 'SHED' })
  expect([answer.status, answer.body.errors[0].message]).toEqual([400, 'expected no body, got one'])
})

test('other methods are told which there are', async () => {
  const { app } = await served()
  const answer = await app.inject({ method: 'POST', url: '/control/level' })
  expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'GET, PUT, DELETE'])
  expect(answer.json().errors[0]).toMatchObject({
    message: 'expected GET, PUT or DELETE, got POST',
    extensions: { code: 'METHOD_NOT_ALLOWED' },
  })
})
