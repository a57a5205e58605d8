import { createHash } from 'node:crypto'
import { buildSchema, Kind, type OperationDefinitionNode, parse } from 'graphql'
import { describe, expect, it, test } from 'vitest'
import type { FieldLimit } from '../../../gateway/cost/field-limits.ts'
import { compileLimits, rateTag } from '../../../gateway/cost/field-limits-compile.ts'
import { compileVariables } from '../../../gateway/execution/variables.ts'

const schema = buildSchema(`
  type Query { stock(sku: ID = "none", kind: Kind = HOT, at: JSON): Int, other: Int, looped(loop: Loop, placeToken: Int): Int }
  type Mutation {
    claim(input: Claim!): Int
    taken(deep: Round, input: Place = { placeToken: "default" }, list: [Place]): Int
    asked(deep: Deep, placeToken: String): Int
    listed(list: [Place], placeToken: ID): Int
    endless(loop: Endless): Int
  }
  input Claim { campaign: ID! = "spring", round: Round, placeToken: String }
  input Round { number: Int, name: String = "first" }
  input Place { placeToken: String!, note: String }
  input Deep { place: Place, placeToken: String }
  input Loop { next: Loop, place: Deeper }
  input Endless { next: Endless }
  input Deeper { of: Loop, place: Place }
  enum Kind { HOT COLD }
  scalar JSON
`)

const limit = (coordinate: string, by?: string, per: FieldLimit['per'] = 'FLEET'): FieldLimit => ({
  coordinate,
  by,
  per,
  over: 'REFUSE',
  status: undefined,
  rate: { perSecond: 1, burst: 1 },
  pointsMin: 0,
  id: `${coordinate}:${by}@${per}`,
})

/** The limits of an operation's root fields, and their keys for raw variables. */
function compiled(text: string, ...all: FieldLimit[]) {
  const operation = parse(text, { noLocation: true }).definitions[0] as OperationDefinitionNode
  const roots = operation.selectionSet.selections.flatMap(field =>
    field.kind === Kind.FIELD
      ? [{ field, typename: operation.operation === 'query' ? 'Query' : 'Mutation', name: field.name.value }]
      : [],
  )
  const limits = compileLimits({ all, apiSchema: schema }, roots)
  const coerce = compileVariables(schema, operation)
  return {
    limits,
    coerced: coerce,
    keys: (variables: Record<string, unknown> = {}, whose = 'shopper:alice') =>
      limits?.map(({ keyOf }) => keyOf(coerce(variables), whose).replace(TAG, '')),
  }
}

/** Of the rate that all limits here have. */
const TAG = rateTag({ perSecond: 1, burst: 1 })

const hash = (text: string) => `#${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`

test('an operation without a limited field has none', () => {
  expect(compiled('{ other }', limit('Query.stock')).limits).toBeUndefined()
  expect(compiled('{ stock }').limits).toBeUndefined()
})

test('lines come after what is a caller’s and before the fleet’s budgets, which those who get places do not use up', () => {
  const place = (by?: string): FieldLimit => ({ ...limit('Query.stock', by), over: 'PLACE' })
  const [all, single] = [limit('Query.stock'), limit('Query.stock', 'kind')]
  const { limits } = compiled(
    '{ stock }',
    all,
    single,
    place(),
    place('sku'),
    limit('Query.stock', undefined, 'CALLER'),
  )
  const told = limits?.map(({ limit: { per, over, by } }) => [per, over, by])
  expect(told).toEqual([
    ['CALLER', 'REFUSE', undefined],
    ['FLEET', 'PLACE', 'sku'],
    ['FLEET', 'PLACE', undefined],
    ['FLEET', 'REFUSE', 'kind'],
    ['FLEET', 'REFUSE', undefined],
  ])
})

test('each selection of a limited field is a demand of its own, by its place in the estimate; a caller’s come first', () => {
  const { limits, keys } = compiled(
    '{ a: stock(sku: "1") other b: stock(sku: "2") c: stock(sku: "1") }',
    limit('Query.stock', 'sku'),
    limit('Query.stock', undefined, 'CALLER'),
  )
  expect(limits?.map(({ index }) => index)).toEqual([0, 2, 3, 0, 2, 3])
  expect(keys()).toEqual([
    'Query.stock@shopper:alice',
    'Query.stock@shopper:alice',
    'Query.stock@shopper:alice',
    'Query.stock:sku=1',
    'Query.stock:sku=2',
    'Query.stock:sku=1',
  ])
})

test('who is refused for what is theirs, or for one line, has taken nothing of what is everybody’s', () => {
  const { keys } = compiled(
    '{ stock(sku: "1") }',
    limit('Query.stock'),
    limit('Query.stock', 'sku'),
    limit('Query.stock', undefined, 'CALLER'),
    limit('Query.stock', 'sku', 'CALLER'),
  )
  expect(keys()).toEqual([
    'Query.stock:sku=1@shopper:alice',
    'Query.stock@shopper:alice',
    'Query.stock:sku=1',
    'Query.stock',
  ])
})

describe('the value is found', () => {
  const byCampaign = limit('Mutation.claim', 'input.campaign')
  const byName = limit('Mutation.claim', 'input.round.name')
  it.each([
    [
      'in a variable',
      'mutation($i: Claim!) { claim(input: $i) }',
      byCampaign,
      { i: { campaign: 'c1' } },
      'c1',
    ],
    [
      'in a variable within an object',
      'mutation($c: ID!) { claim(input: { campaign: $c }) }',
      byCampaign,
      { c: 'c1' },
      'c1',
    ],
    ['in the text', 'mutation { claim(input: { campaign: "c1" }) }', byCampaign, {}, 'c1'],
    ['as a number for an ID', 'mutation { claim(input: { campaign: 7 }) }', byCampaign, {}, '7'],
    [
      'in a default of the operation',
      'mutation($c: ID! = "c2") { claim(input: { campaign: $c }) }',
      byCampaign,
      {},
      'c2',
    ],
    [
      'in a default of an input field, of a variable',
      'mutation($i: Claim!) { claim(input: $i) }',
      byCampaign,
      { i: {} },
      'spring',
    ],
    [
      'in a default of an input field, in the text',
      'mutation { claim(input: {}) }',
      byCampaign,
      {},
      'spring',
    ],
    [
      'in a default beneath',
      'mutation($r: Round) { claim(input: { round: $r }) }',
      byName,
      { r: {} },
      'first',
    ],
    ['nowhere where an object is left out', 'mutation { claim(input: {}) }', byName, {}, '#'],
    [
      'nowhere where an object is null',
      'mutation($r: Round) { claim(input: { round: $r }) }',
      byName,
      { r: null },
      '#',
    ],
    ['nowhere where it is null', 'mutation { claim(input: { round: { name: null } }) }', byName, {}, '#'],
    ['in a default of an argument', '{ stock }', limit('Query.stock', 'sku'), {}, 'none'],
    [
      'in a default of an argument whose variable is missing',
      'query($s: ID) { stock(sku: $s) }',
      limit('Query.stock', 'sku'),
      {},
      'none',
    ],
    [
      'not in a default where a variable is null',
      'query($s: ID) { stock(sku: $s) }',
      limit('Query.stock', 'sku'),
      { s: null },
      '#',
    ],
    [
      'in a default though the missing variable has the name of what objects inherit',
      'query($constructor: ID) { stock(sku: $constructor) }',
      limit('Query.stock', 'sku'),
      {},
      'none',
    ],
    ['as an enum', '{ stock(kind: COLD) }', limit('Query.stock', 'kind'), {}, 'COLD'],
    ['as an enum by default', '{ stock }', limit('Query.stock', 'kind'), {}, 'HOT'],
    [
      'as a number',
      'mutation($n: Int) { claim(input: { round: { number: $n } }) }',
      limit('Mutation.claim', 'input.round.number'),
      { n: 42 },
      '42',
    ],
  ])('%s', (_, text, by, variables, value) =>
    expect(compiled(text, by).keys(variables)).toEqual([`${by.coordinate}:${by.by}=${value}`]),
  )

  it('in a variable within a custom scalar', () => {
    const { keys } = compiled('query($x: Int) { stock(at: { x: [$x] }) }', limit('Query.stock', 'at'))
    expect(keys({ x: 3 })).toEqual([`Query.stock:at=${hash('{"x":[3]}')}`])
  })
})

describe('the token of a place is found', () => {
  const placed = (coordinate: string): FieldLimit => ({ ...limit(coordinate), over: 'PLACE' })
  const tokenIn = (text: string, coordinate: string, variables: Record<string, unknown> = {}) => {
    const { limits, coerced } = compiled(text, placed(coordinate))
    return limits?.[0]?.readToken(coerced(variables))
  }
  it.each([
    [
      'in a variable',
      'mutation($i: Claim!) { claim(input: $i) }',
      'Mutation.claim',
      { i: { placeToken: 't' } },
      't',
    ],
    [
      'in a variable within an object',
      'mutation($t: String) { claim(input: { placeToken: $t }) }',
      'Mutation.claim',
      { t: 't' },
      't',
    ],
    ['in the text', 'mutation { claim(input: { placeToken: "t" }) }', 'Mutation.claim', {}, 't'],
    [
      'nowhere where it is left out',
      'mutation($i: Claim!) { claim(input: $i) }',
      'Mutation.claim',
      { i: {} },
      undefined,
    ],
    [
      'as null where it is null',
      'mutation($i: Claim!) { claim(input: $i) }',
      'Mutation.claim',
      { i: { placeToken: null } },
      null,
    ],
    [
      'in an argument before input objects',
      'mutation { asked(deep: { placeToken: "deep" }, placeToken: "t") }',
      'Mutation.asked',
      {},
      't',
    ],
    [
      'in the argument alone, where there is one',
      'mutation { asked(deep: { placeToken: "deep" }) }',
      'Mutation.asked',
      {},
      undefined,
    ],
    [
      'in a later argument than the first',
      'mutation { taken(input: { placeToken: "t" }) }',
      'Mutation.taken',
      {},
      't',
    ],
    ['in a default', 'mutation { taken }', 'Mutation.taken', {}, 'default'],
    [
      'below types that contain themselves',
      'query($l: Loop) { looped(loop: $l) }',
      'Query.looped',
      { l: { place: { place: { placeToken: 't' } } } },
      't',
    ],
    [
      'not in a list, nor of another type',
      'mutation { listed(list: [{ placeToken: "l" }], placeToken: "id") }',
      'Mutation.listed',
      {},
      undefined,
    ],
    ['nowhere where the field takes none', '{ stock(sku: "1") }', 'Query.stock', {}, undefined],
    ['nowhere in what only contains itself', 'mutation { endless }', 'Mutation.endless', {}, undefined],
  ])('%s', (_, text, coordinate, variables, token) =>
    expect(tokenIn(text, coordinate, variables)).toBe(token),
  )

  it('not where callers get no places', () => {
    const { limits, coerced } = compiled('mutation($i: Claim!) { claim(input: $i) }', limit('Mutation.claim'))
    expect(limits?.[0]?.readToken(coerced({ i: { placeToken: 't' } }))).toBeUndefined()
  })
})

test('the members of a custom scalar are the same in any order', () => {
  const { keys } = compiled('query($at: JSON) { stock(at: $at) }', limit('Query.stock', 'at'))
  const key = keys({ at: { a: 1, b: [{ c: 2, d: null }] } })
  expect(keys({ at: { b: [{ d: null, c: 2 }], a: 1 } })).toEqual(key)
  expect(keys({ at: { a: 1, b: [{ c: 2 }] } })).not.toEqual(key)
  expect(keys({ at: { a: 1, b: { 0: { c: 2, d: null } } } })).not.toEqual(key)
})

describe('a key', () => {
  const bySku = compiled('query($s: ID) { stock(sku: $s) }', limit('Query.stock', 'sku', 'CALLER'))
  const key = (sku: string, whose?: string) => bySku.keys({ s: sku }, whose)?.[0]

  it('has plain values in words, and others hashed', () => {
    expect(key('shop:7/a.b_c-d')).toBe('Query.stock:sku=shop:7/a.b_c-d@shopper:alice')
    for (const odd of [
      '',
      'a b',
      'a@b',
      '#',
      'a=b',
      '{x}',
      '春节',
      'a\n',
      'x'.repeat(65),
      'x'.repeat(100_000),
    ])
      expect(key(odd)).toBe(`Query.stock:sku=${hash(odd)}@shopper:alice`)
    expect(key('1', 'client:Qwen (测试)')).toBe(`Query.stock:sku=1@${hash('client:Qwen (测试)')}`)
  })

  it('is at most 200 characters of ASCII, whatever the names', () => {
    const field = 'f'.repeat(300)
    const long = buildSchema(`type Query { ${field}(${'a'.repeat(300)}: ID): Int }`)
    const coordinate = `Query.${field}`
    const [limited] =
      compileLimits({ all: [limit(coordinate, 'a'.repeat(300), 'CALLER')], apiSchema: long }, [
        {
          field: {
            kind: Kind.FIELD,
            name: { kind: Kind.NAME, value: field },
            arguments: [
              {
                kind: Kind.ARGUMENT,
                name: { kind: Kind.NAME, value: 'a'.repeat(300) },
                value: { kind: Kind.STRING, value: 'v'.repeat(64) },
              },
            ],
          },
          typename: 'Query',
          name: field,
        },
      ]) ?? []
    const made = limited?.keyOf({}, `shopper:${'s'.repeat(64)}`) ?? ''
    expect(made.length).toBeLessThanOrEqual(200)
    expect(made).toMatch(/^[\x21-\x7e]+$/)
    expect(made).toContain(`=${'v'.repeat(64)}@shopper:${'s'.repeat(64)}`)
  })

  it('is another one once the rate is another, and the same for the same', () => {
    const keyFor = (perSecond: number) =>
      compiled('{ stock(sku: "1") }', {
        ...limit('Query.stock', 'sku'),
        rate: { perSecond, burst: 1 },
      }).limits?.[0]?.keyOf({}, '')
    expect(keyFor(1)).toBe(`Query.stock:sku${TAG}=1`)
    expect(keyFor(1)).toBe(keyFor(1))
    expect(keyFor(2)).not.toBe(keyFor(1))
  })

  it('of a line is the same whatever its rate is', () => {
    const keyFor = (perSecond: number) =>
      compiled('{ stock(sku: "1") }', {
        ...limit('Query.stock', 'sku'),
        over: 'PLACE',
        rate: { perSecond, burst: 1 },
      }).limits?.[0]?.keyOf({}, '')
    expect([keyFor(1), keyFor(2)]).toEqual(['Query.stock:sku=1', 'Query.stock:sku=1'])
  })

  it('of no two callers, values or limits is the same', () => {
    const all = [
      limit('Query.stock', 'sku'),
      limit('Query.stock', 'sku', 'CALLER'),
      limit('Query.stock', 'kind'),
      limit('Query.stock', 'kind', 'CALLER'),
      limit('Query.stock'),
      limit('Query.stock', undefined, 'CALLER'),
    ]
    const { keys } = compiled('query($s: ID, $k: Kind) { stock(sku: $s, kind: $k) }', ...all)
    const seen = new Set<string>()
    const values = ['a', 'a@b', 'b', '#', '', 'HOT', null]
    const callers = ['b', 'c', 'b@c', '#']
    for (const s of values)
      for (const whose of callers) for (const made of keys({ s }, whose) ?? []) seen.add(made)
    // By sku, then by sku and caller, by kind (null where it is not given: its default), by kind and caller, by nothing, by caller.
    expect(seen.size).toBe(7 + 7 * 4 + 1 + 4 + 1 + 4)
  })
})
