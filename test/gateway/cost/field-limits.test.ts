import { readFileSync } from 'node:fs'
import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { describe, expect, it, test } from 'vitest'
import { problemOfRate, readFieldLimits } from '../../../gateway/cost/field-limits.ts'
import { apiSchema } from '../../../gateway/supergraph/api-schema.ts'

const LINK = (imported: string) => `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9",
    import: ["@key", "@shareable", "@inaccessible", "@composeDirective", "@cost", "@listSize"])
  @link(url: "https://spillway.dev/costLimit/v1.0", ${imported})
`
const DIRECTIVE = (name: string) => `
  directive @${name}(perSecond: Float!, burst: Float!, per: costLimit__Per! = FLEET, over: costLimit__Over! = REFUSE,
    by: String, status: String) repeatable on FIELD_DEFINITION
  enum costLimit__Per { FLEET CALLER }
  enum costLimit__Over { PLACE REFUSE }
`

/** Subgraphs that write `@costLimit` under the given name, composed. */
function compose(sdls: readonly string[], name = 'costLimit') {
  const imported =
    name === 'costLimit' ? 'import: ["@costLimit"]' : `import: [{ name: "@costLimit", as: "@${name}" }]`
  const composed = composeServices(
    sdls.map((sdl, i) => ({
      name: `s${i}`,
      url: `http://s${i}`,
      typeDefs: parse(`${LINK(imported)} @composeDirective(name: "@${name}") ${DIRECTIVE(name)} ${sdl}`),
    })),
  )
  if (composed.errors) throw new Error(composed.errors.map(error => error.message).join('\n'))
  const sdl = composed.supergraphSdl as string
  return { sdl, apiSchema: apiSchema(sdl) }
}

const CLAIM = `
  type Mutation { claim(input: ClaimInput!, tries: Int): Result @cost(weight: 10) LIMITS }
  input ClaimInput { campaign: ID!, place: Place, tags: [String!] }
  input Place { token: String }
  union Result = Issued | KeptPlace
  type Issued { id: ID }
  type KeptPlace { token: String }
  type Query { products(first: Int = 10): [Product] products2: [Product]  me: String }
  type Product @key(fields: "id") { id: ID! }
`
const claimWith = (limits: string, name = 'costLimit') => compose([CLAIM.replace('LIMITS', limits)], name)

test('our own supergraph limits claimCoupon by campaign, for the fleet and for each caller', () => {
  const sdl = readFileSync('schema/supergraph.graphql', 'utf8')
  const { all } = readFieldLimits({ sdl, apiSchema: apiSchema(sdl) })
  const claim = { coordinate: 'Mutation.claimCoupon', by: 'input.campaignId' }
  expect(all).toEqual([
    {
      ...claim,
      id: 'Mutation.claimCoupon:input.campaignId',
      per: 'FLEET',
      over: 'PLACE',
      status: 'IssuanceStatus',
      rate: { perSecond: 100_000, burst: 200_000 },
      // The field's 10 and its input's 1.
      pointsMin: 11,
    },
    {
      ...claim,
      id: 'Mutation.claimCoupon:input.campaignId@',
      per: 'CALLER',
      over: 'REFUSE',
      status: undefined,
      rate: { perSecond: 50, burst: 1_000 },
      pointsMin: 11,
    },
  ])
})

test('a supergraph without limits has none, and its API schema nothing of those of others', () => {
  expect(readFieldLimits(compose([CLAIM.replace('LIMITS', '')])).all).toEqual([])
  const { apiSchema: api } = claimWith('@costLimit(perSecond: 1, burst: 20)')
  expect(Object.keys(api.getTypeMap()).filter(name => name.startsWith('costLimit'))).toEqual([])
  expect(api.getDirective('costLimit')).toBeUndefined()
})

describe('of what is written', () => {
  it('per: FLEET and over: REFUSE are the default, and the directive may have another name', () => {
    const { all } = readFieldLimits(claimWith('@points(perSecond: 1.5, burst: 20)', 'points'))
    expect(all).toMatchObject([
      { per: 'FLEET', over: 'REFUSE', rate: { perSecond: 1.5, burst: 20 }, by: undefined, status: undefined },
    ])
  })

  it('a field may have several limits, by different arguments and for different callers', () => {
    const { all } = readFieldLimits(
      claimWith(
        '@costLimit(perSecond: 1, burst: 20) @costLimit(perSecond: 1, burst: 20, per: CALLER) @costLimit(perSecond: 2, burst: 20, by: "tries")',
      ),
    )
    expect(all.map(({ id }) => id)).toEqual(['Mutation.claim', 'Mutation.claim@', 'Mutation.claim:tries'])
  })

  it('the strictest of several copies holds, number by number, and a refusal over a place', () => {
    const shared = (limit: string) => `
      type Query { draw: Result @shareable @cost(weight: 2) ${limit} }
      union Result = Drawn | KeptPlace
      type Drawn @shareable { id: ID }
      type KeptPlace @shareable { token: String }`
    const { all } = readFieldLimits(
      compose([
        shared('@costLimit(perSecond: 5, burst: 10, over: PLACE)'),
        shared('@costLimit(perSecond: 3, burst: 30)'),
      ]),
    )
    expect(all).toMatchObject([
      { id: 'Query.draw', over: 'REFUSE', rate: { perSecond: 3, burst: 10 }, pointsMin: 2 },
    ])
  })

  it('a field that no client can ask for has no limit', () =>
    expect(
      readFieldLimits(
        compose(['type Query { a: Int, b: Int @inaccessible @costLimit(perSecond: 1, burst: 1) }']),
      ).all,
    ).toEqual([]))
})

describe('refused, with what was expected and got', () => {
  it.each([
    ['@costLimit(perSecond: 0, burst: 20)', 'perSecond to be a number from 0.001 to 1000000000, got 0'],
    ['@costLimit(perSecond: -3, burst: 20)', 'got -3'],
    ['@costLimit(perSecond: 1e300, burst: 20)', 'got 1e+300'],
    ['@costLimit(perSecond: 1, burst: 0)', 'burst to be a positive number up to 1000000000, got 0'],
    [
      '@costLimit(perSecond: 1, burst: 10.5)',
      'burst to be at least 11, the least points that the field costs, got 10.5',
    ],
    [
      '@costLimit(perSecond: 1, burst: 20, by: "input")',
      'lead to a scalar or enum, got input of the type ClaimInput',
    ],
    ['@costLimit(perSecond: 1, burst: 20, by: "input.tags")', 'got input.tags of the type [String!]'],
    ['@costLimit(perSecond: 1, burst: 20, by: "shop.id")', 'of which shop is not an argument of the field'],
    ['@costLimit(perSecond: 1, burst: 20, by: "input.shop")', 'of which shop is not an input field of input'],
    ['@costLimit(perSecond: 1, burst: 20, by: "tries.x")', 'of which x is not an input field of tries'],
    ['@costLimit(perSecond: 1, burst: 20, by: "")', 'is not an argument of the field'],
    [
      '@costLimit(perSecond: 1, burst: 20, per: CALLER, status: "S")',
      'expected status beside per: FLEET, got CALLER',
    ],
    [
      '@costLimit(perSecond: 1, burst: 20, status: "S") @costLimit(perSecond: 2, burst: 20, status: "T")',
      'expected the same status as in its other copy, S, got T',
    ],
  ])('%s', (limits, problem) => {
    const read = () => readFieldLimits(claimWith(limits))
    expect(read).toThrow(/^Mutation\.claim @costLimit\(.*\): expected /)
    expect(read).toThrow(problem)
  })

  it('a place where no union has one', () => {
    expect(() =>
      readFieldLimits(compose(['type Query { a: Int @costLimit(perSecond: 1, burst: 1, over: PLACE) }'])),
    ).toThrow(
      'Query.a @costLimit(perSecond: 1, burst: 1, over: PLACE): expected over: PLACE on a field of a union with the member KeptPlace, got Int',
    )
  })

  it.each(['a: Int', 'a(in: In): Int!'])(
    'a field whose points never run out, since it has none: %s',
    field => {
      const sdl = `type Query { ${field} @costLimit(perSecond: 1, burst: 10) } input In { b: Int }`
      expect(() => readFieldLimits(compose([sdl]))).toThrow(
        'Query.a @costLimit(perSecond: 1, burst: 10): expected a field that costs points however it is asked for',
      )
    },
  )

  it('any field that is no root field, of objects and interfaces', () => {
    const sdl = `
      type Query { a: A }
      type A implements I @key(fields: "id") { id: ID! x: Int @costLimit(perSecond: 1, burst: 1) }
      interface I { x: Int @costLimit(perSecond: 1, burst: 1) }`
    const read = () => readFieldLimits(compose([sdl]))
    expect(read).toThrow(
      'A.x @costLimit(perSecond: 1, burst: 1): expected a field of Query or Mutation, got one of A',
    )
    expect(read).toThrow('expected a field of Query or Mutation, got one of I')
  })

  it('words that the directive does not have, in a supergraph that nobody checked', () => {
    const { sdl, apiSchema: api } = claimWith('@costLimit(perSecond: 1, burst: 20, per: CALLER, by: "tries")')
    const foreign = (from: string, to: string) => () =>
      readFieldLimits({ sdl: sdl.replace(from, to), apiSchema: api })
    expect(foreign('per: CALLER', 'per: SHOP')).toThrow('expected per to be FLEET or CALLER, got SHOP')
    expect(foreign('per: CALLER', 'over: WAIT')).toThrow('expected over to be PLACE or REFUSE, got WAIT')
    expect(foreign('perSecond: 1', 'perSecond: "1"')).toThrow('perSecond to be a number')
    expect(foreign('by: "tries"', 'by: 3')).toThrow('of which 3 is not an argument')
  })
})

describe('the least that a field costs', () => {
  const least = (field: string): number | undefined =>
    readFieldLimits(
      compose([
        `type Query { ${field} @costLimit(perSecond: 1, burst: 1000) }
         type Product @key(fields: "id") @cost(weight: 3) { id: ID! }
         input In { a: Int! @cost(weight: 4), inner: Inner!, later: Inner }
         input Inner { b: [Int!]! }
         enum Kind @cost(weight: 2) { A B }`,
      ]),
    ).all[0]?.pointsMin

  it.each([
    ['f: Int @cost(weight: 7)', 7],
    ['f: Product', 3],
    // 100 products of 3.
    ['f: [Product!]!', 300],
    ['f: [Product] @listSize(assumedSize: 5)', 15],
    ['f(n: Int!): [Product] @listSize(slicingArguments: ["n"])', 0],
    ['f(n: Int = 4): [Product] @listSize(slicingArguments: ["n"])', 12],
    ['f(n: Int): [Product] @listSize(slicingArguments: ["n"])', 0],
    // The field 0, the input 1, its `a` 4, `inner` 1.
    ['f(in: In!): Int', 6],
    ['f(in: In): Int @cost(weight: 1)', 1],
    ['f(kind: Kind!, kinds: [Kind!]!): Int', 4],
  ])('%s is %d', (field, points) => expect(least(field)).toBe(points))
})

test('an operator is held to the same bounds as a declaration', () => {
  expect(problemOfRate({ perSecond: 5, burst: 11 }, 11)).toBeUndefined()
  expect(problemOfRate({ perSecond: Number.NaN, burst: 11 }, 11)).toMatch('perSecond')
  expect(problemOfRate({ perSecond: 5, burst: Number.POSITIVE_INFINITY }, 11)).toMatch('burst')
  expect(problemOfRate({ perSecond: 5, burst: 10 }, 11)).toMatch('at least 11')
})
