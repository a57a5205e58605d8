import { expect, it } from 'vitest'
import { check } from './check.ts'
import { soundBooks } from './check-books.ts'
import type { Figures } from './figures.ts'

const figures = (acknowledged: Figures['acknowledged']): Figures => ({
  ...{
    settings: {},
    startedAt: new Date().toISOString(),
    tookMs: 4_000,
    seconds: [],
    shoppers: 400,
    orders: 200,
  },
  ...{ turnedAway: 0, unserved: 0, requests: 1_000, requestsPerSuccess: 1, latency: {}, latencyOfSteps: {} },
  ...{ lateness: undefined, outcomes: {}, places: [], acknowledged },
})

it('looks into all promises at once, and changes nothing', async () => {
  await using books = await soundBooks()
  const limit = { claimPoints: 13, claimsPerSecond: 100, burstClaims: 100 }
  const grounds = { ...books, database: { ...books.database.connection, ssl: false }, limit }
  const checks = await check(figures(books.acknowledged), grounds)
  expect(checks.map(({ id, holds }) => [id, holds])).toEqual(
    ['I1', 'I2', 'I3', 'I4', 'I9', 'I10', 'I12'].map(id => [id, true]),
  )
  expect(new Set(checks.map(({ promise }) => promise)).size).toBe(7)
})

it('says in so many words what was not checked without a database', async () => {
  const grounds = { database: undefined, campaignId: 'campaign_x', openedAt: new Date(), limit: undefined }
  const checks = await check(figures([]), grounds)
  expect(checks.map(({ id, holds }) => [id, holds])).toEqual([
    ...['I1', 'I2', 'I3', 'I4', 'I9'].map(id => [id, undefined]),
    ...['I10', 'I12'].map(id => [id, true]),
  ])
  for (const { detail } of checks.slice(0, 5)) expect(detail).toContain('not checked: no database was given')
})

it('says that a database cannot be reached', async () => {
  const grounds = {
    database: { host: '127.0.0.1', port: 1 },
    campaignId: 'campaign_x',
    openedAt: new Date(),
    limit: undefined,
  }
  await expect(check(figures([]), grounds)).rejects.toThrow('ECONNREFUSED')
})
