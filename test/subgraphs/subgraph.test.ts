import { parse } from 'graphql'
import { pino } from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { ANONYMOUS } from '../../protocol/caller.ts'
import { deadlineIn } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import type { SubgraphAnswer } from '../../protocol/subgraph-client.ts'
import { OutcomeUnknown } from '../../subgraphs/database.ts'
import { createSubgraph, type RequestContext, type Subgraph } from '../../subgraphs/subgraph.ts'
import { urgencyNow } from '../../subgraphs/urgency.ts'

const SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  scalar Fen
  scalar DateTime
  type Query {
    hello(name: String = "you"): String!
    fails: String
    mustNotFail: String!
    mustNotRefuse: String!
    refuses: Int
    later(at: DateTime!): DateTime!
    double(fen: Fen!): Fen!
    wrongFen: Fen
    missing: String!
    lost: Int
    orDefault(n: Int! = 5): Int!
    caller: String!
    urgency: String!
    numbers(list: [Int!]!): [Int!]!
  }
  type Mutation { step(name: String!): Int! lose: Int urgency: String! }
  type Thing @key(fields: "id") { id: ID! name: String }
`

interface Own {
  readonly steps: string[]
}

/** Every line that was logged, parsed. */
let logged: Record<string, unknown>[] = []
let contexts = 0
let resolved = 0
let subgraph: Subgraph

beforeEach(() => {
  logged = []
  contexts = 0
  resolved = 0
  subgraph = createSubgraph<Own>({
    name: 'sample',
    typeDefs: SDL,
    resolvers: {
      Query: {
        hello: (_: unknown, { name }: { name: string }) => `hello ${name}`,
        fails: () => {
          throw new TypeError('password hunter2 is not a function')
        },
        mustNotFail: async () => {
          throw new Error('secret')
        },
        mustNotRefuse: () => {
          throw new Fault('SAMPLE_BUSY', 'come back later')
        },
        refuses: () => {
          throw new Fault('SAMPLE_BUSY', 'come back later', { retryAfterMs: 250, details: { place: 7 } })
        },
        later: (_: unknown, { at }: { at: Date }) => new Date(at.getTime() + 1),
        double: (_: unknown, { fen }: { fen: number }) => fen * 2,
        wrongFen: () => 0.5,
        missing: () => null,
        lost: lose,
        orDefault: (_: unknown, { n }: { n: number }) => n,
        caller: (_: unknown, __: unknown, { caller, priority, traceparent }: RequestContext & Own) =>
          `${caller.kind} ${priority} ${traceparent}`,
        urgency,
        numbers: (_: unknown, { list }: { list: number[] }) => list,
      },
      Mutation: {
        lose,
        urgency,
        step: async (_: unknown, { name }: { name: string }, { steps }: RequestContext & Own) => {
          await settleAfter(1, undefined)
          return steps.push(name)
        },
      },
      Thing: {
        __resolveReference: ({ id }: { id: string }) => {
          resolved++
          if (id === 'throws') throw new Fault('BAD_ID', 'a bad id')
          if (id === 'rejects') return Promise.reject(new Error('secret'))
          if (id === 'unknown') return null
          // What is ready early must not take another's place.
          return settleAfter(id === 'slow' ? 3 : 1, { id, name: `thing ${id}` })
        },
      },
    },
    context: () => {
      contexts++
      return { steps: [] }
    },
    start: async () => {},
    ready: async () => {},
    close: async () => {},
    logger: pino({ level: 'error' }, { write: line => void logged.push(JSON.parse(line)) }),
  })
})

/** As a store finds it, some turns of the event loop later. */
async function urgency(): Promise<string> {
  await settleAfter(2, undefined)
  const { priority, deadlineMs } = urgencyNow()
  return `${priority} ${deadlineMs}`
}

/** As a statement that is not marked readOnly, its connection broken. */
function lose(): never {
  throw new OutcomeUnknown('statement x', new Error('Connection terminated'))
}

const execute = (
  operation: string,
  variables: object = {},
  operationName?: string,
): Promise<SubgraphAnswer> =>
  subgraph.execute({
    kind: 'query',
    operation,
    ...(operationName === undefined ? {} : { operationName }),
    variables: variables as Record<string, unknown>,
    caller: ANONYMOUS,
    deadlineMs: deadlineIn(1_000),
    priority: 'BROWSE',
  })

/** The value, some turns of the event loop later. */
async function settleAfter<T>(turns: number, value: T): Promise<T> {
  for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve))
  return value
}

/** As `CODE message`. */
const errorOf = async (operation: string, variables?: object): Promise<string> => {
  const error = (await execute(operation, variables)).errors?.[0]
  return `${error?.extensions?.code} ${error?.message}`
}

describe('execute', () => {
  test('answers with data and no errors', async () => {
    expect(await execute('{ hello }')).toEqual({ data: { hello: 'hello you' } })
    expect(await execute('query($n: String) { hello(name: $n) }', { n: '奶茶' })).toEqual({
      data: { hello: 'hello 奶茶' },
    })
  })

  test('gives resolvers who calls, with what priority, in which trace', async () => {
    const answer = await subgraph.execute({
      kind: 'query',
      operation: '{ caller }',
      variables: {},
      caller: { kind: 'service', client: 'payment', scopes: [], tier: 'developer' },
      deadlineMs: deadlineIn(1_000),
      priority: 'PAY',
      traceparent: '00-trace',
    })
    expect(answer).toEqual({ data: { caller: 'service PAY 00-trace' } })
  })

  test.each<['query' | 'mutation', string]>([
    ['query', '{ urgency }'],
    ['mutation', 'mutation { urgency }'],
  ])(
    'does what is behind its resolvers in the name of who asks; of a %s until %s',
    async (kind, operation) => {
      const deadlineMs = deadlineIn(1_000)
      const asked = {
        kind,
        operation,
        variables: {},
        caller: ANONYMOUS,
        deadlineMs,
        priority: 'REDEEM',
      } as const
      const until = kind === 'query' ? deadlineMs : Number.POSITIVE_INFINITY
      expect(await subgraph.execute(asked)).toEqual({ data: { urgency: `REDEEM ${until}` } })
    },
  )

  test('makes a context of its own for every request', async () => {
    const step = 'mutation { step(name: "a") }'
    expect([await execute(step), await execute(step)]).toEqual([{ data: { step: 1 } }, { data: { step: 1 } }])
    expect(contexts).toBe(2)
  })

  test('runs mutations one after the other, in order', async () => {
    const operation = 'mutation { c: step(name: "c") a: step(name: "a") b: step(name: "b") }'
    expect(await execute(operation)).toEqual({ data: { c: 1, a: 2, b: 3 } })
  })

  test('runs the operation that is named, and the same text under another name apart', async () => {
    const text = 'query A { hello(name: "a") } query B { hello(name: "b") }'
    expect(await execute(text, {}, 'A')).toEqual({ data: { hello: 'hello a' } })
    expect(await execute(text, {}, 'B')).toEqual({ data: { hello: 'hello b' } })
    expect((await execute(text, {}, 'C')).errors).toHaveLength(1)
    expect((await execute(text)).errors).toHaveLength(1)
  })

  test('a text that was refused is refused again, and one that failed once may succeed', async () => {
    expect(await execute('{ nothing }')).toEqual(await execute('{ nothing }'))
    const text = 'query($n: [Int!]!) { numbers(list: $n) }'
    expect((await execute(text, { n: ['x'] })).errors).toHaveLength(1)
    expect(await execute(text, { n: [1] })).toEqual({ data: { numbers: [1] } })
  })

  test('more texts than are kept compiled: every one of them is still answered rightly', async () => {
    for (let n = 0; n < 2_050; n++) {
      if ((await execute(`{ a${n}: hello }`)).data?.[`a${n}`] !== 'hello you') expect.unreachable(`text ${n}`)
    }
    expect(await execute('{ a0: hello }')).toEqual({ data: { a0: 'hello you' } })
  })

  test('serves its SDL for composition', async () => {
    const { data } = await execute('{ _service { sdl } }')
    const sdl = (data?._service as { sdl: string } | undefined)?.sdl ?? ''
    expect(parse(sdl).kind).toBe('Document')
    expect(sdl).toContain('type Thing')
  })
})

describe('errors', () => {
  test('an error that is no fault is masked, and logged with its cause and path', async () => {
    expect(await execute('{ fails hello }')).toEqual({
      data: { fails: null, hello: 'hello you' },
      errors: [
        {
          message: 'the sample service failed',
          path: ['fails'],
          extensions: { code: 'INTERNAL_SERVER_ERROR' },
        },
      ],
    })
    expect(logged).toMatchObject([
      { msg: 'resolver failed', path: ['fails'], err: { message: 'password hunter2 is not a function' } },
    ])
  })

  test('in a field that must not be null it takes the data with it, and says nothing of itself', async () => {
    const answer = await execute('{ mustNotFail hello }')
    expect(answer.data).toBeNull()
    expect(JSON.stringify(answer)).not.toContain('secret')
    expect(answer.errors).toEqual([
      {
        message: 'the sample service failed',
        path: ['mustNotFail'],
        extensions: { code: 'INTERNAL_SERVER_ERROR' },
      },
    ])
  })

  test('one failure is one error, in a field that must not be null too', async () => {
    expect(await execute('{ mustNotRefuse }')).toEqual({
      data: null,
      errors: [{ message: 'come back later', path: ['mustNotRefuse'], extensions: { code: 'SAMPLE_BUSY' } }],
    })
  })

  test('a fault passes as it is: code, message, when to retry, details', async () => {
    expect(await execute('{ refuses }')).toEqual({
      data: { refuses: null },
      errors: [
        {
          message: 'come back later',
          path: ['refuses'],
          extensions: { code: 'SAMPLE_BUSY', retryAfterMs: 250, place: 7 },
        },
      ],
    })
    expect(logged).toEqual([])
  })

  test.each([
    ['{ hello', 'GRAPHQL_VALIDATION_FAILED Syntax Error: Expected Name, found <EOF>.'],
    ['', 'GRAPHQL_VALIDATION_FAILED Syntax Error: Unexpected <EOF>.'],
    ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED Cannot query field "nothing" on type "Query".'],
    [
      '{ double }',
      'GRAPHQL_VALIDATION_FAILED Field "double" argument "fen" of type "Fen!" is required, but it was not provided.',
    ],
    ['{ double(fen: 0.5) }', 'BAD_INPUT Fen expects an integer, got a FloatValue'],
  ])('%j is refused before anything runs', async (operation, message) => {
    const answer = await execute(operation)
    expect(answer.data).toBeUndefined()
    expect(`${answer.errors?.[0]?.extensions?.code} ${answer.errors?.[0]?.message}`).toBe(message)
    expect(contexts).toBe(0)
  })

  test.each(['wrongFen', 'missing'])(
    'what a resolver gave and the schema does not allow is ours, and logged: %s',
    async field => {
      const answer = await execute(`{ ${field} }`)
      expect(answer.errors).toEqual([
        {
          message: 'the sample service failed',
          path: [field],
          extensions: { code: 'INTERNAL_SERVER_ERROR' },
        },
      ])
      expect(logged).toMatchObject([{ msg: 'resolver failed', path: [field] }])
    },
  )

  test("an argument that a variable left null is the caller's", async () => {
    const text = 'query($n: Int = 7) { orDefault(n: $n) }'
    expect(await execute(text)).toEqual({ data: { orDefault: 7 } })
    expect(await errorOf(text, { n: null })).toBe(
      'BAD_INPUT Argument "n" of non-null type "Int!" must not be null.',
    )
    expect(logged).toEqual([])
  })

  test('a connection lost leaves a mutation in doubt, and no query', async () => {
    expect(await errorOf('mutation { lose }')).toMatch(/^OUTCOME_UNKNOWN /)
    const answer = await execute('{ lost }')
    expect(answer.errors?.[0]).toMatchObject({
      path: ['lost'],
      extensions: { code: 'DATABASE_UNAVAILABLE', retryAfterMs: 1_000 },
    })
  })

  test('a text that is too long is refused unparsed', async () => {
    const operation = `{ hello } #${'x'.repeat(256 * 1024)}`
    expect(await errorOf(operation)).toBe(
      `BAD_INPUT an operation has at most 262144 characters, got ${operation.length}`,
    )
  })

  test('at most five complaints about one text', async () => {
    const answer = await execute(`{ ${Array.from({ length: 50 }, (_, n) => `f${n}`).join(' ')} }`)
    // Five, and one that says that there are more.
    expect(answer.errors?.length).toBeLessThanOrEqual(6)
  })

  test.each([
    [{}, 'of required type "[Int!]!" was not provided'],
    [{ n: null }, 'of non-null type "[Int!]!" must not be null'],
    [{ n: ['x'] }, 'Int cannot represent non-integer value'],
    [{ n: [2 ** 31] }, 'cannot represent non 32-bit signed integer value'],
    [{ n: [null] }, 'Expected non-nullable type'],
  ])('variables %j are BAD_INPUT', async (variables, message) => {
    const answer = await execute('query($n: [Int!]!) { numbers(list: $n) }', variables)
    expect(answer.data ?? null).toBeNull()
    expect(answer.errors?.[0]?.extensions).toEqual({ code: 'BAD_INPUT' })
    expect(answer.errors?.[0]?.message).toContain(message)
  })
})

describe('_entities', () => {
  const ENTITIES = 'query($r: [_Any!]!) { _entities(representations: $r) { ... on Thing { id name } } }'
  const entities = (...ids: string[]): Promise<SubgraphAnswer> =>
    execute(ENTITIES, { r: ids.map(id => ({ __typename: 'Thing', id })) })
  const thing = (id: string): object => ({ id, name: `thing ${id}` })

  test('come in the order asked for, whichever is ready first', async () => {
    expect(await entities('slow', 'a', 'unknown', 'b')).toEqual({
      data: { _entities: [thing('slow'), thing('a'), null, thing('b')] },
    })
    expect(resolved).toBe(4)
  })

  test.each([
    [
      ['throws', 'a', 'b'],
      [null, 'a', 'b'],
    ],
    [
      ['a', 'throws', 'slow'],
      ['a', null, 'slow'],
    ],
    [
      ['slow', 'a', 'throws'],
      ['slow', 'a', null],
    ],
    [
      ['rejects', 'slow', 'rejects', 'a', 'throws'],
      [null, 'slow', null, 'a', null],
    ],
  ])('%j: each failure is null in its own place, with its own path', async (ids, expected) => {
    const answer = await entities(...ids)
    const list = answer.data?._entities as unknown[]
    expect(list).toHaveLength(ids.length)
    expect(list).toEqual(expected.map(id => (id === null ? null : thing(id))))
    const failed = ids.flatMap((id, index) => (expected[index] === null ? [[id, index] as const] : []))
    const errors = (answer.errors ?? []).toSorted((a, b) => Number(a.path?.[1]) - Number(b.path?.[1]))
    expect(errors).toEqual(
      failed.map(([id, index]) =>
        id === 'throws'
          ? { message: 'a bad id', path: ['_entities', index], extensions: { code: 'BAD_ID' } }
          : {
              message: 'the sample service failed',
              path: ['_entities', index],
              extensions: { code: 'INTERNAL_SERVER_ERROR' },
            },
      ),
    )
  })

  test('of a type that does not exist fails alone too', async () => {
    const answer = await execute(ENTITIES, {
      r: [
        { __typename: 'Nothing', id: 'a' },
        { __typename: 'Thing', id: 'a' },
      ],
    })
    expect(answer.data).toEqual({ _entities: [null, thing('a')] })
    expect(answer.errors).toHaveLength(1)
  })
})

describe('scalars', () => {
  const double = 'query($fen: Fen!) { double(fen: $fen) }'
  test.each([[0], [-1], [300_000_000_000], [2 ** 52 - 1]])('Fen: %i', async fen => {
    expect(await execute(double, { fen })).toEqual({ data: { double: fen * 2 } })
    expect(await execute(`{ double(fen: ${fen}) }`)).toEqual({ data: { double: fen * 2 } })
  })

  test.each([
    [0.5, '0.5'],
    [2 ** 53, '9007199254740992'],
    [-(2 ** 53), '-9007199254740992'],
    ['100', '"100"'],
    [true, 'true'],
    [Number.NaN, 'null'],
    [[1], '[1]'],
    ['x'.repeat(1000), `"${'x'.repeat(63)}`],
  ])('Fen refuses %j', async (fen, shown) => {
    expect(await errorOf(double, { fen })).toBe(
      `BAD_INPUT Fen expects an integer within ±(2^53-1), got ${shown}`,
    )
  })

  test('Fen refuses literals beyond 2^53-1', async () => {
    expect(await errorOf('{ double(fen: 9007199254740992) }')).toBe(
      'BAD_INPUT Fen expects an integer within ±(2^53-1), got 9007199254740992',
    )
  })

  const later = 'query($at: DateTime!) { later(at: $at) }'
  test.each([
    ['2027-02-28T16:00:00Z', '2027-02-28T16:00:00.001Z'],
    ['2027-03-01T00:00:00.000+08:00', '2027-02-28T16:00:00.001Z'],
    ['2027-02-28T23:59:59.9999999+08:00', '2027-02-28T16:00:00.000Z'],
    ['2027-03-01T00:00+08:00', '2027-02-28T16:00:00.001Z'],
  ])('DateTime: %s and a millisecond is %s', async (at, after) => {
    expect(await execute(later, { at })).toEqual({ data: { later: after } })
    expect(await execute(`{ later(at: "${at}") }`)).toEqual({ data: { later: after } })
  })

  test.each([
    '2027-02-28',
    '2027-02-28T16:00:00',
    '2027-13-01T00:00:00Z',
    '2027-02-28T25:00:00Z',
    'tomorrow',
    '',
    0,
    null,
  ])('DateTime refuses %j', async at => {
    expect(await errorOf(later, { at })).toMatch(
      at === null
        ? /^BAD_INPUT .* must not be null/
        : /^BAD_INPUT DateTime expects an RFC 3339 instant such as 2027-02-28T16:00:00\.000Z, got /,
    )
  })

  test('DateTime refuses literals that are no strings', async () => {
    expect(await errorOf('{ later(at: 5) }')).toBe(
      'BAD_INPUT DateTime expects an RFC 3339 instant such as 2027-02-28T16:00:00.000Z, got a IntValue',
    )
  })
})
