import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BudgetStore } from '../../gateway/surge/budgets.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import {
  CLAIM_POINTS,
  type ClaimAnswer,
  DROP_RATE,
  type DropGraph,
  dropGraph,
} from '../harness/drop-graph.ts'
import { budgetsBy, ENFORCED } from '../harness/drop-line.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

/** I11: tokens that are forged, cut, another's, used or void admit nobody. Time is moved by hand. */

const AT_ONCE = DROP_RATE.burst / CLAIM_POINTS
const EVERY_MS = (1_000 * CLAIM_POINTS) / DROP_RATE.perSecond
/** In which some turns come, one after the other. */
const SOME_TURNS_MS = 4 * EVERY_MS
const GRACE_MS = 120_000
const KEY = 'a key for the tokens of places, for tests'
const OLD_KEY = 'the key before, for the tokens of places'
const OTHER_KEY = 'a key that nobody else knows, for tests'
const CODES = ['KEPT_PLACE', 'THROTTLED']

let server: TestRedis
let tests = 0
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

interface Stand extends AsyncDisposable {
  readonly graph: DropGraph
  pass(ms: number): void
  /** As many as are admitted at once, of every gateway's line. */
  fill(gateways?: readonly number[], drop?: string): Promise<void>
  /** Newcomers come until there is no room for one. */
  exhaust(gateway: number): Promise<void>
  /** The token of a place that is given now. */
  place(shopper: string, gateway?: number, drop?: string): Promise<string>
}

type MakeBudgets = (clock: () => number) => BudgetStore | Promise<BudgetStore>
const inMemory: MakeBudgets = clock => createMemoryBudgets({ clock })
/** Those of one test share one Redis. */
function inRedis(): MakeBudgets {
  const prefix = `tokens-${++tests}:`
  return clock => budgetsBy(clock, server, prefix)
}

async function stand(
  keys: readonly (readonly string[])[] = [[KEY]],
  makeBudgets: MakeBudgets = inMemory,
): Promise<Stand> {
  let now = Date.parse('2027-02-06T04:00:00Z')
  const graph = await dropGraph(
    await Promise.all(
      keys.map(async placeKeys => ({
        budgets: await makeBudgets(() => now),
        placeKeys,
        cost: ENFORCED,
      })),
    ),
  )
  return {
    graph,
    pass: ms => (now += ms),
    async fill(gateways = [0], drop = 'spring') {
      for (const gateway of gateways)
        for (let i = 0; i < AT_ONCE; i++)
          expect(typeOf(await graph.claim(gateway, `early-${i}`, drop))).toBe('Issued')
    },
    async exhaust(gateway) {
      for (let i = 0; typeOf(await graph.claim(gateway, `newcomer-${i}`)) === 'Issued'; ) i++
    },
    async place(shopper, gateway = 0, drop = 'spring') {
      const { body } = await graph.claim(gateway, shopper, drop)
      expect(body.data.claim.__typename).toBe('KeptPlace')
      return body.data.claim.token
    },
    [Symbol.asyncDispose]: () => graph[Symbol.asyncDispose](),
  }
}

const typeOf = ({ body }: ClaimAnswer): string | undefined => body.data?.claim?.__typename

/** Answered, and not admitted: its own place, a new one, or why there is none. */
function expectNotAdmitted(answer: ClaimAnswer): void {
  expect([200, 429]).toContain(answer.status)
  const { data, errors } = answer.body
  expect(CODES).toContain(data?.claim?.code ?? errors[0].extensions.code)
}

/** Every character of it changed, one at a time, to one of the same alphabet and to one that is not. */
const forgeries = (token: string): readonly string[] =>
  Array.from({ length: token.length }, (_, i) => [token[i] === 'A' ? 'B' : 'A', '~', ''])
    .flatMap((others, i) => others.map(other => token.slice(0, i) + other + token.slice(i + 1)))
    .filter(forged => forged !== token)

describe('a token that is no token', () => {
  it('admits nobody at a gateway that does not know the place, whichever character is changed, and is counted', async () => {
    await using at = await stand([[KEY], [KEY]])
    const { graph } = at
    await at.fill([0, 1])
    const token = await at.place('alice')
    at.pass(SOME_TURNS_MS)
    // Nobody is admitted but by a place.
    await at.exhaust(1)
    const tokens = [
      ...forgeries(token),
      ...Array.from(token, (_, i) => token.slice(0, i)),
      `${token}A`,
      `${token}.`,
      ` ${token}`,
    ]
    let place: string | undefined
    for (const shown of tokens) {
      const answer = await graph.claim(1, 'alice', 'spring', shown)
      expectNotAdmitted(answer)
      // The same place every time: what is shown gives none, and takes none.
      place ??= answer.body.data.claim.admitAt
      expect(answer.body.data.claim.admitAt).toBe(place)
    }
    const { body } = await graph.gateways[1]!.app.inject('/metrics')
    const ignored = [...body.matchAll(/^spillway_place_tokens_ignored_total\{.*\} (\d+)$/gm)]
    // The empty one is none.
    expect(ignored.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(tokens.length - 1)
  })
})

describe('a token of somebody or something else', () => {
  it('admits nobody: of another shopper, of another drop, or signed with a key that is not known', async () => {
    await using at = await stand([[KEY], [KEY], [OTHER_KEY]])
    const { graph } = at
    await at.fill([0, 1, 2])
    await at.fill([0, 1], 'autumn')
    const alices = await at.place('alice')
    const others = await at.place('mallory', 2)
    const autumns = await at.place('mallory', 0, 'autumn')
    at.pass(SOME_TURNS_MS)
    await at.exhaust(1)
    for (const shown of [alices, others, autumns])
      expectNotAdmitted(await graph.claim(1, 'mallory', 'spring', shown))
    expect(typeOf(await graph.claim(1, 'alice', 'spring', alices))).toBe('KeptPlace')
    expect(graph.served.some(({ shopper }) => shopper === 'mallory')).toBe(false)
  })

  it('is honoured where it was signed with the key before', async () => {
    await using at = await stand([[OLD_KEY], [KEY, OLD_KEY], [KEY]])
    const { graph } = at
    await at.fill([0, 1, 2])
    const token = await at.place('alice')
    at.pass(SOME_TURNS_MS)
    await at.exhaust(2)
    expectNotAdmitted(await graph.claim(2, 'alice', 'spring', token))
    expect(typeOf(await graph.claim(1, 'alice', 'spring', token))).toBe('Issued')
  })
})

/** A line that admits whoever has a place that is due, and of all others nobody: its points are the next one's. */
async function expectUsedUp(at: Stand, gateway: number, shopper: string, token: string): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const answer = await at.graph.claim(gateway, shopper, 'spring', token)
    expectNotAdmitted(answer)
    expect(answer.body.data.claim.retryAfterMs).toBeGreaterThan(EVERY_MS)
  }
}

const STORES: readonly (readonly [string, readonly number[], () => MakeBudgets])[] = [
  ['in memory', [0], () => inMemory],
  ['of two gateways, in Redis', [0, 1], inRedis],
]

describe.each(STORES)('a token of a place %s', (_, gateways, make) => {
  it('admits no more once the place was used, wherever it is shown', async () => {
    await using at = await stand(
      gateways.map(() => [KEY]),
      make(),
    )
    await at.fill()
    const token = await at.place('alice')
    for (let i = 0; i < 9; i++) await at.place(`bob-${i}`)
    at.pass(SOME_TURNS_MS)
    expect(typeOf(await at.graph.claim(0, 'alice', 'spring', token))).toBe('Issued')
    for (const gateway of gateways) await expectUsedUp(at, gateway, 'alice', token)
    expect(at.graph.served.filter(({ shopper }) => shopper === 'alice')).toHaveLength(1)
  })

  it('admits no more once the place has gone', async () => {
    await using at = await stand(
      gateways.map(() => [KEY]),
      make(),
    )
    await at.fill()
    const token = await at.place('alice')
    at.pass(SOME_TURNS_MS + GRACE_MS)
    for (let i = 0; i < AT_ONCE; i++) expect(typeOf(await at.graph.claim(0, `later-${i}`))).toBe('Issued')
    for (let i = 0; i < 5; i++) await at.place(`bob-${i}`)
    for (const gateway of gateways) await expectUsedUp(at, gateway, 'alice', token)
  })
})

it('a token of a line that was lost is honoured once, at either gateway', async () => {
  await using at = await stand([[KEY], [KEY]], inRedis())
  const { graph } = at
  await at.fill()
  const token = await at.place('alice')
  for (let i = 0; i < 9; i++) await at.place(`bob-${i}`)
  await server.ask('FLUSHALL')
  at.pass(SOME_TURNS_MS)
  expect(typeOf(await graph.claim(1, 'alice', 'spring', token))).toBe('Issued')
  for (const gateway of [0, 1]) await expectUsedUp(at, gateway, 'alice', token)
  expect(graph.served.filter(({ shopper }) => shopper === 'alice')).toHaveLength(1)
})

describe('tokens in both places, and garbage', () => {
  const ask = (at: Stand, gateway: number, shopper: string, placeToken: unknown, header?: string) =>
    at.graph.ask(
      gateway,
      {
        query:
          'mutation($input: ClaimInput!) { claim(input: $input) { __typename ... on KeptPlace { code retryAfterMs } } }',
        variables: { input: { drop: 'spring', placeToken } },
      },
      {
        authorization: `Bearer ${at.graph.token({ sub: shopper })}`,
        ...(header === undefined ? {} : { 'spillway-place': header }),
      },
    )

  it('the input’s goes before the header’s', async () => {
    await using at = await stand([[KEY], [KEY]])
    await at.fill([0, 1])
    const alices = await at.place('alice')
    const bobs = await at.place('bob')
    const carols = await at.place('carol')
    at.pass(SOME_TURNS_MS)
    expect(typeOf(await ask(at, 1, 'alice', alices, 'garbage'))).toBe('Issued')
    expect(typeOf(await ask(at, 1, 'bob', null, bobs))).toBe('Issued')
    await at.exhaust(1)
    expectNotAdmitted(await ask(at, 1, 'mallory', alices, carols))
    // Where the place is known nothing that is shown matters.
    expect(typeOf(await ask(at, 0, 'carol', 'garbage', bobs))).toBe('Issued')
  })

  it('garbage of any form and size is passed over or refused, and never a fault of ours', async () => {
    await using at = await stand()
    await at.fill()
    await at.place('alice')
    const shown: readonly (readonly [unknown, number])[] = [
      ['x'.repeat(200_000), 200],
      ['p1.'.repeat(60_000), 200],
      [`p1.${'A'.repeat(100_000)}.1.1.${'A'.repeat(22)}`, 200],
      [`p1.AAAAAAAA.${'z'.repeat(11)}.-${'z'.repeat(11)}.${'A'.repeat(22)}`, 200],
      ['\u{1F4A5}'.repeat(1_000), 200],
      ['\ud800', 400],
      ['\u0000', 400],
      ['x'.repeat(1_000_000), 413],
      [7, 400],
      [['p1'], 400],
      [{ token: 'p1' }, 400],
      [null, 200],
    ]
    for (const [token, status] of shown) {
      const answer = await ask(at, 0, 'alice', token)
      expect(answer.status).toBe(status)
      if (status === 200) expectNotAdmitted(answer)
    }
    for (const header of ['x'.repeat(15_000), 'p1....', '\u00ff\u00fe', ''])
      expectNotAdmitted(await ask(at, 0, 'alice', undefined, header))
    expect(typeOf(await ask(at, 0, 'alice', 'x'))).toBe('KeptPlace')
  })
})
