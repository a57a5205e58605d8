import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { newId } from '../../protocol/ids.ts'
import { operation } from '../harness/graph.ts'
import { until } from '../harness/postgres.ts'
import { FLAT } from './arrivals.ts'
import { checkPlacesHonoured } from './check-places.ts'
import type { Figures } from './figures.ts'
import { type Load, type RunningLoad, startLoad } from './load.ts'

/** A request as a gateway reads it. */
interface Asked {
  readonly shopperId: string
  readonly token: string
  readonly operation: string
  // biome-ignore lint/suspicious/noExplicitAny: variables are what the test asserts
  readonly variables: any
  readonly atMs: number
  /** How many requests for the same operation this shopper has sent before. */
  readonly before: number
}

/** What a gateway says to it: a body, or with a status; `undefined`: the connection breaks. */
type Says = (asked: Asked) => object | readonly [status: number, body: object] | undefined

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const result = (field: string, type: string, members: object = {}): object => ({
  data: { [field]: { __typename: type, ...members } },
})
const issued = (shopperId: string): object =>
  result('claimCoupon', 'CouponIssued', { coupon: { id: newId('coupon', shopperId) } })
const orders = new Map<string, string>()
const orderOf = (shopperId: string, state: string): object => {
  const id = orders.get(shopperId) ?? newId('order', shopperId)
  orders.set(shopperId, id)
  return { id, state }
}

/** A shop with enough of everything: a coupon for everybody, orders of the sku `due` want money. */
const SERVED: Says = ({ operation, shopperId, variables, before }) => {
  switch (operation) {
    case 'ClaimCoupon':
      return issued(shopperId)
    case 'QuoteOrder':
      return result('quoteOrder', 'OrderQuoted', { quote: { id: `quote-${variables.input.lines[0].sku}` } })
    case 'PlaceOrder': {
      const state = variables.input.quoteId === 'quote-due' ? 'AWAITING_PAYMENT' : 'PAID'
      return result('placeOrder', 'OrderPlaced', { order: orderOf(shopperId, state) })
    }
    case 'PayOrder':
      return result('payOrder', 'OrderPaid', { order: orderOf(shopperId, 'PAID') })
    case 'OrderStatus':
      return { data: { order: orderOf(shopperId, before === 0 ? 'CREATED' : 'PAID') } }
    default:
      return { data: { campaign: {} } }
  }
}

const NAMES = new Map(
  [
    'CampaignHome',
    'SearchProducts',
    'ProductDetail',
    'ClaimCoupon',
    'QuoteOrder',
    'PlaceOrder',
    'PayOrder',
    'OrderStatus',
  ].map(name => [`sha256:${operation(name).id}`, name]),
)

/** A gateway that says what it is told to. */
async function serve(says: Says): Promise<{ readonly url: string; readonly asked: Asked[] }> {
  const asked: Asked[] = []
  const counts = new Map<string, number>()
  const answer = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    if (request.url === '/health/ready') {
      reply.end('{"status":"ready","level":"BUSY"}')
      return
    }
    const { documentId, variables } = JSON.parse((await request.toArray()).join(''))
    const token = request.headers.authorization?.slice('Bearer '.length) ?? ''
    const shopperId = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sub
    const name = NAMES.get(documentId) ?? ''
    const before = counts.get(`${shopperId} ${name}`) ?? 0
    counts.set(`${shopperId} ${name}`, before + 1)
    const question = { shopperId, token, operation: name, variables, atMs: Date.now(), before }
    asked.push(question)
    const said = says(question)
    if (said === undefined) {
      request.socket.resetAndDestroy()
      return
    }
    const [status, body] = Array.isArray(said) ? said : [200, said]
    reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const server = createServer((request, reply) => void answer(request, reply))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

function load(url: string, options: Partial<Load> = {}): RunningLoad {
  const running = startLoad({
    url,
    secret: 'a secret of a replay, long enough for HS256',
    campaignId: 'campaign_spring-festival',
    prefix: 'r',
    counts: { browse: 0, claim: 0, order: 10, pay: 0 },
    behaviour: 'obedient',
    shape: FLAT,
    durationMs: 20,
    timeMsMax: 60_000,
    connections: 8,
    seed: 1,
    free: [{ sku: 'free', quantity: 1 }],
    due: [{ sku: 'due', quantity: 2 }],
    ...options,
  })
  closing.push(() => {
    running.end()
    return running.done
  })
  return running
}

const sum = (
  figures: Figures,
  name: 'offered' | 'arrived' | 'admitted' | 'goodput' | 'placed' | 'refused',
): number => figures.seconds.reduce((all, second) => all + second[name], 0)

/** A place whose turn comes in so long. */
const placeIn = (ms: number, token: string): object => {
  const admitAt = new Date(Date.now() + ms).toISOString()
  return { token, admitAt, retryAfterMs: ms, position: 3 }
}

const COUNTS = { browse: 5, claim: 4, order: 20, pay: 6 }

test('everybody gets what they came for, each step in its turn, and every figure says so', async () => {
  const { url, asked } = await serve(SERVED)
  const figures = await load(url, { counts: COUNTS }).done
  const counts = Map.groupBy(asked, ({ operation: name }) => name)
  // Each of 26 orders is looked at until it is paid, which is the second time.
  expect(Object.fromEntries([...counts].map(([name, all]) => [name, all.length]))).toEqual({
    CampaignHome: 5,
    SearchProducts: 5,
    ProductDetail: 5,
    ClaimCoupon: 30,
    QuoteOrder: 26,
    PlaceOrder: 26,
    PayOrder: 6,
    OrderStatus: 52,
  })
  expect(figures).toMatchObject({
    shoppers: 30,
    orders: 26,
    turnedAway: 0,
    unserved: 0,
    requests: 155,
    requestsPerSuccess: 1,
    places: [],
    lateness: undefined,
    outcomes: {
      CouponIssued: 30,
      OrderQuoted: 26,
      OrderPlaced: 26,
      OrderPaid: 6,
      Shown: 15,
      'Order PAID': 26,
    },
    latencyOfSteps: { claim: { count: 30 }, pay: { count: 6 }, browse: { count: 15 } },
    latency: { CLAIM: { count: 30 }, PAY: { count: 84 } },
  })
  expect([
    sum(figures, 'offered'),
    sum(figures, 'arrived'),
    sum(figures, 'admitted'),
    sum(figures, 'goodput'),
  ]).toEqual([155, 30, 30, 26])
  // Nobody had a place, and nobody lost one.
  expect(figures.seconds.at(-1)?.waiting).toBe(0)
  expect(figures.acknowledged).toHaveLength(30)
  expect(figures.acknowledged.filter(({ orderId }) => orderId !== undefined)).toHaveLength(26)
  for (const { shopperId, couponId, orderId, orderState } of figures.acknowledged) {
    if (orderId !== undefined) expect([orderId, orderState]).toEqual([orders.get(shopperId), 'PAID'])
    expect(asked.some(({ variables }) => variables.input?.couponId === couponId)).toBe(orderId !== undefined)
  }
})

test('who obeys comes back at the instant of the place, with its token, and is admitted by the second request', async () => {
  const { url, asked } = await serve(request => {
    if (request.operation !== 'ClaimCoupon') return SERVED(request)
    if (request.variables.input.placeToken === `place of ${request.shopperId}`)
      return issued(request.shopperId)
    return result('claimCoupon', 'KeptPlace', {
      retryable: true,
      ...placeIn(300, `place of ${request.shopperId}`),
    })
  })
  const figures = await load(url).done
  expect(figures).toMatchObject({ orders: 10, requestsPerSuccess: 2, lateness: { count: 10 } })
  expect(figures.outcomes).toMatchObject({ KeptPlace: 10, CouponIssued: 10 })
  expect(sum(figures, 'placed')).toBe(10)
  expect(figures.places).toHaveLength(10)
  for (const { askedMs, answeredMs, admitAtMs, returnedMs, admittedMs } of figures.places) {
    expect(askedMs).toBeLessThanOrEqual(answeredMs)
    expect(returnedMs).toBeGreaterThanOrEqual(admitAtMs)
    expect(admittedMs).toBeGreaterThanOrEqual(returnedMs!)
  }
  const claims = asked.filter(({ operation: name }) => name === 'ClaimCoupon')
  for (const [shopperId, [first, second, ...more]] of Map.groupBy(claims, claim => claim.shopperId)) {
    expect(more, shopperId).toEqual([])
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(300)
    // Made twice, and the same.
    expect(second!.token).toBe(first!.token)
  }
})

test('a place that is told again and again, and never honoured, is given up and known as that', async () => {
  const { url } = await serve(() =>
    result('claimCoupon', 'KeptPlace', { retryable: true, ...placeIn(1, 'never') }),
  )
  const figures = await load(url, { counts: { browse: 0, claim: 2, order: 0, pay: 0 } }).done
  expect(figures).toMatchObject({ unserved: 2, outcomes: { KeptPlace: 400 } })
  expect(figures.places).toMatchObject([{ hasGivenUp: true }, { hasGivenUp: true }])
  expect(checkPlacesHonoured(figures, {})).toMatchObject({ id: 'I10', holds: false, checked: 2 })
})

test('a refusal with a place is a place; one without is waited out', async () => {
  const { url, asked } = await serve(request => {
    if (request.operation !== 'ClaimCoupon' || request.before === 2) return SERVED(request)
    const extensions = { code: 'THROTTLED', retryAfterMs: 50 }
    const place = request.before === 0 ? {} : { place: placeIn(50, 'kept') }
    return [429, { errors: [{ message: 'no', extensions: { ...extensions, ...place } }] }]
  })
  const figures = await load(url).done
  expect(figures).toMatchObject({ orders: 10, outcomes: { THROTTLED: 20 } })
  expect([sum(figures, 'refused'), sum(figures, 'placed'), figures.places.length]).toEqual([10, 10, 10])
  expect(asked.filter(({ variables }) => variables.input?.placeToken === 'kept')).toHaveLength(10)
})

test('lost connections and unknown outcomes are asked again, and nothing is counted twice', async () => {
  const { url } = await serve(request => {
    if (request.before > 0) return SERVED(request)
    if (request.operation === 'ClaimCoupon') return undefined
    return [503, { errors: [{ message: 'x', extensions: { code: 'OUTCOME_UNKNOWN', retryAfterMs: 1 } }] }]
  })
  const figures = await load(url).done
  expect(figures).toMatchObject({
    orders: 10,
    unserved: 0,
    requestsPerSuccess: 2,
    outcomes: { ECONNRESET: 10, OUTCOME_UNKNOWN: 30, CouponIssued: 10 },
  })
  expect(figures.acknowledged).toHaveLength(10)
})

test('an honest no sends people away, and a broken answer makes them give up', async () => {
  const { url } = await serve(request => {
    const number = Number(request.shopperId.slice('r-'.length))
    if (request.operation !== 'ClaimCoupon' || number >= 7) return SERVED(request)
    if (number < 3) return result('claimCoupon', 'BudgetExhausted', { retryable: false })
    if (number < 5) return result('claimCoupon', 'CouponIssued', { coupon: { id: 'coupon_of_nobody' } })
    return [400, { errors: [{ message: 'x', extensions: { code: 'BAD_INPUT' } }] }]
  })
  const figures = await load(url).done
  expect(figures).toMatchObject({ orders: 3, turnedAway: 3, unserved: 4 })
  expect(figures.outcomes).toMatchObject({ BudgetExhausted: 3, BAD_ID: 2, BAD_INPUT: 2 })
  expect(figures.acknowledged).toHaveLength(3)
})

test('a storm asks again ten times a second whatever it is told, with the token that it has', async () => {
  const { url, asked } = await serve(request =>
    request.operation === 'ClaimCoupon' && request.before < 4
      ? result('claimCoupon', 'KeptPlace', { retryable: true, ...placeIn(600_000, `t${request.before}`) })
      : SERVED(request),
  )
  const figures = await load(url, { behaviour: 'storm' }).done
  expect(figures).toMatchObject({ orders: 10, requestsPerSuccess: 5 })
  const claims = asked.filter(({ operation: name }) => name === 'ClaimCoupon')
  for (const [shopperId, all] of Map.groupBy(claims, claim => claim.shopperId)) {
    expect(all, shopperId).toHaveLength(5)
    // Each at least a tenth of a second after the answer to the one before, by a clock of whole milliseconds.
    for (let index = 1; index < 5; index++)
      expect(all[index]!.atMs - all[index - 1]!.atMs).toBeGreaterThanOrEqual(99)
  }
  // The first promise counts, and nobody came back after its instant.
  expect(figures.lateness!.max).toBeLessThan(0)
  for (const { returnedMs } of figures.places) expect(returnedMs).toBeUndefined()
  const last = asked.filter(({ operation: name, before }) => name === 'ClaimCoupon' && before === 4)
  for (const { variables } of last) expect(variables.input.placeToken).toBe('t3')
})

test('the time is over, or somebody ends it: whoever waits is told as waiting', async () => {
  const { url } = await serve(() =>
    result('claimCoupon', 'KeptPlace', { retryable: true, ...placeIn(600_000, 'long') }),
  )
  const timed = await load(url, { timeMsMax: 1_500 }).done
  expect(timed).toMatchObject({
    orders: 0,
    unserved: 10,
    turnedAway: 0,
    requests: 10,
    requestsPerSuccess: Infinity,
  })
  expect(timed.seconds.at(-1)).toMatchObject({ waiting: 10, inFlight: 0 })
  // No second begins when all is over.
  expect(timed.seconds.at(-1)!.atS * 1_000).toBeLessThan(timed.tookMs)
  const ended = load(url, { prefix: 's' })
  await until('ten who wait', () => ended.live.waiting === 10)
  expect(ended.live).toMatchObject({ people: 10, over: 0, requests: 10, inFlight: 0 })
  ended.end()
  expect(await ended.done).toMatchObject({ unserved: 10 })
  expect((await ended.done).seconds[0]?.atS).toBe(0)
})

test('the stack’s level is taken down', async () => {
  const { url } = await serve(() =>
    result('claimCoupon', 'KeptPlace', { retryable: true, ...placeIn(600_000, 'long') }),
  )
  const running = load(url)
  await until('the level', () => running.live.level === 'BUSY')
  running.end()
  expect((await running.done).seconds.at(-1)?.level).toBe('BUSY')
})
