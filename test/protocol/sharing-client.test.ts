import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { deadlineIn, nowMs } from '../../protocol/deadline.ts'
import { noAnswer } from '../../protocol/no-answer.ts'
import { SharingClient } from '../../protocol/sharing-client.ts'
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from '../../protocol/subgraph-client.ts'
import { ALICE, requestOf } from '../harness/scripted-subgraph.ts'

const BOB = { ...ALICE, shopperId: 'bob' }
const deadlineMs = deadlineIn(600_000)
const query = (own: Partial<SubgraphRequest> = {}): SubgraphRequest =>
  requestOf('query', { n: 1 }, { deadlineMs, ...own })

/** A client whose every fetch is answered by hand. */
class HandClient implements SubgraphClient {
  readonly name = 'hand'
  readonly sent: { request: SubgraphRequest; answer: (n: number) => void; fail: (error: Error) => void }[] =
    []
  readonly stats = { depth: 7 }
  execute(request: SubgraphRequest): Promise<SubgraphAnswer> {
    return new Promise((resolve, reject) => {
      this.sent.push({ request, answer: n => resolve({ data: { n } }), fail: reject })
    })
  }
  async ready(): Promise<void> {}
  async close(): Promise<void> {}
}

const numberOf = async (answer: Promise<SubgraphAnswer>): Promise<unknown> => (await answer).data?.n
const timeout = (): Error =>
  noAnswer('SUBGRAPH_TIMEOUT', 'hand', 'expected an answer by the deadline, got none')

let hand: HandClient
let client: SharingClient
beforeEach(() => {
  hand = new HandClient()
  client = new SharingClient(hand)
})

describe('identical queries under way', () => {
  it('share one answer, and the next one is fetched anew', async () => {
    const answers = Array.from({ length: 50 }, () => client.execute(query({ variables: { n: 1 } })))
    expect(hand.sent.length).toBe(1)
    hand.sent[0]!.answer(1)
    const shared = await Promise.all(answers)
    expect(shared.every(answer => answer === shared[0])).toBe(true)
    expect(client.stats).toEqual({ depth: 7, shared: 49 })
    expect(client.underWay).toBe(0)
    const next = client.execute(query())
    hand.sent[1]!.answer(2)
    expect(await numberOf(next)).toBe(2)
  })

  it('share a failure too', async () => {
    const answers = [client.execute(query()), client.execute(query({ deadlineMs: deadlineMs + 1 }))]
    hand.sent[0]!.fail(noAnswer('SUBGRAPH_UNREACHABLE', 'hand', 'gone'))
    for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'SUBGRAPH_UNREACHABLE' })
    expect([hand.sent.length, client.underWay]).toEqual([1, 0])
  })

  it('are sent with their variables as they were written for comparing', () => {
    void client.execute(query({ variables: { a: '奶茶', n: [1] } }))
    expect(hand.sent[0]!.request.variablesText).toBe('{"a":"奶茶","n":[1]}')
  })

  it.each<[string, Partial<SubgraphRequest>]>([
    ['operation', { operation: 'query Other { do }' }],
    ['variables', { variables: { n: 2 } }],
    ['caller', { caller: BOB }],
    ['caller’s scopes', { caller: { ...ALICE, scopes: [] } }],
    ['client', { caller: { ...ALICE, client: 'other' } }],
    ['mandate', { caller: { ...ALICE, amountMaxFen: 1 } }],
    ['headers', { headers: { 'accept-language': 'zh' } }],
    ['priority', { priority: 'PAY' }],
    ['scope', { scope: 'PUBLIC' }],
  ])('are not identical when the %s differs', (_, own) => {
    void client.execute(query())
    void client.execute(query(own))
    expect(hand.sent.length).toBe(2)
  })

  it('are shared between callers when they are PUBLIC, and then too only with equal headers', () => {
    void client.execute(query({ scope: 'PUBLIC' }))
    void client.execute(query({ scope: 'PUBLIC', caller: BOB }))
    expect(hand.sent.length).toBe(1)
    void client.execute(query({ scope: 'PUBLIC', caller: BOB, headers: { authorization: 'bob' } }))
    expect(hand.sent.length).toBe(2)
  })

  it('tell equal callers by what they are, not by which object they are', () => {
    void client.execute(query())
    void client.execute(query({ caller: { ...ALICE } }))
    expect(hand.sent.length).toBe(1)
  })

  it('give every caller what its own request would have got, whatever arrives together', async () => {
    const request = fc.record({
      kind: fc.constantFrom('query' as const, 'query' as const, 'mutation' as const),
      operation: fc.constantFrom('a', 'b'),
      variables: fc.record({ n: fc.nat(2) }),
      caller: fc.constantFrom(ALICE, BOB, { ...ALICE }),
      scope: fc.constantFrom('PUBLIC' as const, 'PRIVATE' as const),
    })
    const echo: SubgraphClient = {
      name: 'echo',
      execute: async ({ kind, operation, variables, caller, scope }) => {
        await new Promise(resolve => setImmediate(resolve))
        return { data: { kind, operation, variables, who: scope === 'PUBLIC' ? 'any' : caller.shopperId } }
      },
      ready: async () => {},
      close: async () => {},
    }
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 40 }), async owns => {
        const sharing = new SharingClient(echo, { flightsMax: 5 })
        const requests = owns.map(own => query(own))
        const got = await Promise.all(requests.map(one => sharing.execute(one)))
        expect(got).toEqual(await Promise.all(requests.map(one => echo.execute(one))))
        expect(sharing.underWay).toBe(0)
      }),
    )
  })
})

describe('what goes alone', () => {
  it('mutations', () => {
    for (let i = 0; i < 2; i++) void client.execute(requestOf('mutation', { n: 1 }, { deadlineMs }))
    expect(hand.sent.length).toBe(2)
  })

  it('a fresh query, which later ones may join', async () => {
    void client.execute(query())
    const fresh = client.execute(query({ isFresh: true }))
    const later = client.execute(query())
    expect(hand.sent.length).toBe(2)
    hand.sent[0]!.answer(1)
    hand.sent[1]!.answer(2)
    expect([await numberOf(fresh), await numberOf(later)]).toEqual([2, 2])
  })

  it('a query after a mutation of its caller was answered, for others nothing changes', async () => {
    void client.execute(query())
    void client.execute(query({ caller: BOB }))
    const mutation = client.execute(requestOf('mutation', {}, { deadlineMs }))
    hand.sent[2]!.answer(0)
    await mutation
    void client.execute(query())
    void client.execute(query({ caller: BOB }))
    expect(hand.sent.map(({ request }) => request.caller.shopperId)).toEqual([
      'alice',
      'bob',
      'alice',
      'alice',
    ])
    void client.execute(query())
    expect(hand.sent.length).toBe(4)
  })

  it('a PUBLIC query after a mutation of its caller too, while others share what left before', async () => {
    const open = (own: Partial<SubgraphRequest> = {}): Promise<SubgraphAnswer> =>
      client.execute(query({ scope: 'PUBLIC', ...own }))
    const before = open({ caller: BOB })
    const mutation = client.execute(requestOf('mutation', {}, { deadlineMs }))
    hand.sent[1]!.answer(0)
    await mutation
    const others = open({ caller: BOB })
    const own = open()
    expect(hand.sent.length).toBe(3)
    hand.sent[0]!.answer(1)
    hand.sent[2]!.answer(2)
    expect(await Promise.all([before, others, own].map(numberOf))).toEqual([1, 1, 2])
  })

  it('what JSON cannot write', () => {
    for (let i = 0; i < 2; i++) void client.execute(query({ variables: { n: 1n } }))
    expect(hand.sent.map(({ request }) => request.variables)).toEqual([{ n: 1n }, { n: 1n }])
  })

  it('what finds too many under way', () => {
    client = new SharingClient(hand, { flightsMax: 1 })
    for (const n of [1, 1, 2, 2]) void client.execute(query({ variables: { n } }))
    expect(hand.sent.map(({ request }) => request.variables.n)).toEqual([1, 2, 2])
    expect(() => new SharingClient(hand, { flightsMax: 0 })).toThrow(
      'expected flightsMax to be a positive integer, got 0',
    )
  })
})

describe('deadlines of those who share', () => {
  it('an earlier one is kept, and the fetch goes on for the others', async () => {
    const first = client.execute(query())
    const early = client.execute(query({ deadlineMs: deadlineIn(30) }))
    await expect(early).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT', extensions: { service: 'hand' } })
    hand.sent[0]!.answer(1)
    expect(await numberOf(first)).toBe(1)
    expect(hand.sent.length).toBe(1)
  })

  it('a later one is not failed by the first: the fetch goes once more for all who have time', async () => {
    const first = client.execute(query({ deadlineMs: deadlineIn(1_000) }))
    const later = [2_000, 5_000, 3_000].map(ms => client.execute(query({ deadlineMs: deadlineIn(ms) })))
    hand.sent[0]!.fail(timeout())
    await expect(first).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    await vi.waitUntil(() => hand.sent.length === 2)
    expect(hand.sent[1]!.request.deadlineMs - nowMs()).toBeGreaterThan(3_500)
    const joined = client.execute(query({ deadlineMs: deadlineIn(1_000) }))
    hand.sent[1]!.answer(2)
    expect(await Promise.all([...later, joined].map(numberOf))).toEqual([2, 2, 2, 2])
    expect([hand.sent.length, client.underWay]).toEqual([2, 0])
  })

  it('a second timeout is for those who saw the whole second fetch, not for who joined it', async () => {
    const first = client.execute(query({ deadlineMs: deadlineIn(1_000) }))
    const later = client.execute(query({ deadlineMs: deadlineIn(2_000) }))
    hand.sent[0]!.fail(timeout())
    await expect(first).rejects.toThrow()
    await vi.waitUntil(() => hand.sent.length === 2)
    const latest = client.execute(query({ deadlineMs: deadlineIn(5_000) }))
    hand.sent[1]!.fail(timeout())
    await expect(later).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    await vi.waitUntil(() => hand.sent.length === 3)
    hand.sent[2]!.answer(3)
    expect(await numberOf(latest)).toBe(3)
  })

  it('one that is about to pass is kept without asking again', async () => {
    const first = client.execute(query({ deadlineMs: nowMs() + 1 }))
    const later = client.execute(query({ deadlineMs: nowMs() + 5 }))
    hand.sent[0]!.fail(timeout())
    await expect(first).rejects.toThrow()
    await expect(later).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    expect([hand.sent.length, client.underWay]).toEqual([1, 0])
  })
})
