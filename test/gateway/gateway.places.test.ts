import { describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../gateway/gateway.ts'
import { DEFAULT_LINE_TERMS } from '../../gateway/surge/lines.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import { CLAIM_POINTS, DROP_RATE, type DropGraph, dropGraph } from '../harness/drop-graph.ts'
import { until } from '../harness/postgres.ts'

/** What whoever comes to a line is told, at every door, and what reaches the subgraph. Time is moved by hand. */

const AT_ONCE = DROP_RATE.burst / CLAIM_POINTS
const EVERY_MS = (1_000 * CLAIM_POINTS) / DROP_RATE.perSecond
/** No time is left free between places. */
const TERMS = { ...DEFAULT_LINE_TERMS, slack: 0 }
const KEYS = ['a key for the tokens of places, for tests']
/** Enough for a test's questions. */
const tiers = { shopper: { perSecond: 1_000, burst: 10_000 } }

interface Stand extends AsyncDisposable {
  readonly graph: DropGraph
  pass(ms: number): void
  /** As many shoppers as are admitted at once come and are served. */
  fill(): Promise<void>
}

async function stand(count = 1, more: Partial<GatewayOptions> = {}): Promise<Stand> {
  let now = Date.parse('2027-02-06T04:00:00Z')
  const graph = await dropGraph(
    Array.from({ length: count }, () => ({
      budgets: createMemoryBudgets({ clock: () => now, lines: { terms: TERMS } }),
      placeKeys: KEYS,
      cost: { mode: 'enforce' as const, tiers },
      ...more,
    })),
  )
  return {
    graph,
    pass: ms => (now += ms),
    async fill() {
      for (let gateway = 0; gateway < count; gateway++)
        for (let i = 0; i < AT_ONCE; i++) {
          const { body } = await graph.claim(gateway, `early-${i}`)
          expect(body.data.claim.__typename).toBe('Issued')
        }
    },
    [Symbol.asyncDispose]: () => graph[Symbol.asyncDispose](),
  }
}

describe('over the limit', () => {
  it('everybody gets a place of their own, in the order in which they came, and nothing reaches the subgraph', async () => {
    await using at = await stand()
    await at.fill()
    const instants: number[] = []
    for (let i = 1; i <= 5; i++) {
      const { status, body } = await at.graph.claim(0, `late-${i}`)
      expect(status).toBe(200)
      expect(body.errors).toBeUndefined()
      const { __typename, admitAt, retryAfterMs, position, token, code } = body.data.claim
      expect({ __typename, retryAfterMs, position, code }).toEqual({
        __typename: 'KeptPlace',
        retryAfterMs: i * EVERY_MS,
        position: i - 1,
        code: 'KEPT_PLACE',
      })
      expect(body.extensions.place).toEqual({ token, admitAt, retryAfterMs, position })
      instants.push(Date.parse(admitAt))
    }
    expect(instants).toEqual(instants.toSorted((a, b) => a - b))
    expect(at.graph.claimed.get('spring')).toBe(AT_ONCE)
  })

  it('asking again gives the same place; from its instant on it admits, once', async () => {
    await using at = await stand()
    await at.fill()
    const first = (await at.graph.claim(0, 'alice')).body.data.claim
    at.pass(EVERY_MS - 1)
    const again = (await at.graph.claim(0, 'alice')).body.data.claim
    expect(again).toMatchObject({ admitAt: first.admitAt, token: first.token, retryAfterMs: 1 })
    at.pass(1)
    expect((await at.graph.claim(0, 'alice')).body.data.claim).toEqual({
      __typename: 'Issued',
      shopper: 'alice',
    })
    const replayed = (await at.graph.claim(0, 'alice', 'spring', first.token)).body.data.claim
    expect(replayed.__typename).toBe('KeptPlace')
    expect(Date.parse(replayed.admitAt)).toBeGreaterThan(Date.parse(first.admitAt))
  })

  it('being told of a place costs a point', async () => {
    await using at = await stand()
    await at.fill()
    const { cost } = (await at.graph.claim(0, 'alice')).body.extensions
    expect(cost).toMatchObject({ actualQueryCost: null, throttleStatus: { currentlyAvailable: 9_999 } })
    const again = (await at.graph.claim(0, 'alice')).body.extensions.cost
    expect(again.throttleStatus.currentlyAvailable).toBe(9_998)
  })

  it('an operation is admitted whole or not at all', async () => {
    await using at = await stand()
    await at.fill()
    const query = `mutation { claim(input: {drop: "autumn"}) { __typename } spring: claim(input: {drop: "spring"}) { __typename } }`
    const headers = { authorization: `Bearer ${at.graph.token({ sub: 'alice' })}` }
    const { status, body, headers: sent } = await at.graph.ask(0, { query }, headers)
    expect(status).toBe(429)
    expect(body.data).toBeUndefined()
    expect(body.errors[0].extensions).toMatchObject({ code: 'THROTTLED', retryAfterMs: EVERY_MS })
    expect(sent['retry-after']).toBe('1')
    expect(body.extensions.place).toMatchObject({ position: 0, retryAfterMs: EVERY_MS })
    expect(at.graph.claimed.get('autumn')).toBeUndefined()
    // What it had of the other line is there again: as many are admitted as ever.
    for (let i = 0; i < AT_ONCE; i++)
      expect((await at.graph.claim(0, `early-${i}`, 'autumn')).body.data.claim.__typename).toBe('Issued')
    expect((await at.graph.claim(0, 'late', 'autumn')).body.data.claim.__typename).toBe('KeptPlace')
  })

  it('with the same operation as text the answer is the same', async () => {
    await using at = await stand()
    await at.fill()
    const query = `mutation { claim(input: {drop: "spring"}) { __typename ... on KeptPlace { position when: admitAt } } }`
    const headers = { authorization: `Bearer ${at.graph.token({ sub: 'alice' })}` }
    const { status, body } = await at.graph.ask(0, { query }, headers)
    expect(status).toBe(200)
    expect(body.data.claim).toEqual({
      __typename: 'KeptPlace',
      position: 0,
      when: body.extensions.place.admitAt,
    })
  })

  it('where costs are only measured nobody waits', async () => {
    await using at = await stand(1, { cost: { mode: 'measure' } })
    for (let i = 0; i < AT_ONCE + 5; i++)
      expect((await at.graph.claim(0, `shopper-${i}`)).body.data.claim.__typename).toBe('Issued')
  })
})

describe('a token', () => {
  it('is honoured by a gateway that knows nothing of the place, in the input or a header', async () => {
    await using at = await stand(2)
    await at.fill()
    const alice = (await at.graph.claim(0, 'alice')).body.data.claim
    const bob = (await at.graph.claim(0, 'bob')).body.data.claim
    const there = (await at.graph.claim(1, 'alice', 'spring', alice.token)).body.data.claim
    expect(there.admitAt).toBe(alice.admitAt)
    at.pass(2 * EVERY_MS)
    const admitted = await at.graph.claim(1, 'alice', 'spring', alice.token)
    expect(admitted.body.data.claim.__typename).toBe('Issued')
    const headers = {
      authorization: `Bearer ${at.graph.token({ sub: 'bob' })}`,
      'spillway-place': bob.token,
    }
    const query = 'mutation { claim(input: {drop: "spring"}) { __typename } }'
    expect((await at.graph.ask(1, { query }, headers)).body.data.claim.__typename).toBe('Issued')
  })

  it("that is another's, another line's, cut or made up admits nobody, and costs nobody a place", async () => {
    await using at = await stand(2)
    await at.fill()
    const { token } = (await at.graph.claim(0, 'alice')).body.data.claim
    const other = (await at.graph.claim(0, 'mallory')).body.data.claim
    at.pass(EVERY_MS)
    const tokens = [
      token,
      token.slice(0, -1),
      `${token}x`,
      'p1.AAAAAAAA.1.1.AAAAAAAAAAAAAAAAAAAAAA',
      '💥',
      '',
    ]
    for (const shown of tokens) {
      const { status, body } = await at.graph.claim(0, 'mallory', 'spring', shown)
      expect(status).toBe(200)
      expect(body.data.claim).toMatchObject({ __typename: 'KeptPlace', admitAt: other.admitAt })
    }
    const { body } = await at.graph.gateways[0]!.app.inject('/metrics')
    expect(body).toMatch(/^spillway_place_tokens_ignored_total\{reason="FOREIGN"\} 2$/m)
    expect(body).toMatch(/^spillway_place_tokens_ignored_total\{reason="MALFORMED"\} 3$/m)
  })
})

describe('a line that is paused', () => {
  it('keeps every place, and puts every turn off', async () => {
    await using at = await stand()
    await at.fill()
    const before = (await at.graph.claim(0, 'alice')).body.data.claim
    at.graph.stocks.set('spring', {
      remaining: 500,
      state: 'PAUSED',
      noticeZh: '请稍候',
      noticeEn: 'Please wait',
    })
    await until('the pause is known', async () => {
      const { body } = await at.graph.claim(0, 'alice')
      return body.data.claim.retryAfterMs >= 60_000
    })
    const during = (await at.graph.claim(0, 'alice')).body.data.claim
    expect(during.messageEn).toContain('Please wait')
    expect(during.position).toBe(before.position)
    const { body } = await at.graph.control(0, 'GET')
    expect(body.lines).toMatchObject([{ value: 'spring', waiting: 1, status: { isPaused: true } }])
  })
})

describe('at SHED', () => {
  const OPERATOR = { sub: 'olga', kind: 'operator', client: 'control-room' } as const

  it('whoever is due is admitted, claims get a place, the rest is refused, and operators are let in', async () => {
    await using at = await stand()
    const { graph } = at
    const operator = { authorization: `Bearer ${graph.token(OPERATOR)}` }
    await at.fill()
    const alice = (await graph.claim(0, 'alice')).body.data.claim
    const { app } = graph.gateways[0]!
    const pinned = await app.inject({
      method: 'PUT',
      url: '/control/level',
      headers: operator,
      payload: { level: 'SHED' },
    })
    expect(pinned.statusCode).toBe(200)
    expect((await app.inject('/health/ready')).json()).toMatchObject({ level: 'SHED', pinned: true })

    at.pass(60_000)
    expect((await graph.claim(0, 'alice')).body.data.claim.__typename).toBe('Issued')
    const placed = await graph.claim(0, 'newcomer')
    expect(placed.body.data.claim).toMatchObject({ __typename: 'KeptPlace', retryAfterMs: 5_000 })
    expect(placed.status).toBe(200)
    at.pass(5_000)
    expect((await graph.claim(0, 'newcomer')).body.data.claim.__typename).toBe('Issued')

    const query = '{ unlimited }'
    for (const payload of [{ query }, { documentId: `sha256:${'0'.repeat(64)}` }]) {
      const { status } = await graph.ask(0, payload)
      expect(status).toBe('query' in payload ? 503 : 200)
    }
    const shed = await graph.ask(0, { query })
    expect(shed.body.errors[0].extensions).toEqual({ code: 'SURGE_SHED', retryAfterMs: 15_000 })
    expect(shed.headers['retry-after']).toBe('15')
    expect((await graph.ask(0, { query }, operator)).body).toMatchObject({ data: { unlimited: null } })
    expect(alice.__typename).toBe('KeptPlace')

    await app.inject({ method: 'DELETE', url: '/control/level', headers: operator })
    expect((await graph.ask(0, { query })).status).toBe(200)
  })

  it('a text is refused before it is parsed from SURGE on, known ones pass', async () => {
    await using at = await stand()
    const { graph } = at
    const { app } = graph.gateways[0]!
    const operator = { authorization: `Bearer ${graph.token(OPERATOR)}` }
    const known = { query: '{ unlimited }' }
    expect((await graph.ask(0, known)).status).toBe(200)
    await app.inject({
      method: 'PUT',
      url: '/control/level',
      headers: operator,
      payload: { level: 'SURGE' },
    })
    expect((await graph.ask(0, known)).status).toBe(200)
    const { status, body } = await graph.ask(0, { query: 'this is no GraphQL {' })
    expect({ status, code: body.errors[0].extensions.code }).toEqual({ status: 503, code: 'SURGE_SHED' })
  })
})

describe('a turn that was used in vain', () => {
  it('admits once more, while its grace lasts', async () => {
    await using at = await stand()
    await at.fill()
    await at.graph.claim(0, 'alice')
    at.pass(EVERY_MS)
    at.graph.failing.add('spring')
    expect((await at.graph.claim(0, 'alice')).body.errors[0].extensions.code).toBe('DATABASE_UNAVAILABLE')
    at.graph.failing.delete('spring')
    at.pass(EVERY_MS)
    expect((await at.graph.claim(0, 'alice')).body.data.claim.__typename).toBe('Issued')
  })

  it('admits once more whoever was refused for now, as by a pause that the gateway did not know of yet', async () => {
    await using at = await stand()
    await at.fill()
    for (const shopper of ['alice', 'bob', 'carol']) await at.graph.claim(0, shopper)
    at.pass(EVERY_MS)
    at.graph.refusing.set('spring', 'FOR_NOW')
    expect((await at.graph.claim(0, 'alice')).body.data.claim).toMatchObject({ retryable: true })
    at.graph.refusing.clear()
    // The points are spent, the place is not: anew she would stand behind carol.
    expect((await at.graph.claim(0, 'alice')).body.data.claim).toMatchObject({ retryAfterMs: EVERY_MS })
    at.pass(EVERY_MS)
    expect((await at.graph.claim(0, 'alice')).body.data.claim.__typename).toBe('Issued')
    expect((await at.graph.claim(0, 'alice')).body.data.claim).toMatchObject({ position: 1 })
  })

  it('admits nobody once more who was refused for good', async () => {
    await using at = await stand()
    await at.fill()
    await at.graph.claim(0, 'alice')
    await at.graph.claim(0, 'bob')
    at.pass(EVERY_MS)
    at.graph.refusing.set('spring', 'FOR_GOOD')
    expect((await at.graph.claim(0, 'alice')).body.data.claim).toMatchObject({ retryable: false })
    expect((await at.graph.claim(0, 'alice')).body.data.claim).toMatchObject({ position: 1 })
  })
})
