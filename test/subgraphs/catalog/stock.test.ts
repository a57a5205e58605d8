import fc from 'fast-check'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { newId } from '../../../protocol/ids.ts'
import { addVariants, clerk, empty, type OpenCatalog, openCatalog, payment, shelf } from './open-catalog.ts'

type Verb = 'reserve' | 'release' | 'commit' | 'return'

interface Hold {
  readonly orderId: string
  readonly state: string
  readonly short: readonly { readonly sku: string; readonly available: number }[]
}

let catalog: OpenCatalog
beforeAll(async () => {
  catalog = await openCatalog({ seed: false })
  return () => catalog[Symbol.asyncDispose]()
})
beforeEach(() => empty(catalog.database))

const order = (): string => newId('order', 'alice')
const HOLD = '{ orderId state short { sku available } }'
const RESERVE = `mutation($input: ReserveStockInput!) { hold: reserveStock(input: $input) ${HOLD} }`

async function reserve(orderId: string, quantities: Readonly<Record<string, number>>): Promise<Hold> {
  const lines = Object.entries(quantities).map(([sku, quantity]) => ({ sku, quantity }))
  return (await catalog.data<{ hold: Hold }>(RESERVE, { input: { orderId, lines } }, payment)).hold
}

async function settle(verb: Exclude<Verb, 'reserve'>, orderId: string): Promise<Hold> {
  const operation = `mutation($orderId: ID!) { hold: ${verb}Stock(orderId: $orderId) ${HOLD} }`
  return (await catalog.data<{ hold: Hold }>(operation, { orderId }, payment)).hold
}

const act = async (
  verb: Verb,
  orderId: string,
  quantities: Readonly<Record<string, number>>,
): Promise<string> =>
  (await (verb === 'reserve' ? reserve(orderId, quantities) : settle(verb, orderId))).state

describe('a reservation', () => {
  // Ten on the shelf, three asked for: what each call answers, and on hand/reserved at the end.
  const paths: [string, string, string][] = [
    ['reserve', 'HELD', '10/3'],
    ['reserve release', 'HELD RELEASED', '10/0'],
    ['reserve commit', 'HELD COMMITTED', '7/0'],
    ['reserve return', 'HELD RETURNED', '10/0'],
    ['reserve commit return', 'HELD COMMITTED RETURNED', '10/0'],
    // Nothing leads out of an end.
    ['reserve commit release', 'HELD COMMITTED COMMITTED', '7/0'],
    ['reserve commit reserve', 'HELD COMMITTED COMMITTED', '7/0'],
    ['reserve release commit', 'HELD RELEASED RELEASED', '10/0'],
    ['reserve release return', 'HELD RELEASED RELEASED', '10/0'],
    ['reserve release reserve', 'HELD RELEASED RELEASED', '10/0'],
    ['reserve return commit', 'HELD RETURNED RETURNED', '10/0'],
    ['reserve return release', 'HELD RETURNED RETURNED', '10/0'],
    ['reserve commit return commit', 'HELD COMMITTED RETURNED RETURNED', '10/0'],
    ['reserve commit return reserve', 'HELD COMMITTED RETURNED RETURNED', '10/0'],
    // Without a reservation. A release leaves a tombstone: the reserve that it overtook holds nothing.
    ['release reserve', 'RELEASED RELEASED', '10/0'],
    ['release reserve commit return', 'RELEASED RELEASED RELEASED RELEASED', '10/0'],
    ['commit', 'NONE', '10/0'],
    ['return', 'NONE', '10/0'],
    ['commit reserve', 'NONE HELD', '10/3'],
  ]
  test.each(paths)('%s answers %s, shelf %s', async (verbs, states, left) => {
    await addVariants(catalog.database, { TEA: 10 })
    const orderId = order()
    const answers: string[] = []
    for (const verb of verbs.split(' ')) answers.push(await act(verb as Verb, orderId, { TEA: 3 }))
    expect(answers.join(' ')).toBe(states)
    expect(await shelf(catalog.database)).toEqual({ TEA: left })
  })

  test.each(paths)('%s, each call made three times, ends the same', async (verbs, states, left) => {
    await addVariants(catalog.database, { TEA: 10 })
    const orderId = order()
    const answers: string[] = []
    for (const verb of verbs.split(' ')) {
      const thrice = await Promise.all([1, 2, 3].map(() => act(verb as Verb, orderId, { TEA: 3 })))
      expect(new Set(thrice).size).toBe(1)
      answers.push(thrice[0]!)
    }
    expect(answers.join(' ')).toBe(states)
    expect(await shelf(catalog.database)).toEqual({ TEA: left })
  })

  test('holds all lines or none, and says which are short, in the order asked for', async () => {
    await addVariants(catalog.database, { A: 5, B: 1, C: 0 })
    const orderId = order()
    const lines = { C: 1, A: 2, NOWHERE: 1, B: 2 }
    const short = [
      { sku: 'C', available: 0 },
      { sku: 'NOWHERE', available: 0 },
      { sku: 'B', available: 1 },
    ]
    expect(await reserve(orderId, lines)).toEqual({ orderId, state: 'REFUSED', short })
    expect(await shelf(catalog.database)).toEqual({ A: '5/0', B: '1/0', C: '0/0' })
  })

  test('a refusal is remembered: asked again after a delivery it is still refused, and another order is served', async () => {
    await addVariants(catalog.database, { TEA: 2 })
    const orderId = order()
    const refused = await reserve(orderId, { TEA: 3 })
    await setStock('TEA', 10)
    expect(await reserve(orderId, { TEA: 3 })).toEqual(refused)
    expect(await settle('commit', orderId)).toEqual(refused)
    expect(await settle('return', orderId)).toEqual(refused)
    expect(await settle('release', orderId)).toEqual({ orderId, state: 'RELEASED', short: [] })
    expect((await reserve(order(), { TEA: 3 })).state).toBe('HELD')
    expect(await shelf(catalog.database)).toEqual({ TEA: '10/3' })
  })

  test('what is held cannot be held again, to the last one', async () => {
    await addVariants(catalog.database, { TEA: 5 })
    expect((await reserve(order(), { TEA: 5 })).state).toBe('HELD')
    expect(await reserve(order(), { TEA: 1 })).toMatchObject({ short: [{ sku: 'TEA', available: 0 }] })
  })

  test('a return to a shelf that is full meanwhile takes what fits', async () => {
    await addVariants(catalog.database, { TEA: 5 })
    const orderId = order()
    await reserve(orderId, { TEA: 5 })
    await settle('commit', orderId)
    await setStock('TEA', 999_999_998)
    expect((await settle('return', orderId)).state).toBe('RETURNED')
    expect(await shelf(catalog.database)).toEqual({ TEA: '1000000000/0' })
  })
})

describe('at once', () => {
  test('a crowd never gets more than there is: 40 orders of 1 to 3 for 30, each sent twice', async () => {
    await addVariants(catalog.database, { TEA: 30 })
    const orders = Array.from({ length: 40 }, (_, index) => ({ orderId: order(), quantity: 1 + (index % 3) }))
    const holds = await Promise.all(
      [...orders, ...orders].map(({ orderId, quantity }) => reserve(orderId, { TEA: quantity })),
    )
    const [first, second] = [holds.slice(0, 40), holds.slice(40)]
    expect(second).toEqual(first)
    const held = first.reduce(
      (sum, hold, index) => sum + (hold.state === 'HELD' ? orders[index]!.quantity : 0),
      0,
    )
    // 79 are asked for. What is refused last asks for at least one more than is left: at most two are.
    expect(held).toBeGreaterThanOrEqual(28)
    expect(held).toBeLessThanOrEqual(30)
    expect(await shelf(catalog.database)).toEqual({ TEA: `30/${held}` })
  })

  test('baskets in any order of skus, reserved and settled together, never deadlock and always balance', async () => {
    const skus = ['A', 'B', 'C', 'D', 'E']
    await addVariants(catalog.database, { A: 20, B: 20, C: 20, D: 20, E: 20 })
    const basket = fc
      .uniqueArray(fc.constantFrom(...skus), { minLength: 1, maxLength: 5 })
      .chain(chosen =>
        fc
          .array(fc.integer({ min: 1, max: 4 }), { minLength: chosen.length, maxLength: chosen.length })
          .map(quantities => Object.fromEntries(chosen.map((sku, index) => [sku, quantities[index]!]))),
      )
    const journey = fc.record({
      basket,
      verbs: fc.array(fc.constantFrom<Verb>('reserve', 'release', 'commit', 'return'), { maxLength: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(journey, { minLength: 16, maxLength: 32 }), async journeys => {
        await Promise.all(
          journeys.map(async ({ basket, verbs }) => {
            const orderId = order()
            await act('reserve', orderId, basket)
            // All at once: they arrive in any order.
            await Promise.all(verbs.map(verb => act(verb, orderId, basket)))
          }),
        )
        expect(await imbalance()).toEqual([])
      }),
      { numRuns: 15 },
    )
    expect(await catalog.database.query(DEADLOCKS)).toEqual([{ deadlocks: 0 }])
  })

  test('a release that races its reserve leaves nothing held, whichever comes first', async () => {
    await addVariants(catalog.database, { TEA: 100 })
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const orderId = order()
        await Promise.all([reserve(orderId, { TEA: 1 }), settle('release', orderId)])
      }),
    )
    expect(await shelf(catalog.database)).toEqual({ TEA: '100/0' })
  })
})

const DEADLOCKS = {
  name: 'test_deadlocks',
  text: 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
}

/** Skus whose row is not what the reservations say: 20 at first, less what was committed; reserved what is held. */
const imbalance = (): Promise<object[]> =>
  catalog.database.query({
    name: 'test_imbalance',
    text: `WITH line AS (
             SELECT state, l.sku, l.quantity FROM reservation, unnest(skus, quantities) AS l (sku, quantity)
           ), said AS (
             SELECT sku,
                    20 - coalesce(sum(quantity) FILTER (WHERE state = 'COMMITTED'), 0) AS on_hand,
                    coalesce(sum(quantity) FILTER (WHERE state = 'HELD'), 0) AS reserved
               FROM line GROUP BY sku
           )
           SELECT stock.*, said.* FROM said JOIN stock USING (sku)
            WHERE (stock.on_hand, stock.reserved) IS DISTINCT FROM (said.on_hand::integer, said.reserved::integer)`,
  })

async function setStock(sku: string, onHand: number): Promise<Record<string, unknown>> {
  const { result } = await catalog.data<{ result: Record<string, unknown> }>(
    SET_STOCK,
    { input: { sku, onHand } },
    clerk,
  )
  return result
}

const SET_STOCK = `mutation($input: SetStockInput!) {
  result: setStock(input: $input) {
    __typename
    ... on ShopperMessage { code severity messageZh messageEn retryable retryAfterMs }
    ... on StockSet { variant { sku stock } }
    ... on StockBelowReserved { reserved }
  }
}`

describe('setStock', () => {
  test('sets what is on hand, and shoppers see it', async () => {
    await addVariants(catalog.database, { TEA: 0 })
    expect(await setStock('TEA', 12)).toEqual({
      __typename: 'StockSet',
      code: 'STOCK_SET',
      severity: 'SUCCESS',
      messageZh: 'TEA 的库存已设为 12。',
      messageEn: 'The stock of TEA is 12 now.',
      retryable: false,
      retryAfterMs: null,
      variant: { sku: 'TEA', stock: 'IN_STOCK' },
    })
  })

  test.each([
    [0, 'OUT'],
    [1, 'LOW'],
    [9, 'LOW'],
    [10, 'IN_STOCK'],
  ])('%i available are %s', async (available, level) => {
    await addVariants(catalog.database, { TEA: 5 })
    await reserve(order(), { TEA: 3 })
    expect(await setStock('TEA', available + 3)).toMatchObject({ variant: { stock: level } })
  })

  test('does not go below what is reserved', async () => {
    await addVariants(catalog.database, { TEA: 5 })
    await reserve(order(), { TEA: 3 })
    expect(await setStock('TEA', 2)).toMatchObject({
      code: 'STOCK_BELOW_RESERVED',
      severity: 'ERROR',
      reserved: 3,
    })
    expect(await setStock('TEA', 3)).toMatchObject({ code: 'STOCK_SET', variant: { stock: 'OUT' } })
  })

  test('of a sku that does not exist is VariantNotFound', async () => {
    expect(await setStock('NOWHERE', 1)).toMatchObject({
      code: 'VARIANT_NOT_FOUND',
      messageZh: '没有规格 NOWHERE。',
    })
  })

  test('twice in one operation: each answer shows its own', async () => {
    await addVariants(catalog.database, { TEA: 0 })
    const set = (onHand: number): string =>
      `setStock(input: { sku: "TEA", onHand: ${onHand} }) { ... on StockSet { variant { stock } } }`
    expect(await catalog.data(`mutation { a: ${set(20)} b: ${set(1)} c: ${set(0)} }`, {}, clerk)).toEqual({
      a: { variant: { stock: 'IN_STOCK' } },
      b: { variant: { stock: 'LOW' } },
      c: { variant: { stock: 'OUT' } },
    })
  })
})

describe('refused, and nothing changes', () => {
  const tea = [{ sku: 'TEA', quantity: 1 }]
  const valid = 'order_00_01938f0e7c7a7000800000000000abcd'
  test.each<[string, object, string]>([
    [
      'a malformed order id',
      { orderId: 'order_1', lines: tea },
      'BAD_ID expected order_<2 hex>_<32 hex uuidv7>, got "order_1"',
    ],
    ['no lines', { orderId: valid, lines: [] }, 'BAD_INPUT lines expects 1 to 100 lines, got 0'],
    [
      'too many lines',
      { orderId: valid, lines: Array.from({ length: 101 }, (_, n) => ({ sku: `S${n}`, quantity: 1 })) },
      'BAD_INPUT lines expects 1 to 100 lines, got 101',
    ],
    [
      'a sku twice',
      { orderId: valid, lines: [...tea, ...tea] },
      'BAD_INPUT lines expects each sku once, got TEA again',
    ],
    [
      'a malformed sku',
      { orderId: valid, lines: [{ sku: 'tea\0', quantity: 1 }] },
      'BAD_ID expected a sku of 1 to 64 capitals, digits and dashes, got "tea\\u0000"',
    ],
    ...[0, -1, 10_001].map((quantity): [string, object, string] => [
      `a quantity of ${quantity}`,
      { orderId: valid, lines: [{ sku: 'TEA', quantity }] },
      `BAD_INPUT quantity expects 1 to 10000, got ${quantity} of TEA`,
    ]),
  ])('reserveStock: %s', async (_, input, message) => {
    await addVariants(catalog.database, { TEA: 10 })
    expect(await catalog.refusal(RESERVE, { input }, payment)).toBe(message)
    expect(await shelf(catalog.database)).toEqual({ TEA: '10/0' })
  })

  test.each(['release', 'commit', 'return'])('%sStock: a malformed order id', async verb => {
    const operation = `mutation { ${verb}Stock(orderId: "x") { state } }`
    expect(await catalog.refusal(operation, {}, payment)).toBe(
      'BAD_ID expected order_<2 hex>_<32 hex uuidv7>, got "x"',
    )
  })

  test.each([
    ['tea', 1, 'BAD_ID expected a sku of 1 to 64 capitals, digits and dashes, got "tea"'],
    ['TEA', -1, 'BAD_INPUT onHand expects 0 to 1000000000, got -1'],
    ['TEA', 1_000_000_001, 'BAD_INPUT onHand expects 0 to 1000000000, got 1000000001'],
  ])('setStock: %s %i', async (sku, onHand, message) => {
    expect(await catalog.refusal(SET_STOCK, { input: { sku, onHand } }, clerk)).toBe(message)
  })

  const outsiders: [string, Caller, string][] = [
    ['anybody', ANONYMOUS, 'anonymous'],
    [
      'a shopper',
      { kind: 'shopper', shopperId: 'a', client: 'app', scopes: [], tier: 'shopper' },
      'a shopper',
    ],
    ['an operator', clerk, 'an operator'],
    ['another service', { ...payment, client: 'campaign' }, 'a service'],
  ]
  test.each(outsiders)('service fields, called by %s', async (_, caller, who) => {
    await addVariants(catalog.database, { TEA: 10 })
    const message = `FORBIDDEN this field is for the payment service, the caller is ${who}`
    const id = 'orderId: "order_00_01938f0e7c7a7000800000000000abcd"'
    for (const operation of [
      '{ priceVariants(skus: ["TEA"]) { sku } }',
      `mutation { reserveStock(input: { ${id}, lines: [{ sku: "TEA", quantity: 1 }] }) { state } }`,
      `mutation { releaseStock(${id}) { state } }`,
      `mutation { commitStock(${id}) { state } }`,
      `mutation { returnStock(${id}) { state } }`,
    ]) {
      expect(await catalog.refusal(operation, {}, caller)).toBe(message)
    }
    expect(await shelf(catalog.database)).toEqual({ TEA: '10/0' })
  })

  test('setStock without the scope', async () => {
    await addVariants(catalog.database, { TEA: 10 })
    const input = { sku: 'TEA', onHand: 1 }
    expect(await catalog.refusal(SET_STOCK, { input })).toBe(
      'UNAUTHENTICATED a token with the scope catalog:write is needed, the request had none',
    )
    expect(await catalog.refusal(SET_STOCK, { input }, { ...clerk, scopes: ['campaign:operate'] })).toBe(
      'FORBIDDEN the scope catalog:write is needed, the token has campaign:operate',
    )
    expect(await shelf(catalog.database)).toEqual({ TEA: '10/0' })
  })
})
