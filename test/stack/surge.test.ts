import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testFolder, until } from '../harness/postgres.ts'
import { type EmbeddedStack, startEmbedded } from '../harness/stack.ts'
import { tokenFor } from '../harness/tokens.ts'
import { CAMPAIGN } from '../harness/trip.ts'

/** What `npm start` makes of places and of levels. */

const EVERY_SECONDS = 100

/** Asks `/control`, as an operator. */
async function control({ url, secret }: EmbeddedStack, path: string, body?: object) {
  const authorization = `Bearer ${tokenFor(secret, { sub: 'olga', kind: 'operator', client: 'control-room' })}`
  const response = await fetch(`${url}/control/${path}`, {
    method: body === undefined ? 'GET' : 'PUT',
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  expect(response.status).toBe(200)
  // biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
  return (await response.json()) as any
}

async function claim(stack: EmbeddedStack, shopper: string, placeToken?: string) {
  const input = { campaignId: CAMPAIGN, placeToken }
  return (await stack.shopper(shopper).persisted('ClaimCoupon', { input })).body
}

/** From now on one is admitted at once, and then one each {@link EVERY_SECONDS}. */
async function narrow(stack: EmbeddedStack): Promise<void> {
  // What a mutation costs beside its fields is no field's.
  const points = (await claim(stack, 'priced')).extensions.cost.requestedQueryCost - 10
  const body = { per: 'FLEET', perSecond: points / EVERY_SECONDS, burst: points }
  await control(stack, 'limits/Mutation.claimCoupon', body)
  await until('the line is used up', async () => {
    const { data } = await claim(stack, 'early')
    return data.claimCoupon.__typename === 'KeptPlace'
  })
}

let folder: string
beforeEach(async () => {
  folder = await testFolder()
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

const start = (surge: 'on' | 'off'): Promise<EmbeddedStack> =>
  startEmbedded({ dataDir: join(folder, 'data'), environment: { LOG_LEVEL: 'fatal', SURGE: surge } })

test('a place outlives the process that gave it, and SURGE says whether the level is measured', async () => {
  const claimed = async (stack: EmbeddedStack, token?: string) =>
    (await claim(stack, 'alice', token)).data.claimCoupon
  // biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
  let kept: any
  {
    await using first = await start('on')
    await until('readings', async () => (await control(first, 'level')).readings.length > 0)
    await narrow(first)
    kept = await claimed(first)
    expect(kept.__typename).toBe('KeptPlace')
  }
  await using second = await start('off')
  await narrow(second)
  await claim(second, 'bob')
  expect(await claimed(second, kept.token)).toMatchObject({ __typename: 'KeptPlace', admitAt: kept.admitAt })
  expect((await control(second, 'level')).readings).toEqual([])
})
