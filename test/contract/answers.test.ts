import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operation } from '../harness/graph.ts'
import { createTestDatabase, type TestDatabase } from '../harness/postgres.ts'
import { type Stack, startEmbedded, startServices } from '../harness/stack.ts'
import { tokenFor } from '../harness/tokens.ts'
import { type Carry, type Step, shoppingTrip } from '../harness/trip.ts'

/**
 * One trip, every way there is: a persisted operation by the express lane, its text by Apollo Server, its tool by MCP;
 * with the subgraphs in process and over HTTP. Whoever answers, the answer is the same.
 */

let database: TestDatabase
let embedded: Stack
let services: Stack
let express: readonly Step[]

beforeAll(async () => {
  database = await createTestDatabase()
  ;[embedded, services] = await Promise.all([
    startEmbedded({ environment: { LOG_LEVEL: 'fatal' } }),
    startServices(database),
  ])
  express = await shoppingTrip(byExpress(embedded, 'trip-express'))
}, 120_000)

afterAll(async () => {
  await Promise.all([embedded?.[Symbol.asyncDispose](), services?.[Symbol.asyncDispose]()])
  await database?.close()
})

function byExpress(stack: Stack, shopper: string): Carry {
  const graph = stack.shopper(shopper)
  return (name, variables) => graph.persisted(name, variables)
}

function byApollo(stack: Stack, shopper: string): Carry {
  const graph = stack.shopper(shopper)
  return (name, variables) => graph.text(operation(name).body, variables)
}

const toolOf = (name: string): string => name.replace(/(?!^)([A-Z])/g, '_$1').toLowerCase()

/** An agent's client of `/mcp`. Tools take the fields of a lone `$input`; their text's first line is the answer. */
async function agent(stack: Stack, shopper: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' })
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${stack.url}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${tokenFor(stack.secret, { sub: shopper })}` } },
    }) as Parameters<Client['connect']>[0],
  )
  return client
}

function byMcp(client: Client): Carry {
  return async (name, variables) => {
    const { input, ...rest } = variables as { input?: object }
    const result = await client.callTool({ name: toolOf(name), arguments: { ...input, ...rest } })
    const [content] = result.content as { type: string; text: string }[]
    const [answer, zh, en] = (content?.text ?? '').split('\n')
    expect(zh).toMatch(/\p{Script=Han}/u)
    expect(en).toMatch(/[a-z]/)
    return { status: 200, headers: {}, body: JSON.parse(answer as string) }
  }
}

test('the trip is the whole trip: claimed, found, quoted, placed, paid, and the coupon redeemed', () => {
  const outcomeOf = (name: string): unknown => {
    const body = express.find(step => step.name === name)?.body
    return (Object.values(body?.data ?? {})[0] as { __typename?: string } | null)?.__typename
  }
  expect(outcomeOf('claims')).toBe('CouponIssued')
  expect(outcomeOf('claims again')).toBe('CouponAlreadyIssued')
  expect(outcomeOf('quotes')).toBe('OrderQuoted')
  expect(outcomeOf('places')).toBe('OrderPlaced')
  expect(outcomeOf('is declined')).toBe('PaymentDeclined')
  expect(outcomeOf('pays')).toBe('OrderPaid')
  expect(outcomeOf('cancels too late')).toBe('OrderStateConflict')
  expect(outcomeOf('quotes with the spent coupon')).toBe('CouponNotUsable')
  expect(outcomeOf('cancels it')).toBe('OrderCancelled')
  const end = express.find(step => step.name === 'sees the order paid and the coupon redeemed')
  expect(end?.body.data.order).toMatchObject({ state: 'PAID', coupon: { state: 'REDEEMED' } })
  const found = JSON.stringify(express.find(step => step.name === 'searches in Chinese')?.body)
  expect(found).toContain('奶茶')
})

test('the Apollo door gives the same answers', async () => {
  expect(await shoppingTrip(byApollo(embedded, 'trip-apollo'))).toEqual(express)
})

test('MCP gives the same answers', async () => {
  const client = await agent(embedded, 'trip-mcp')
  // What no tool does, and what a tool's flat arguments cannot get wrong in the same words.
  const apart = new Set(['claims without input', 'pauses without the right'])
  const carried = byMcp(client)
  const graph = embedded.shopper('trip-mcp')
  const steps = await shoppingTrip((name, variables) =>
    name === 'PauseIssuance' || (name === 'ClaimCoupon' && !('input' in variables))
      ? graph.persisted(name, variables)
      : carried(name, variables),
  )
  await client.close()
  const bodies = (trip: readonly Step[]): unknown =>
    trip.filter(({ name }) => !apart.has(name)).map(({ name, body }) => ({ name, body }))
  expect(bodies(steps)).toEqual(bodies(express))
})

test('subgraphs over HTTP give the same answers as in process, by every door', async () => {
  expect(await shoppingTrip(byExpress(services, 'trip-http-express'))).toEqual(express)
  expect(await shoppingTrip(byApollo(services, 'trip-http-apollo'))).toEqual(express)
})

test('a field with a default may be left out, of a variable and of a literal, in process and over HTTP', async () => {
  const variables = {
    product: {
      id: 'product_default-tea',
      nameZh: '缺省茶',
      nameEn: 'Default Tea',
      descriptionZh: '新。',
      descriptionEn: 'New.',
      shopId: 'shop_jasmine-corner',
      categoryId: 'category_fruit-tea',
      variants: [{ sku: 'DEFAULT-TEA', nameZh: '标准', nameEn: 'Standard', priceFen: 900 }],
    },
  }
  const text = `mutation($product: UpsertProductInput!) {
    upsertProduct(input: $product) { ... on ProductSaved { product { variants { sku stock } } } }
    createCampaign(input: {
      nameZh: "春", nameEn: "Spring", budgetFen: 2500, faceFen: 2500, opensAt: "2027-01-01T00:00:00Z",
      closesAt: "2027-02-01T00:00:00Z", validUntil: "2027-03-01T00:00:00Z"
    }) { __typename ... on CampaignCreated { campaign { minSpendFen } } }
  }`
  for (const stack of [embedded, services]) {
    const { body } = await stack.operator().text(text, variables)
    expect(body.errors).toBeUndefined()
    expect(body.data).toEqual({
      upsertProduct: { product: { variants: [{ sku: 'DEFAULT-TEA', stock: 'OUT' }] } },
      createCampaign: { __typename: 'CampaignCreated', campaign: { minSpendFen: 0 } },
    })
  }
})
