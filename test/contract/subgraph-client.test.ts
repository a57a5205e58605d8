import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { deadlineIn } from '../../protocol/deadline.ts'
import { HttpClient } from '../../protocol/http-client.ts'
import { InProcessClient } from '../../protocol/in-process-client.ts'
import { SharingClient } from '../../protocol/sharing-client.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { createSubgraphHttpServer, type SubgraphHttpServer } from '../../subgraphs/http.ts'
import { ALICE, requestOf, ScriptedSubgraph } from '../harness/scripted-subgraph.ts'

const IDENTITY_KEY = 'contract-suite-identity-key-of-the-tests'
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

let subgraph: ScriptedSubgraph
let client: SubgraphClient
let server: SubgraphHttpServer | undefined

async function serve(): Promise<HttpClient> {
  const logger = { error: () => {} }
  server = createSubgraphHttpServer({ subgraph, identityKeys: [IDENTITY_KEY], logger })
  const { url } = await server.listen(0, '127.0.0.1')
  return new HttpClient({ name: subgraph.name, url, sender: 'gateway', identityKey: IDENTITY_KEY })
}

const CLIENTS: Readonly<Record<string, () => Promise<SubgraphClient>>> = {
  'in process': async () => new InProcessClient(subgraph),
  'over HTTP, plain': async () => {
    const http = await serve()
    // As a subgraph that never announces the envelope.
    vi.spyOn(http, 'isBatching', 'get').mockReturnValue(false)
    return http
  },
  'over HTTP, batched': async () => {
    const http = await serve()
    await http.ready()
    expect(http.isBatching).toBe(true)
    return http
  },
  'in process, shared': async () => new SharingClient(new InProcessClient(subgraph)),
  'over HTTP, shared': async () => {
    const http = await serve()
    await http.ready()
    return new SharingClient(http)
  },
}

/** As a reader of the answer sees it on either side of a wire. */
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe.each(Object.entries(CLIENTS))('a subgraph client %s', (_, create) => {
  beforeEach(async () => {
    subgraph = new ScriptedSubgraph()
    client = await create()
  })
  afterEach(async () => {
    subgraph.release()
    await client.close()
    await server?.close()
    server = undefined
  })

  it('carries the whole request, and the whole answer', async () => {
    const variables = {
      do: 'echo',
      text: '奶茶 "\n\0\u2028',
      list: [1, null, { deep: [true] }],
      fen: 300_000_000_000,
    }
    for (const kind of ['query', 'mutation'] as const) {
      const request = requestOf(kind, variables, {
        operationName: 'Do',
        priority: 'PAY',
        traceparent: TRACEPARENT,
      })
      expect(await client.execute(request)).toEqual({
        data: {
          echo: {
            kind,
            operation: request.operation,
            operationName: 'Do',
            variables,
            caller: ALICE,
            priority: 'PAY',
            traceparent: TRACEPARENT,
          },
        },
      })
    }
  })

  it('gives the subgraph the deadline that the request has', async () => {
    await client.execute(requestOf('query', { do: 'echo' }, { deadlineMs: deadlineIn(5_000) }))
    const leftMs = subgraph.requests[0]!.deadlineMs - performance.now()
    expect(leftMs).toBeGreaterThan(0)
    expect(leftMs).toBeLessThanOrEqual(5_000)
  })

  it('passes errors with their paths, codes and extensions', async () => {
    expect(json(await client.execute(requestOf('query', { do: 'errors' })))).toEqual({
      data: { field: null },
      errors: [{ message: 'no', path: ['field', 0], extensions: { code: 'BAD_ID', retryAfterMs: 5 } }],
      extensions: { trace: 1 },
    })
  })

  it('gives each of many callers at once its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, n) => client.execute(requestOf('query', { do: 'echo', n }))),
    )
    expect(
      answers.map(answer => (answer.data as { echo: { variables: { n: number } } }).echo.variables.n),
    ).toEqual(Array.from({ length: 500 }, (_, n) => n))
  })

  it('holds up no fast answer for slow ones, be they more than its lanes', async () => {
    const slow: Promise<unknown>[] = []
    for (let i = 1; i <= 8; i++) {
      slow.push(client.execute(requestOf('query', { do: 'wait', n: i })))
      await vi.waitUntil(() => subgraph.waiting === i)
    }
    await client.execute(requestOf('query', { do: 'echo' }))
    expect(subgraph.release()).toBe(8)
    await Promise.all(slow)
  })

  it.each([
    ['query', 'SUBGRAPH_TIMEOUT'],
    ['mutation', 'OUTCOME_UNKNOWN'],
  ] as const)('answers a %s that is not answered by its deadline with %s', async (kind, code) => {
    const request = requestOf(kind, { do: 'wait' }, { deadlineMs: deadlineIn(100) })
    await expect(client.execute(request)).rejects.toMatchObject({
      code,
      extensions: { code, retryAfterMs: 1_000, service: 'scripted' },
    })
    expect(subgraph.requests.length).toBe(1)
  })

  it.each(['query', 'mutation'] as const)('never sends a %s whose deadline has passed', async kind => {
    const request = requestOf(kind, { do: 'echo' }, { deadlineMs: deadlineIn(-1) })
    await expect(client.execute(request)).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    expect(subgraph.requests.length).toBe(0)
  })

  it.each(['query', 'mutation'] as const)(
    'passes on that the subgraph is overloaded, for a %s',
    async kind => {
      await expect(client.execute(requestOf(kind, { do: 'overloaded' }))).rejects.toMatchObject({
        extensions: { code: 'SUBGRAPH_OVERLOADED', retryAfterMs: 1_234, service: 'scripted' },
      })
    },
  )

  it.each([
    ['query', 'SUBGRAPH_BAD_ANSWER'],
    ['mutation', 'OUTCOME_UNKNOWN'],
  ] as const)('turns an exception in a %s into %s, and says nothing of it', async (kind, code) => {
    const error = await client.execute(requestOf(kind, { do: 'throw' })).catch(e => e)
    expect(error).toMatchObject({ code })
    expect(error.message).not.toContain('a bug')
  })

  it('fails one of many and not its neighbours', async () => {
    const outcomes = await Promise.allSettled(
      ['echo', 'throw', 'echo', 'overloaded', 'errors'].map(what =>
        client.execute(requestOf('query', { do: what })),
      ),
    )
    expect(outcomes.map(o => (o.status === 'fulfilled' ? 'answer' : o.reason.code))).toEqual([
      'answer',
      'SUBGRAPH_BAD_ANSWER',
      'answer',
      'SUBGRAPH_OVERLOADED',
      'answer',
    ])
  })

  it('is ready when the subgraph is, and says why it is not', async () => {
    await client.ready()
    subgraph.unready = 'no database'
    await expect(client.ready()).rejects.toThrow('no database')
  })

  it('waits for what is under way when it is closed, and refuses what comes', async () => {
    const slow = client.execute(requestOf('mutation', { do: 'wait' }))
    await vi.waitUntil(() => subgraph.waiting === 1)
    let isClosed = false
    const closing = client.close().then(() => {
      isClosed = true
    })
    await expect(client.execute(requestOf('query', { do: 'echo' }))).rejects.toMatchObject({
      code: 'SUBGRAPH_UNREACHABLE',
    })
    expect(isClosed).toBe(false)
    subgraph.release()
    await slow
    await closing
  })
})
