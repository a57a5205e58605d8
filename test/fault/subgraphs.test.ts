import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { ERRORS } from '../../gateway/errors.ts'
import { type Asked, type Behaviour, ENVELOPE, LINES, line } from '../harness/misbehaving-subgraph.ts'
import { runCommand } from '../harness/processes.ts'
import { response } from '../harness/raw-http.ts'
import { answerOfStock, NAMES, type StockAnswer, stockGraph } from '../harness/stock-graph.ts'

/**
 * A subgraph that misbehaves, seen by a client of the gateway: there is an answer within the time that the request has,
 * it says with a code what became of the part that is missing, the other subgraph's part is there, and whatever was a
 * mutation was sent once.
 */

const TRANSPORTS = ['plain', 'envelope'] as const

/** For subgraphs that keep quiet; all others are found out, whatever time there is. */
const QUIET_MS_MAX = 300

const HTML = { 'content-type': 'text/html' }
const GRAPHQL_ERROR = '{"errors":[{"message":"the database is gone"}]}'
const OVERLOADED =
  '{"errors":[{"message":"full","extensions":{"code":"SUBGRAPH_OVERLOADED","retryAfterMs":70}}]}'

interface Row {
  readonly what: string
  readonly act: Behaviour
  /** Code of whatever a query asked of it; for the envelope, if that is another one. */
  readonly query: string
  readonly queryInEnvelope?: string
  readonly mutation: string
  readonly mutationInEnvelope?: string
  /** How often it is sent a query. Default 1: nothing says that another time would help. */
  readonly queriesSent?: 2
  readonly isQuiet?: true
}

const bad = { query: 'SUBGRAPH_BAD_ANSWER', mutation: 'OUTCOME_UNKNOWN' } as const
const late = { query: 'SUBGRAPH_TIMEOUT', mutation: 'OUTCOME_UNKNOWN', isQuiet: true } as const

/** The well answer's bytes. */
function bytesOf(asked: Asked): string {
  let bytes = ''
  const answers = asked.operations.map(operation => ({ ...operation, answer: answerOfStock(operation) }))
  if (asked.isBatch) bytes = answers.map(({ index, answer }) => line(index, answer)).join('')
  else bytes = JSON.stringify(answers[0]!.answer)
  return response(200, bytes, asked.isBatch ? LINES : {})
}

const ROWS: readonly Row[] = [
  { what: 'never answers', act: () => {}, ...late },
  {
    what: 'says that it has an answer, and never what it is',
    act: asked => asked.write(headOf(asked)),
    ...late,
  },
  {
    what: 'stops in the middle of its answer',
    act: asked => asked.write(bytesOf(asked).slice(0, -9)),
    ...late,
  },
  {
    what: 'sends a byte now and then',
    act: asked => {
      asked.write(headOf(asked))
      const drip = setInterval(() => asked.write(' '), 10)
      asked.socket.on('close', () => clearInterval(drip))
    },
    ...late,
  },
  {
    what: 'resets the connection instead of answering',
    act: ({ socket }) => socket.resetAndDestroy(),
    query: 'SUBGRAPH_UNREACHABLE',
    mutation: 'OUTCOME_UNKNOWN',
    queriesSent: 2,
  },
  {
    what: 'closes the connection instead of answering',
    act: ({ socket }) => socket.end(),
    query: 'SUBGRAPH_UNREACHABLE',
    mutation: 'OUTCOME_UNKNOWN',
    queriesSent: 2,
  },
  {
    what: 'resets the connection in the middle of the head',
    act: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\ncontent-', () => socket.resetAndDestroy()),
    query: 'SUBGRAPH_UNREACHABLE',
    mutation: 'OUTCOME_UNKNOWN',
    queriesSent: 2,
  },
  {
    what: 'resets the connection in the middle of the body',
    act: asked => {
      const { socket } = asked
      socket.write(bytesOf(asked).slice(0, -9), () => socket.resetAndDestroy())
    },
    ...bad,
    queriesSent: 2,
  },
  {
    what: 'closes the connection in the middle of the body',
    act: asked => asked.socket.end(bytesOf(asked).slice(0, -9)),
    ...bad,
    queriesSent: 2,
  },
  {
    what: 'ends a body of no known length in the middle',
    act: asked =>
      asked.socket.end(
        bytesOf(asked)
          .slice(0, -9)
          .replace(/content-length: \d+\r\n/, ''),
      ),
    ...bad,
  },
  {
    what: 'sends JSON that is cut off',
    act: asked => {
      const [, body = ''] = bytesOf(asked).split('\r\n\r\n')
      asked.respond(200, body.slice(0, -9), asked.isBatch ? LINES : {})
    },
    ...bad,
  },
  { what: 'answers 500 without a body', act: asked => asked.respond(500, '', HTML), ...bad },
  { what: 'answers 502 with a page', act: asked => asked.respond(502, '<html>', HTML), ...bad },
  {
    what: 'answers 503 with a page',
    act: asked => asked.respond(503, '<html>', HTML),
    query: 'SUBGRAPH_OVERLOADED',
    mutation: 'OUTCOME_UNKNOWN',
  },
  {
    what: 'answers 500 with errors of GraphQL',
    act: asked => asked.respond(500, GRAPHQL_ERROR),
    query: 'SUBGRAPH_ERROR',
    mutation: 'SUBGRAPH_ERROR',
    // Not the answer to any one item.
    queryInEnvelope: 'SUBGRAPH_BAD_ANSWER',
    mutationInEnvelope: 'OUTCOME_UNKNOWN',
  },
  {
    what: 'one of ours, has executed nothing because it is full',
    act: asked => asked.respond(503, OVERLOADED, ENVELOPE),
    query: 'SUBGRAPH_OVERLOADED',
    mutation: 'SUBGRAPH_OVERLOADED',
  },
  { what: 'answers 200 with a page', act: asked => asked.respond(200, '<html>', HTML), ...bad },
  {
    what: 'answers 200 with a page called JSON',
    act: asked => asked.respond(200, '<html>', asked.isBatch ? LINES : {}),
    ...bad,
  },
  { what: 'answers with nothing', act: asked => asked.respond(200, '', asked.isBatch ? LINES : {}), ...bad },
  {
    what: 'sends somewhere else',
    act: asked => asked.respond(302, '', { location: '/elsewhere' }),
    query: 'SUBGRAPH_BAD_ANSWER',
    mutation: 'SUBGRAPH_BAD_ANSWER',
  },
  {
    what: 'answers in another protocol',
    act: asked => asked.write('220 stock ESMTP ready\r\n\r\n'),
    ...bad,
  },
  {
    what: 'answers with a head that has no end',
    act: asked => asked.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}`),
    ...bad,
  },
  {
    what: 'answers with bytes that are no text',
    act: ({ isBatch, socket }) => {
      const body = Buffer.from([0x1f, 0x8b, 0x08, 0xff, 0xfe, 0x00, 0x0a])
      const type = isBatch ? LINES['content-type'] : 'application/json'
      socket.write(
        `HTTP/1.1 200 OK\r\nspillway-batch: 1\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`,
      )
      socket.write(body)
    },
    ...bad,
  },
]

function headOf(asked: Asked): string {
  const [head = ''] = bytesOf(asked).split('\r\n\r\n')
  return `${head.replace(/content-length: \d+/, 'content-length: 1000000')}\r\n\r\n`
}

const shelfOf = (left: (id: number) => number | null, note: string | null): object => ({
  products: NAMES.map((name, id) => ({ id: `${id}`, name, left: left(id) })),
  note,
})
const WELL = { status: 200, body: { data: shelfOf(id => id, 'well') } }
const WITHOUT_STOCK = shelfOf(() => null, null)

/** Path and code of each error, by path; says by the way that a code that may be asked again says when. */
function errorsOf({ body }: StockAnswer): string[] {
  return (body.errors ?? [])
    .map(({ path, extensions }: { path: unknown[]; extensions: Record<string, unknown> }) => {
      const code = extensions.code as string
      expect(extensions.service).toBe('stock')
      expect([code, typeof extensions.retryAfterMs === 'number']).toEqual([code, ERRORS[code]!.retryable])
      return `${path?.join('.')} ${code}`
    })
    .sort()
}

const everywhere = (code: string): string[] =>
  ['note', 'products.0.left', 'products.1.left', 'products.2.left'].map(path => `${path} ${code}`)

describe.each(TRANSPORTS)('a subgraph asked by %s requests', transport => {
  test('answers when the request has no time left: the client has its answer, and the late one hurts nobody', async () => {
    await using graph = await stockGraph({ transport, limits: { requestMsMax: 600 } })
    const { stock } = graph
    const held: Asked[] = []
    stock.behave = asked => void held.push(asked)
    const answers = Promise.all([graph.ask('Exact'), graph.ask('Take', { n: 1 })])
    // Both have left before their time is over.
    await vi.waitUntil(() => stock.sent.length === 2)
    for (const { remainingMs } of stock.sent) expect(remainingMs).toBeLessThanOrEqual(600)
    const [exact, taken] = await answers
    expect([exact.status, ...errorsOf(exact)]).toEqual([504, 'exact SUBGRAPH_TIMEOUT'])
    expect([taken.status, ...errorsOf(taken)]).toEqual([503, 'take OUTCOME_UNKNOWN'])
    for (const asked of held) stock.well(asked)
    stock.behave = stock.well
    expect(await graph.ask('Shelf', { of: 2 })).toEqual(WELL)
    expect(stock.timesSent('mutation')).toBe(1)
  })

  test.each(ROWS)('$what', async row => {
    const isEnvelope = transport === 'envelope'
    const query = (isEnvelope && row.queryInEnvelope) || row.query
    const mutation = (isEnvelope && row.mutationInEnvelope) || row.mutation
    const queriesSent = row.queriesSent ?? 1
    const client = row.isQuiet ? { requestMsMax: QUIET_MS_MAX } : {}
    await using graph = await stockGraph({ transport, client })
    const { stock } = graph

    stock.behave = row.act
    const shelf = await graph.ask('Shelf', { of: 1 })
    expect({ status: shelf.status, data: shelf.body.data }).toEqual({ status: 200, data: WITHOUT_STOCK })
    expect(errorsOf(shelf)).toEqual(everywhere(query))
    expect([stock.timesSent('note'), stock.timesSent('_entities')]).toEqual([queriesSent, queriesSent])
    if (row.isQuiet) for (const sent of stock.sent) expect(sent.remainingMs).toBeLessThanOrEqual(QUIET_MS_MAX)

    // What failed it leaves nothing behind; it also keeps the breaker out of this.
    stock.behave = stock.well
    expect(await graph.ask('Shelf', { of: 2 })).toEqual(WELL)

    stock.behave = row.act
    const exact = await graph.ask('Exact', { of: 1 })
    expect({ status: exact.status, data: exact.body.data }).toEqual({
      status: ERRORS[query]!.status,
      data: null,
    })
    expect(errorsOf(exact)).toEqual([`exact ${query}`])
    const taken = await graph.ask('Take', { n: 1 })
    expect({ status: taken.status, data: taken.body.data }).toEqual({
      status: ERRORS[mutation]!.status,
      data: null,
    })
    expect(errorsOf(taken)).toEqual([`take ${mutation}`])
    expect([stock.timesSent('exact'), stock.timesSent('mutation')]).toEqual([queriesSent, 1])

    stock.behave = stock.well
    expect(await graph.ask('Take', { n: 2 })).toEqual({
      status: 200,
      body: { data: { take: { left: 9 } } },
    })
    expect(await graph.metric('spillway_subgraph_breaker')).toBe(0)
    expect(await graph.metric('spillway_convoy_in_flight')).toBe(0)
  })
})

describe('a subgraph that never accepts a connection', () => {
  /** Listens, and is busy for good: the system completes as many connections as its backlog takes, and no more. */
  const BUSY = `require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log('port ' + this.address().port)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`

  test.each([
    [
      'by the time for connecting',
      { connectMsMax: 200 },
      'SUBGRAPH_UNREACHABLE',
      'not sent: expected a connection',
    ],
    [
      'by the deadline, when that is sooner',
      { connectMsMax: 800, requestMsMax: 200 },
      'SUBGRAPH_TIMEOUT',
      'the deadline passed before the request was sent',
    ],
  ])('is given up %s; queries and mutations alike were not sent', async (_, client, code, why) => {
    await using busy = runCommand(process.execPath, ['-e', BUSY], {})
    const port = Number((await busy.says(/port (\d+)/))[1])
    const others = Array.from({ length: 16 }, () => connect(port, '127.0.0.1').on('error', () => {}))
    try {
      await Promise.all(others.slice(0, 2).map(other => other.connecting && once(other, 'connect')))
      await using graph = await stockGraph({ stockUrl: `http://127.0.0.1:${port}/graphql`, client })
      const shelf = await graph.ask('Shelf', { of: 1 })
      expect({ status: shelf.status, data: shelf.body.data }).toEqual({ status: 200, data: WITHOUT_STOCK })
      expect(errorsOf(shelf)).toEqual(everywhere(code))
      const taken = await graph.ask('Take', { n: 1 })
      expect([taken.status, ...errorsOf(taken)]).toEqual([ERRORS[code]!.status, `take ${code}`])
      expect(taken.body.errors[0].message).toContain(why)
      expect(taken.body.errors[0].message).not.toContain('127.0.0.1')
    } finally {
      for (const other of others) other.destroy()
      busy.kill('SIGKILL')
    }
  })
})
