import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Caller } from '../../protocol/caller.ts'
import { signIdentity } from '../../protocol/identity.ts'
import {
  createSubgraphHttpServer,
  type SubgraphHttpOptions,
  type SubgraphHttpServer,
} from '../../subgraphs/http.ts'
import { ALICE, ScriptedSubgraph } from '../harness/scripted-subgraph.ts'

const KEY = 'current-key-of-the-server-test-32'
const PREVIOUS = 'previous-key-of-the-server-test-32'
const GATEWAY: Caller = { kind: 'service', client: 'gateway', scopes: [], tier: 'partner' }
const BATCH_TYPE = 'application/vnd.spillway.batch+json'
const PLAIN = JSON.stringify({ query: 'mutation M { do }', operationName: 'M', variables: { do: 'echo' } })

let subgraph: ScriptedSubgraph
let server: SubgraphHttpServer | undefined
let url: string

async function serve(options: Partial<SubgraphHttpOptions> = {}): Promise<void> {
  subgraph = new ScriptedSubgraph()
  server = createSubgraphHttpServer({ subgraph, identityKeys: [], logger: { error: () => {} }, ...options })
  url = (await server.listen(0, '127.0.0.1')).url
}

afterEach(async () => {
  subgraph.release()
  await server?.close()
  server = undefined
})

const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })

const signed = (body: string, caller: Caller = ALICE, key = KEY): Record<string, string> => ({
  'spillway-identity': signIdentity(body, caller, key),
})

/** A batch of one item for each of these variables. */
const batchOf = (items: readonly object[], own: object = {}): string =>
  JSON.stringify({
    operations: [{ kind: 'query', text: 'query Q { do }', name: 'Q' }],
    items: items.map((variables, index) => ({
      index,
      operation: 0,
      caller: ALICE,
      remainingMs: 5_000,
      priority: 'PAY',
      variables,
      ...own,
    })),
  })

const linesOf = async (
  response: Response,
): Promise<{ index: number; data?: unknown; fault?: { code: string } }[]> =>
  (await response.text())
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))

const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { errors: { extensions: { code: unknown } }[] }).errors[0]?.extensions.code

describe('a plain request', () => {
  it('is executed with what its headers and its text say', async () => {
    await serve()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const response = await post(PLAIN, {
      'spillway-priority': 'REDEEM',
      'spillway-remaining-ms': '700',
      traceparent,
      accept: 'application/graphql-response+json',
    })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/graphql-response+json; charset=utf-8')
    expect(response.headers.get('spillway-batch')).toBe('1')
    expect(subgraph.requests[0]).toMatchObject({
      kind: 'mutation',
      operation: 'mutation M { do }',
      operationName: 'M',
      variables: { do: 'echo' },
      priority: 'REDEEM',
      traceparent,
    })
    const leftMs = subgraph.requests[0]!.deadlineMs - performance.now()
    expect(leftMs).toBeLessThanOrEqual(700)
  })

  it('that is minimal is an ad-hoc query with ten seconds', async () => {
    await serve()
    await post('{"query":"{ do }","variables":null,"operationName":null}')
    expect(subgraph.requests[0]).toMatchObject({ kind: 'query', variables: {}, priority: 'ADHOC' })
    expect(subgraph.requests[0]!.deadlineMs - performance.now()).toBeGreaterThan(5_000)
  })

  it.each([
    ['malformed JSON', '{"query":', {}, 400, 'BAD_REQUEST'],
    ['nothing', '', {}, 400, 'BAD_REQUEST'],
    ['a list', '[]', {}, 400, 'BAD_REQUEST'],
    ['no query', '{}', {}, 400, 'BAD_REQUEST'],
    ['variables that are a list', '{"query":"{a}","variables":[]}', {}, 400, 'BAD_REQUEST'],
    ['an operation name that is a number', '{"query":"{a}","operationName":1}', {}, 400, 'BAD_REQUEST'],
    ['a deadline that is no number', PLAIN, { 'spillway-remaining-ms': 'soon' }, 400, 'BAD_REQUEST'],
    ['a deadline that has passed', PLAIN, { 'spillway-remaining-ms': '0' }, 504, 'SUBGRAPH_TIMEOUT'],
    ['text', PLAIN, { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a form', PLAIN, { 'content-type': 'multipart/form-data' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['too many bytes', `{"query":"${'x'.repeat(2_000)}"}`, {}, 413, 'BODY_TOO_LARGE'],
    ['far too many bytes', `{"query":"${'x'.repeat(100_000)}"}`, {}, 413, 'BODY_TOO_LARGE'],
  ])('of %s is refused, and nothing runs', async (_, body, headers, status, code) => {
    await serve({ bodyBytesMax: 1_000 })
    const response = await post(body, headers)
    expect([response.status, await codeOf(response)]).toEqual([status, code])
    expect(subgraph.requests).toEqual([])
    // The next request is none the worse.
    expect((await post(PLAIN)).status).toBe(200)
  })

  it('by another method or to another path is refused', async () => {
    await serve()
    const get = await fetch(url)
    expect([get.status, get.headers.get('allow'), await codeOf(get)]).toEqual([
      405,
      'POST',
      'METHOD_NOT_ALLOWED',
    ])
    const elsewhere = await fetch(new URL('/other', url))
    expect([elsewhere.status, await codeOf(elsewhere)]).toEqual([404, 'NOT_FOUND'])
  })

  it('over the operations under way is refused with 503, and room is given back', async () => {
    await serve({ operationsMax: 1 })
    const slow = post('{"query":"{ do }","variables":{"do":"wait"}}')
    await vi.waitUntil(() => subgraph.waiting === 1)
    const refused = await post(PLAIN)
    expect([refused.status, await codeOf(refused)]).toEqual([503, 'SUBGRAPH_OVERLOADED'])
    subgraph.release()
    expect((await slow).status).toBe(200)
    expect((await post(PLAIN)).status).toBe(200)
  })

  it('whose answer cannot be written is a lost answer: unknown for a mutation', async () => {
    await serve()
    const mutation = await post('{"query":"mutation { do }","variables":{"do":"unwritable"}}')
    expect([mutation.status, await codeOf(mutation)]).toEqual([503, 'OUTCOME_UNKNOWN'])
    const query = await post('{"query":"{ do }","variables":{"do":"unwritable"}}')
    expect([query.status, await codeOf(query)]).toEqual([502, 'SUBGRAPH_BAD_ANSWER'])
  })
})

describe('identity', () => {
  it('without keys an unsigned request is anonymous, and what a batch says of its callers counts for nothing', async () => {
    await serve()
    await post(PLAIN)
    await post(batchOf([{ do: 'echo' }]), { 'content-type': BATCH_TYPE })
    expect(subgraph.requests.map(request => request.caller.kind)).toEqual(['anonymous', 'anonymous'])
  })

  it('with keys the signature names the caller, under the current key and the previous', async () => {
    await serve({ identityKeys: [KEY, PREVIOUS] })
    await post(PLAIN, signed(PLAIN))
    await post(PLAIN, signed(PLAIN, ALICE, PREVIOUS))
    const batch = batchOf([{ do: 'echo' }])
    await post(batch, { 'content-type': BATCH_TYPE, ...signed(batch, GATEWAY) })
    expect(subgraph.requests.map(request => request.caller)).toEqual([ALICE, ALICE, ALICE])
  })

  it.each([
    ['unsigned', {}],
    ['signed for another body', signed(`${PLAIN} `)],
    ['signed with another key', signed(PLAIN, ALICE, 'a-key-that-nobody-knows-to-this-day')],
  ])('with keys a request that is %s is refused with 401, and nothing runs', async (_, headers) => {
    await serve({ identityKeys: [KEY] })
    const response = await post(PLAIN, headers)
    expect([response.status, await codeOf(response)]).toEqual([401, 'UNAUTHENTICATED'])
    expect(subgraph.requests).toEqual([])
  })

  it('a shopper’s signature carries no batch, whose items could name anybody', async () => {
    await serve({ identityKeys: [KEY] })
    const batch = batchOf([{ do: 'echo' }])
    const response = await post(batch, { 'content-type': BATCH_TYPE, ...signed(batch, ALICE) })
    expect([response.status, await codeOf(response)]).toEqual([403, 'FORBIDDEN'])
    expect(subgraph.requests).toEqual([])
  })
})

describe('a batch', () => {
  const send = (body: string): Promise<Response> => post(body, { 'content-type': BATCH_TYPE })

  it('answers in completion order, each line as soon as it is there', async () => {
    await serve()
    const response = await send(batchOf([{ do: 'wait' }, { do: 'echo' }, { do: 'throw' }]))
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (text.split('\n').length < 3) text += (await reader.read()).value
    expect(text).toContain('{"index":1,"data":')
    expect(text).toContain('{"index":2,"fault":{"code":"SUBGRAPH_BAD_ANSWER"')
    expect(subgraph.waiting).toBe(1)
    subgraph.release()
    let rest = ''
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) rest += chunk.value
    expect(rest.startsWith('{"index":0,"data":')).toBe(true)
  })

  it('honours each item’s own deadline', async () => {
    await serve()
    const lines = await linesOf(await send(batchOf([{ do: 'wait' }, { do: 'echo' }], { remainingMs: 50 })))
    expect(lines.map(line => [line.index, line.fault?.code])).toEqual([
      [1, undefined],
      [0, 'SUBGRAPH_TIMEOUT'],
    ])
  })

  it('refuses the items that find no room, and answers the others', async () => {
    await serve({ operationsMax: 2 })
    const lines = await linesOf(await send(batchOf([{ do: 'echo' }, { do: 'echo' }, { do: 'echo' }])))
    expect(lines.map(line => line.fault?.code).toSorted()).toEqual([
      'SUBGRAPH_OVERLOADED',
      undefined,
      undefined,
    ])
  })

  it('answers the others when one item is malformed', async () => {
    await serve()
    const body = JSON.parse(batchOf([{ do: 'echo' }, { do: 'echo' }, { do: 'echo' }]))
    body.items[1].caller = { kind: 'root' }
    const lines = await linesOf(await send(JSON.stringify(body)))
    expect(lines.toSorted((a, b) => a.index - b.index).map(line => line.fault?.code)).toEqual([
      undefined,
      'SUBGRAPH_BAD_ANSWER',
      undefined,
    ])
  })

  it.each([
    ['malformed JSON', '{"operations":'],
    ['a list', '[]'],
    ['no items', '{"operations":[],"items":[]}'],
    ['more items than allowed', batchOf(Array.from({ length: 1_001 }, () => ({})))],
    ['two items of one index', batchOf([{}, {}], { index: 0 })],
    ['an item without an index', batchOf([{}], { index: null })],
  ])('of %s is refused whole with 400, and nothing runs', async (_, body) => {
    await serve()
    const response = await send(body)
    expect([response.status, await codeOf(response)]).toEqual([400, 'BAD_REQUEST'])
    expect(subgraph.requests).toEqual([])
  })
})

describe('health', () => {
  it('is live always, ready when the subgraph is, and says why it is not', async () => {
    await serve()
    const status = async (path: string): Promise<unknown> => {
      const response = await fetch(new URL(path, url))
      return [response.status, await response.json()]
    }
    expect(await status('/health/live')).toEqual([200, { status: 'live' }])
    expect(await status('/health/ready')).toEqual([200, { status: 'ready' }])
    subgraph.unready = 'no database'
    expect(await status('/health/ready')).toEqual([503, { status: 'not ready', reason: 'no database' }])
    expect(await status('/health/live')).toEqual([200, { status: 'live' }])
  })
})

describe('closing', () => {
  it('finishes what is under way, plain and batched, and takes no new connection', async () => {
    await serve()
    const plain = post('{"query":"{ do }","variables":{"do":"wait"}}')
    const batch = post(batchOf([{ do: 'wait' }]), { 'content-type': BATCH_TYPE })
    await vi.waitUntil(() => subgraph.waiting === 2)
    let isClosed = false
    const closing = server!.close().then(() => {
      isClosed = true
    })
    await expect(post(PLAIN)).rejects.toThrow()
    expect(isClosed).toBe(false)
    subgraph.release()
    expect((await plain).status).toBe(200)
    expect((await linesOf(await batch))[0]).toMatchObject({ index: 0, data: {} })
    await closing
    server = undefined
  })

  it('gives up what outlives its bound', async () => {
    await serve({ closeMsMax: 20 })
    const stuck = expect(post('{"query":"{ do }","variables":{"do":"wait"}}')).rejects.toThrow()
    await vi.waitUntil(() => subgraph.waiting === 1)
    await server!.close()
    await stuck
    server = undefined
  })

  it('says when it cannot listen', async () => {
    await serve()
    const other = createSubgraphHttpServer({ subgraph, identityKeys: [], logger: { error: () => {} } })
    await expect(other.listen(Number(new URL(url).port), '127.0.0.1')).rejects.toThrow('EADDRINUSE')
  })
})
