import { expect, it } from 'vitest'
import { check, checkWithoutBooks, openBooks } from './check.ts'
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
  const limit = { claimPoints: 13, claimsPerSecond: 100, burstClaims: 100, graceMs: 120_000 }
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
  await expect(openBooks(grounds.database)).rejects.toThrow(
    'expected a database with the books of the stack: connect ECONNREFUSED',
  )
})

it('knows the books of a stack from another database before a load', async () => {
  await using books = await soundBooks()
  const database = { ...books.database.connection, ssl: false }
  await openBooks(database)
  await expect(openBooks({ ...database, database: 'postgres' })).rejects.toThrow(
    'expected a database with the books of the stack: relation "coupon.coupon" does not exist',
  )
})

it('judges what the replay has seen by itself when the books cannot be read', () => {
  const place = { askedMs: 1, answeredMs: 2, admitAtMs: 3, returnedMs: 4, admittedMs: 200_000 }
  const seen = { ...figures([]), startedAt: new Date(0).toISOString(), places: [place] }
  const checks = checkWithoutBooks(seen, {}, 'they burn')
  expect(checks.map(({ id, holds }) => [id, holds])).toEqual([
    ...['I1', 'I2', 'I3', 'I4', 'I9'].map(id => [id, undefined]),
    ...[
      ['I10', false],
      ['I12', true],
    ],
  ])
  for (const { detail } of checks.slice(0, 5)) expect(detail).toBe('not checked: they burn')
})
