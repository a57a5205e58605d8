import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { planHost } from '../../../gateway/execution/plan-host.ts'
import { hashOf, MANIFEST, type TinyGraph, tinyGraph } from '../../harness/tiny-graph.ts'

let graph: TinyGraph | undefined
afterEach(async () => {
  await graph?.gateway.close()
  graph = undefined
})

async function served() {
  const lines: string[] = []
  const logger = pino({ level: 'error' }, { write: line => void lines.push(line) })
  graph = await tinyGraph({ logger })
  const url = `http://127.0.0.1:${await graph.gateway.listen({ port: 0 })}`
  const ask = async (query: string): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    })
    return { status: answer.status, body: await answer.json() }
  }
  return {
    gateway: graph.gateway,
    lines,
    ask,
    metrics: async () => await (await fetch(`${url}/metrics`)).text(),
    /** What is asked while `underWay` costs the planner its process. */
    async losing<T>(underWay: () => Promise<T>): Promise<T> {
      await ask('{ warm: who }')
      const pid = planHost.pid!
      process.kill(pid, 'SIGSTOP')
      const asked = underWay()
      asked.catch(() => {})
      await vi.waitFor(() => expect(planHost.pending).toBe(1))
      process.kill(pid, 'SIGKILL')
      return await asked
    },
  }
}

const PRODUCT = '{ product(id: "product_1") { nameEn couponFen } }'
const ANSWER = { data: { product: { nameEn: 'Milk tea 1', couponFen: 2_500 } } }

test('a text that ends the planner is refused, and the gateway answers whatever else is asked', async () => {
  const { ask, losing, lines, metrics } = await served()
  const refused = {
    status: 500,
    body: {
      errors: [expect.objectContaining({ extensions: expect.objectContaining({ code: 'PLAN_FAILED' }) })],
    },
  }
  expect(await losing(() => ask('{ deadly: who }'))).toMatchObject(refused)
  expect(await ask('{ deadly: who } # again')).toMatchObject(refused)
  expect(await ask(PRODUCT)).toEqual({ status: 200, body: ANSWER })
  expect(lines.map(line => JSON.parse(line))).toEqual([
    expect.objectContaining({
      operation: expect.stringMatching(/^[0-9a-f]{64}$/),
      reason: "the planner's process ended (SIGKILL)",
      msg: 'an operation ended the planner; it is refused from now on',
    }),
  ])
  expect(await metrics()).toMatch(/\nspillway_planner_deaths_total [1-9]/)
})

test('a persisted operation that ends the planner refuses the swap that brings it', async () => {
  const { gateway, ask, losing } = await served()
  const body = 'query Deadly { deadly: who }'
  const deadly = { id: hashOf(body), body, priority: 'BROWSE' } as const
  await expect(losing(() => gateway.swap({ manifest: [deadly, ...MANIFEST] }))).rejects.toThrow(
    `persisted operation Deadly (${deadly.id}): The operation cannot be planned over the subgraphs: the planner fails over it`,
  )
  expect(await ask(PRODUCT)).toEqual({ status: 200, body: ANSWER })
  await gateway.swap({ manifest: [...MANIFEST].reverse() })
  expect(await ask(PRODUCT)).toEqual({ status: 200, body: ANSWER })
})
