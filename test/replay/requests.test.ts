import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSchema, type OperationDefinitionNode, parse } from 'graphql'
import { getVariableValues } from 'graphql/execution/values.js'
import { expect, test } from 'vitest'
import { ROOT } from '../harness/processes.ts'
import { priorityOf, QUESTIONS, Requests } from './requests.ts'

const schema = buildSchema(readFileSync(join(ROOT, 'schema/api.graphql'), 'utf8'), { assumeValidSDL: true })
const { operations } = JSON.parse(readFileSync(join(ROOT, 'schema/operations.json'), 'utf8')) as {
  operations: { id: string; name: string; body: string; priority: string }[]
}
const requests = new Requests({
  url: new URL('http://gateway.test:4000'),
  campaignId: 'campaign_spring-festival',
})
const LINE = { sku: 'PEARL-MILK-TEA-L', quantity: 2 }

/** Every form of request that there is, by the operation that it names. */
const ALL: readonly (readonly [operation: string, request: string])[] = [
  ['CampaignHome', requests.browse('home', 'a.b.c', 1)],
  ...[0, 1, 2, 3, 4, 5, 6].flatMap(number => [
    ['SearchProducts', requests.browse('search', 'a.b.c', number)] as const,
    ['ProductDetail', requests.browse('detail', 'a.b.c', number)] as const,
  ]),
  ['ClaimCoupon', requests.claim('a.b.c', undefined)],
  ['ClaimCoupon', requests.claim('a.b.c', 'tok"en.席')],
  ['QuoteOrder', requests.quote('a.b.c', LINE, 'coupon_7d_01')],
  ['PlaceOrder', requests.place('a.b.c', 'quote_7d_01')],
  ['PayOrder', requests.pay('a.b.c', 'order_7d_01')],
  ['OrderStatus', requests.status('a.b.c', 'order_7d_01')],
]

test.each(ALL)('%s is asked by its id, with variables that fit the schema', (name, request) => {
  const body = JSON.parse(request.slice(request.indexOf('\r\n\r\n') + 4))
  const entry = operations.find(({ id }) => body.documentId === `sha256:${id}`)
  expect(entry?.name).toBe(name)
  const definition = parse(entry!.body).definitions[0] as OperationDefinitionNode
  const { errors } = getVariableValues(schema, definition.variableDefinitions ?? [], body.variables)
  expect(errors).toBeUndefined()
  const known = definition.variableDefinitions?.map(({ variable }) => variable.name.value)
  expect(known).toEqual(expect.arrayContaining(Object.keys(body.variables)))
})

test.each(ALL)('%s is ASCII, as long as it says, with a token, for this host', (_, request) => {
  const [head = '', body = ''] = request.split('\r\n\r\n')
  expect([...request].every(character => character < '\x80')).toBe(true)
  expect(head.split('\r\n')).toEqual([
    'POST /graphql HTTP/1.1',
    'host: gateway.test:4000',
    'content-type: application/json',
    'authorization: Bearer a.b.c',
    `content-length: ${body.length}`,
  ])
})

test('a place’s token comes back as it was told', () => {
  const body = JSON.parse(requests.claim('a.b.c', 'tok"en.席').split('\r\n\r\n')[1]!)
  expect(body.variables.input).toEqual({ campaignId: 'campaign_spring-festival', placeToken: 'tok"en.席' })
})

test('every question has the priority of its operation', () => {
  expect(Object.fromEntries(QUESTIONS.map(question => [question, priorityOf(question)]))).toEqual({
    home: 'BROWSE',
    search: 'BROWSE',
    detail: 'BROWSE',
    claim: 'CLAIM',
    quote: 'REDEEM',
    place: 'PAY',
    pay: 'PAY',
    status: 'PAY',
  })
})
