import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type PlainSubgraph, plainSubgraph, supergraphOf } from '../harness/foreign-graph.ts'
import { until } from '../harness/postgres.ts'
import { type RunningProgram, runProgram } from '../harness/processes.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { tokenFor } from '../harness/tokens.ts'

/** Two `npm run gateway` on one Redis: what a shopper has spent at one is spent at the other. */

const SDL = 'type Query { things(first: Int!): [Thing!]! } type Thing { id: ID! }'
const SECRET = 'a secret for tests, of more than 32 characters'
/** A hundred points and, in a test's time, no more. */
const POOR = { perSecond: 0.001, burst: 100 }

let folder: string
let redis: TestRedis
let things: PlainSubgraph
let gateways: RunningProgram[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fleet-'))
  things = await plainSubgraph(SDL, { Query: { things: () => [{ id: '1' }] } })
  writeFileSync(join(folder, 'supergraph.graphql'), supergraphOf({ things: { sdl: SDL, url: things.url } }))
  const tiers = { shopper: POOR, developer: POOR, partner: POOR, chatbot: POOR }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ cost: { tiers }, gateways: 4 }))
})
afterAll(async () => {
  await things[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})
beforeEach(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await Promise.all(gateways.map(gateway => gateway.stop()))
  gateways = []
  await redis.stop()
})

async function started(): Promise<string> {
  const gateway = runProgram('gateway/main.ts', [], {
    HOST: '127.0.0.1',
    PORT: '0',
    SUPERGRAPH: join(folder, 'supergraph.graphql'),
    CONFIG: join(folder, 'config.json'),
    TOKEN_SECRET: SECRET,
    COST_MODE: 'enforce',
    COST_MAX: '100',
    REDIS_URL: redis.url,
  })
  gateways.push(gateway)
  const [, port] = await gateway.says(/"port":(\d+).*gateway listens/)
  return `http://127.0.0.1:${port}`
}

interface Answer {
  readonly status: number
  readonly available: number | undefined
}

/** One thing comes, whatever is asked for. */
async function ask(url: string, shopper: string, first: number): Promise<Answer> {
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${tokenFor(SECRET, { sub: shopper })}`,
    },
    body: JSON.stringify({ query: `{ things(first: ${first}) { id } }` }),
  })
  const { extensions } = (await answer.json()) as {
    extensions?: { cost?: { throttleStatus?: { currentlyAvailable: number } } }
  }
  return { status: answer.status, available: extensions?.cost?.throttleStatus?.currentlyAvailable }
}

const shared = async (url: string): Promise<number> =>
  Number(/^spillway_budget_share (\d)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1])
const healthy = async (url: string): Promise<{ status: string; budgets?: string }> =>
  (await (await fetch(`${url}/health/ready`)).json()) as { status: string; budgets?: string }
const fleet = async (url: string): Promise<number> =>
  Number(/^spillway_budget_gateways (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1])

describe('two gateways on one Redis', () => {
  test('keep one budget for a shopper', async () => {
    const [one, two] = await Promise.all([started(), started()])
    // A list without a size counts 100, and one point is spent.
    expect(await ask(one, 'alice', 1)).toEqual({ status: 200, available: 99 })
    await until('the refund to be in Redis', async () => (await ask(two, 'alice', 1)).status === 429)
    expect(await ask(one, 'bob', 1)).toMatchObject({ status: 200 })
    await until('health to say where it is', async () => (await healthy(one)).budgets === 'redis')
  })

  test('go on with a share each when Redis is killed, and are back when it is', async () => {
    const [one, two] = await Promise.all([started(), started()])
    await until(
      'both to know of each other',
      async () => (await fleet(one)) === 2 && (await fleet(two)) === 2,
    )
    await redis.kill()
    await until('both to have noticed', async () => (await shared(one)) + (await shared(two)) === 2)
    // Neither open nor closed: half of a hundred is each one's to give, and a demand above it waits until that is full.
    for (const url of [one, two]) {
      // It serves: nobody should be sent elsewhere for it.
      expect(await healthy(url)).toMatchObject({ status: 'ready', budgets: 'share' })
      const first = await ask(url, 'alice', 1)
      expect(first.status).toBe(200)
      expect(first.available).toBeLessThanOrEqual(50)
      expect(await ask(url, 'alice', 1)).toMatchObject({ status: 429 })
    }
    await redis.restart()
    await until('both to be back', async () => (await shared(one)) + (await shared(two)) === 0)
    expect(await ask(two, 'alice', 1)).toEqual({ status: 200, available: 99 })
    for (const gateway of gateways) expect(gateway.output.match(/Redis is gone/g)).toHaveLength(1)
    const metrics = await (await fetch(`${one}/metrics`)).text()
    expect(metrics).toMatch(/^spillway_budget_fallbacks_total 1$/m)
    expect(metrics).toMatch(/^spillway_budget_share_answers_total [1-9]/m)
  })

  test('start without it', async () => {
    await redis.kill()
    const url = await started()
    // Of a hundred, a quarter: there may be four.
    const { status, available } = await ask(url, 'alice', 1)
    expect(status).toBe(200)
    expect(available).toBeLessThanOrEqual(25)
    expect(gateways[0]!.output).toContain('Redis is not there')
  })
})
