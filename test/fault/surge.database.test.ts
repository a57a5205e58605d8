import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runningCampaign } from '../harness/campaigns.ts'
import { control } from '../harness/claim-line.ts'
import { until } from '../harness/postgres.ts'
import { type EmbeddedStack, startEmbedded } from '../harness/stack.ts'

/** A table that nobody can read, under the whole product in one process: who asks for it waits for a connection. */

/** Of them eight have a connection of the catalog's. */
const BROWSING = 40

let stack: EmbeddedStack
beforeAll(async () => {
  stack = await startEmbedded({ environment: { LOG_LEVEL: 'fatal', SURGE: 'on' } })
})
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]()
})

interface Reading {
  readonly name: string
  readonly value: number
}

const readLevel = async (): Promise<{ measured: string; wait: number }> => {
  const { measured, readings } = await control(stack, stack.url, 'level')
  const reading = readings.find(({ name }: Reading) => name === 'connections:catalog')
  return { measured, wait: reading?.value ?? 0 }
}

it('raises the level by the waits for its connections, while others are served, and lets go of it afterwards', async () => {
  const campaignId = await runningCampaign(stack, 100)
  let asked = 0
  let isOver = false
  /** Asks for what nothing is kept of, one after the other. */
  const browse = async (shopper: string): Promise<void> => {
    while (!isOver) await stack.shopper(shopper).persisted('SearchProducts', { query: `tea ${asked++}` })
  }
  const locker = new Client({ ...stack.database })
  await locker.connect()
  let browsing: Promise<unknown> = Promise.resolve()
  try {
    await locker.query('BEGIN')
    await locker.query('LOCK TABLE catalog.product IN ACCESS EXCLUSIVE MODE')
    browsing = Promise.all(Array.from({ length: BROWSING }, (_, i) => browse(`browser-${i}`)))
    await until('SURGE or more', async () => {
      const { measured, wait } = await readLevel()
      return (measured === 'SURGE' || measured === 'SHED') && wait >= 200
    })
    const claimed = await stack.shopper('alice').persisted('ClaimCoupon', { input: { campaignId } })
    expect(claimed.status).toBe(200)
    expect(['CouponIssued', 'KeptPlace']).toContain(claimed.body.data.claimCoupon.__typename)
  } finally {
    await locker.end()
    isOver = true
    await browsing
  }
  await until('less than SURGE', async () => {
    const { measured, wait } = await readLevel()
    return measured !== 'SURGE' && measured !== 'SHED' && wait < 50
  })
  const found = await stack.shopper('bob').persisted('SearchProducts', { query: 'tea' })
  expect(found.status).toBe(200)
  expect(found.body.errors).toBeUndefined()
})
