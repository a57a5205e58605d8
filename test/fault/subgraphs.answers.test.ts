import { describe, expect, test } from 'vitest'
import { LINES, type SentOperation } from '../harness/misbehaving-subgraph.ts'
import { answerOfStock, NAMES, OPERATIONS, saysOf, stockGraph } from '../harness/stock-graph.ts'

/** A subgraph that speaks HTTP and JSON well, and says what its schema does not have. */

const TRANSPORTS = ['plain', 'envelope'] as const

interface Row {
  readonly what: string
  readonly operation: keyof typeof OPERATIONS
  /** What it answers, by the operation's kind of field; it is well where this says nothing. */
  readonly says: Readonly<Record<string, unknown>>
  /** Status, data and errors (path, code) of the gateway's answer. */
  readonly gives: readonly [status: number, data: unknown, ...errors: readonly string[]]
}

const products = (...left: readonly (number | null)[]): object[] =>
  NAMES.map((name, id) => ({ id: `${id}`, name, left: left[id]! }))
const noneLeft = ['products.0.left', 'products.1.left', 'products.2.left'].map(
  path => `${path} SUBGRAPH_BAD_ANSWER`,
)
const withoutLeft = { products: products(null, null, null), note: 'well' }
const shelf = { operation: 'Shelf', gives: [200, withoutLeft, ...noneLeft] } as const
const shelves = (...of: readonly unknown[]): object => ({
  products: NAMES.map((name, id) => ({ name, left: id, shelves: of[id] })),
})

const ROWS: readonly Row[] = [
  { what: 'too few entities', says: { _entities: [{ left: 0 }, { left: 1 }] }, ...shelf },
  { what: 'no entities', says: { _entities: [] }, ...shelf },
  {
    what: 'too many entities',
    says: { _entities: [{ left: 0 }, { left: 1 }, { left: 2 }, { left: 3 }] },
    ...shelf,
  },
  { what: 'entities by number', says: { _entities: { 0: { left: 0 }, length: 3 } }, ...shelf },
  { what: 'null for entities', says: { _entities: null }, ...shelf },
  { what: 'other data than entities', says: { _entities: undefined }, ...shelf },
  { what: 'text for entities', says: { _entities: 'three' }, ...shelf },
  { what: 'entities that are text', says: { _entities: ['a', 'b', 'c'] }, ...shelf },
  { what: 'an entity that is a list', says: { _entities: [{ left: 0 }, [{ left: 1 }], null] }, ...shelf },
  {
    what: 'null for an entity',
    says: { _entities: [{ left: 0 }, null, { left: 2 }] },
    operation: 'Shelf',
    gives: [200, { products: products(0, null, 2), note: 'well' }],
  },
  {
    what: 'entities with values of other types',
    says: { _entities: [{ left: '0' }, { left: { of: 1 } }, { left: [2] }] },
    ...shelf,
  },
  {
    what: 'objects where lists should be, and the other way round',
    says: {
      _entities: [
        { left: 0, shelves: { row: 1 } },
        { left: 1, shelves: [[{ row: 1 }], 'row', null] },
        { left: 2, shelves: 'none' },
      ],
    },
    operation: 'Shelves',
    gives: [
      200,
      shelves(null, [null, null, null], null),
      'products.0.shelves SUBGRAPH_BAD_ANSWER',
      'products.1.shelves.0 SUBGRAPH_BAD_ANSWER',
      'products.1.shelves.1 SUBGRAPH_BAD_ANSWER',
      'products.2.shelves SUBGRAPH_BAD_ANSWER',
    ],
  },
  {
    what: 'an object for text',
    says: { note: { text: 'well' } },
    operation: 'Shelf',
    gives: [200, { products: products(0, 1, 2), note: null }, 'note SUBGRAPH_BAD_ANSWER'],
  },
  {
    what: 'null for what cannot be null',
    says: { exact: null },
    operation: 'Exact',
    gives: [502, null, 'exact SUBGRAPH_BAD_ANSWER'],
  },
  {
    what: 'nothing for what cannot be null',
    says: { exact: undefined },
    operation: 'Exact',
    gives: [502, null, 'exact SUBGRAPH_BAD_ANSWER'],
  },
  {
    what: 'a number that is too large',
    says: { exact: 2 ** 40 },
    operation: 'Exact',
    gives: [502, null, 'exact SUBGRAPH_BAD_ANSWER'],
  },
  {
    what: 'text for the object that a mutation gives',
    says: { take: 'taken' },
    operation: 'Take',
    gives: [502, null, 'take SUBGRAPH_BAD_ANSWER'],
  },
  {
    what: 'null inside the object that a mutation gives',
    says: { take: { left: null } },
    operation: 'Take',
    gives: [502, null, 'take.left SUBGRAPH_BAD_ANSWER'],
  },
  {
    what: 'names that plain objects inherit',
    says: {
      anything: JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    },
    operation: 'Anything',
    gives: [
      200,
      {
        products: NAMES.map(name => ({ name })),
        anything: JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
      },
    ],
  },
]

/** The well answer, but for what the row says. */
const answerOf =
  (says: Row['says']) =>
  (operation: SentOperation): unknown => {
    const { data } = answerOfStock(operation) as { data: Record<string, unknown> }
    const [key] = Object.keys(data) as [string]
    const name = key.replace('_a_', '')
    return { data: name in says ? { [key]: says[name] } : data }
  }

describe.each(TRANSPORTS)('a subgraph asked by %s requests says', transport => {
  test.each(ROWS)('$what', async ({ says, operation, gives: [status, data, ...errors] }) => {
    await using graph = await stockGraph({ transport })
    graph.stock.behave = asked => asked.answer(answerOf(says))
    const answer = await graph.ask(operation, { of: 1, n: 1 })
    expect({ status: answer.status, data: answer.body.data, errors: saysOf(answer) }).toEqual({
      status,
      data,
      errors,
    })
    expect({}).not.toHaveProperty('polluted')
    // It was an answer: once was enough, and what else it says is as good as before.
    expect(graph.stock.timesSent('_entities')).toBeLessThanOrEqual(1)
    expect(graph.stock.timesSent('mutation')).toBe(operation === 'Take' ? 1 : 0)
    graph.stock.behave = graph.stock.well
    expect(await graph.ask('Exact', { of: 2 })).toEqual({ status: 200, body: { data: { exact: 7 } } })
  })

  test('what nests too deep to be written again: the rest of the answer arrives', async () => {
    await using graph = await stockGraph({ transport })
    const depth = 200_000
    const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`
    graph.stock.behave = asked => {
      const [{ index }] = asked.operations as [SentOperation]
      const data = `"data":{"_a_anything":${nested}}`
      if (asked.isBatch)
        asked.respond(200, `{"index":${index},${data}}\n`, { 'content-type': 'application/x-ndjson' })
      else asked.respond(200, `{${data}}`)
    }
    const answer = await graph.ask('Anything', { of: 1 })
    expect({ status: answer.status, errors: saysOf(answer) }).toEqual({
      status: 200,
      errors: ['anything SUBGRAPH_BAD_ANSWER'],
    })
    expect(answer.body.data).toEqual({ products: NAMES.map(name => ({ name })), anything: null })
  })

  test.each([
    ['nests too deep to be written', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
    ['is longer than anybody reads', `"${'x'.repeat(1_000_000)}"`],
  ])('an error whose extension %s: the error arrives without it', async (_, more) => {
    await using graph = await stockGraph({ transport })
    const errors = `"errors":[{"message":"${'m'.repeat(1_000_000)}","extensions":{"code":"BAD_INPUT","more":${more}}}]`
    graph.stock.behave = asked => {
      const [{ index }] = asked.operations as [SentOperation]
      if (asked.isBatch) asked.respond(200, `{"index":${index},${errors}}\n`, LINES)
      else asked.respond(200, `{${errors}}`)
    }
    const answer = await graph.ask('Shelf', { of: 1 })
    expect(answer.body.data).toEqual({ products: products(null, null, null), note: null })
    expect(saysOf(answer)).toEqual([
      'note BAD_INPUT',
      ...noneLeft.map(says => says.replace('SUBGRAPH_BAD_ANSWER', 'BAD_INPUT')),
    ])
    for (const { message, extensions } of answer.body.errors) {
      expect(message.length).toBeLessThanOrEqual(10_000)
      expect(extensions).toEqual({ code: 'BAD_INPUT', service: 'stock' })
    }
  })

  test('an error whose code is longer than any: it has none', async () => {
    await using graph = await stockGraph({ transport })
    const errors = [{ message: 'no', extensions: { code: 'X'.repeat(200_000) } }]
    graph.stock.behave = asked => asked.answer(() => ({ errors }))
    expect(saysOf(await graph.ask('Exact'))).toEqual(['exact SUBGRAPH_ERROR'])
  })

  test.each([
    [1_500, '2'],
    [-5, '1'],
    [1e300, '86400'],
    ['soon', undefined],
  ])('that it may be asked again in %s ms: the client reads %s s', async (retryAfterMs, header) => {
    await using graph = await stockGraph({ transport })
    const errors = [{ message: 'full', extensions: { code: 'OVERLOADED', retryAfterMs } }]
    graph.stock.behave = asked => asked.answer(() => ({ errors }))
    const { statusCode, headers } = await graph.gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload: { query: OPERATIONS.Exact },
    })
    expect([statusCode, headers['retry-after']]).toEqual([503, header])
  })

  test('bytes inside a text that are no UTF-8: each becomes the character for that', async () => {
    await using graph = await stockGraph({ transport })
    graph.stock.behave = asked => {
      const [{ index }] = asked.operations as [SentOperation]
      const start = asked.isBatch ? `{"index":${index},` : '{'
      const body = Buffer.concat([
        Buffer.from(`${start}"data":{"_a_note":"caf`),
        Buffer.of(0xe9),
        Buffer.from('"}}\n'),
      ])
      const type = asked.isBatch ? 'application/x-ndjson' : 'application/json'
      asked.write(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`)
      asked.write(body)
    }
    expect((await graph.ask('Note')).body).toEqual({ data: { note: 'caf�' } })
  })
})
