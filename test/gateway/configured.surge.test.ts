import { describe, expect, test } from 'vitest'
import {
  type ConfiguredGateway,
  type ConfiguredOptions,
  configuredGateway,
} from '../harness/configured-gateway.ts'
import { CLAIM_POINTS, DROP_MANIFEST, dropSupergraph } from '../harness/drop-graph.ts'
import { until } from '../harness/postgres.ts'
import { startRedis } from '../harness/redis.ts'
import { tokenFor } from '../harness/tokens.ts'

/** What `npm run gateway` makes of its variables for places and levels. */

const SECRET = 'a secret for tests, of more than 32 characters'
const KEY = 'k'.repeat(32)
const BEFORE = 'b'.repeat(32)
/** One at once, and another each 110 s. */
const EVERY_MS = 110_000
const supergraphSdl = dropSupergraph(
  `@costLimit(perSecond: 0.1, burst: ${CLAIM_POINTS}, per: FLEET, over: PLACE, by: "input.drop")`,
)
const [claim] = DROP_MANIFEST

type Settings = Partial<Record<'IDENTITY_KEY' | 'IDENTITY_KEY_PREVIOUS' | 'SURGE', string>>

const open = (
  settings: Settings = {},
  more: Pick<ConfiguredOptions, 'file' | 'redisUrl'> = {},
): Promise<ConfiguredGateway> =>
  configuredGateway({
    ...more,
    supergraphSdl,
    operations: [claim!.body],
    tokens: { kind: 'secret', secret: SECRET },
    environment: { COST_MODE: 'enforce', SUBGRAPH_URL_DROPS: 'http://127.0.0.1:1', ...settings },
  })

async function claimAt({ gateway }: ConfiguredGateway, sub: string, placeToken?: string) {
  const answer = await gateway.app.inject({
    method: 'POST',
    url: '/graphql',
    headers: { authorization: `Bearer ${tokenFor(SECRET, { sub })}` },
    payload: { documentId: `sha256:${claim!.id}`, variables: { input: { drop: 'spring', placeToken } } },
  })
  const { data, errors } = answer.json()
  return data?.claim ?? errors[0].extensions
}

test.each<[string, Settings, Settings, boolean]>([
  ['of one IDENTITY_KEY', { IDENTITY_KEY: KEY }, { IDENTITY_KEY: KEY }, true],
  [
    'of which one has the other’s as IDENTITY_KEY_PREVIOUS',
    { IDENTITY_KEY: BEFORE },
    { IDENTITY_KEY: KEY, IDENTITY_KEY_PREVIOUS: BEFORE },
    true,
  ],
  [
    'of which one has the other’s IDENTITY_KEY_PREVIOUS alone',
    { IDENTITY_KEY: KEY, IDENTITY_KEY_PREVIOUS: BEFORE },
    { IDENTITY_KEY: BEFORE },
    false,
  ],
  ['without keys', {}, {}, false],
])('of gateways %s one honours, or not, what the other has promised', async (_, one, other, isHonoured) => {
  await using here = await open(one)
  await using there = await open(other)
  for (const gateway of [here, there]) await claimAt(gateway, 'early')
  const kept = await claimAt(here, 'alice')
  expect(kept.__typename).toBe('KeptPlace')
  await claimAt(there, 'bob')
  const shown = await claimAt(there, 'alice', kept.token)
  expect(shown.__typename).toBe('KeptPlace')
  const laterMs = Date.parse(shown.admitAt) - Date.parse(kept.admitAt)
  if (isHonoured) expect(laterMs).toBe(0)
  // Behind bob, who came before.
  else expect(laterMs).toBeGreaterThan(EVERY_MS / 2)
  expect(await there.metric('spillway_place_tokens_ignored_total')).toBe(isHonoured ? 0 : 1)
})

test('SURGE=on measures, SURGE=off does not, and either way an operator pins the level', async () => {
  await using on = await open({ SURGE: 'on' })
  await using off = await open({ SURGE: 'off' })
  const operator = { authorization: `Bearer ${tokenFor(SECRET, { sub: 'olga', kind: 'operator' })}` }
  const control = async ({ gateway }: ConfiguredGateway, payload?: object) => {
    const asked = {
      method: payload === undefined ? 'GET' : 'PUT',
      url: '/control/level',
      headers: operator,
    } as const
    return (await gateway.app.inject(payload === undefined ? asked : { ...asked, payload })).json()
  }
  const names = await until('readings', async () => {
    const { readings } = await control(on)
    return readings.length > 0 && readings.map(({ name }: { name: string }) => name).toSorted()
  })
  expect(names).toEqual([
    'convoy:drops',
    'eventLoopDelay',
    'eventLoopUtilization',
    'plannerQueue',
    'runQueue',
  ])
  expect((await control(off)).readings).toEqual([])
  for (const gateway of [on, off]) {
    expect(await control(gateway, { level: 'SHED' })).toMatchObject({ level: 'SHED', scope: 'process' })
    expect((await gateway.gateway.app.inject('/health/ready')).json()).toMatchObject({ level: 'SHED' })
  }
})

describe('lineTerms of the file that CONFIG names', () => {
  const operator = { authorization: `Bearer ${tokenFor(SECRET, { sub: 'olga', kind: 'operator' })}` }

  /** Turns are 113 s apart, a thirty-second more than the rate: of three newcomers the second waits for 227. */
  async function expectHorizon(gateway: ConfiguredGateway, last: object): Promise<void> {
    for (const early of ['early', 'alice']) await claimAt(gateway, early)
    expect(await claimAt(gateway, 'bob')).toMatchObject(last)
  }

  test.each(['in memory', 'in Redis'])('hold for lines %s, and are shown', async where => {
    await using redis = where === 'in Redis' ? await startRedis() : undefined
    const more = redis === undefined ? {} : { redisUrl: redis.url }
    const lineTerms = { horizonMs: 200_000, graceMs: 90_000, placesMax: 500 }
    await using short = await open({}, { ...more, file: { lineTerms } })
    await expectHorizon(short, { code: 'THROTTLED', reason: 'HORIZON' })
    const { app } = short.gateway
    const health = (await app.inject('/health/ready')).json()
    expect(health).toMatchObject({ lineTerms, ...(redis && { budgets: 'redis' }) })
    const control = await app.inject({ url: '/control/limits', headers: operator })
    expect(control.json()).toMatchObject({ lineTerms })
  })

  test('are by default ten minutes ahead, two of grace and a million places', async () => {
    await using usual = await open()
    await expectHorizon(usual, { __typename: 'KeptPlace' })
    expect((await usual.gateway.app.inject('/health/ready')).json()).toMatchObject({
      lineTerms: { horizonMs: 600_000, graceMs: 120_000, placesMax: 1_000_000 },
    })
  })

  test('that would break a promise refuse the start', async () => {
    await expect(open({}, { file: { lineTerms: { graceMs: 60_000 } } })).rejects.toThrow(
      'lineTerms.graceMs: expected an integer from 65000 to 86400000, got 60000',
    )
  })
})
