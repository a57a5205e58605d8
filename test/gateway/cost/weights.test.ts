import { readFileSync } from 'node:fs'
import { buildASTSchema, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { type Weights, weightsOf } from '../../../gateway/cost/weights.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'

const NONE = buildASTSchema(parse('type Query { a: Int }'))
const read = (sdl: string): Weights => weightsOf({ sdl, apiSchema: NONE })

describe('weightsOf', () => {
  it('weighs a field by its own @cost, else its type, else 1 for objects and 0 for the rest', () => {
    const weights = read(`
      type Query { own: Dear @cost(weight: 5)  typed: Dear  plain: Plain  any: Any  some: Some  leaf: Int
                   heavy: Heavy  choice: [Choice!]!  free: Plain @cost(weight: 0) }
      type Dear @cost(weight: 7) { id: ID }
      type Plain implements Some { id: ID }
      interface Some { id: ID }
      union Any = Dear | Plain
      scalar Heavy @cost(weight: 3)
      enum Choice @cost(weight: 2) { A }
    `)
    const got = Object.fromEntries(
      [...weights.types.get('Query')!.fields].map(([name, { weight }]) => [name, weight]),
    )
    expect(got).toEqual({
      own: 5,
      typed: 7,
      plain: 1,
      any: 1,
      some: 1,
      leaf: 0,
      heavy: 3,
      choice: 2,
      free: 0,
    })
  })

  it('weighs arguments and input fields by their own @cost, else their type', () => {
    const weights = read(`
      type Query { a(own: Heavy @cost(weight: 1), typed: Heavy, plain: Int, in: [[In]!]): Int }
      input In { heavy: Heavy @cost(weight: 4)  plain: Int }
      scalar Heavy @cost(weight: 3)
    `)
    const given = weights.field('Query', 'a')!.arguments
    expect([...given].map(([name, { cost }]) => [name, cost])).toEqual([
      ['own', 1],
      ['typed', 3],
      ['plain', undefined],
      ['in', undefined],
    ])
    expect(given.get('in')!.listDepth).toBe(2)
    expect(weights.types.get('In')!.inputs.get('heavy')!.cost).toBe(4)
  })

  it.each([
    ['nothing, in a plain schema', '', '@cost', '@listSize'],
    ['nothing, as federation writes what is not imported', '', '@federation__cost', '@federation__listSize'],
    [
      'the cost spec',
      'extend schema @link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@listSize"])',
      '@cost',
      '@listSize',
    ],
    [
      'the cost spec under another name',
      'extend schema @link(url: "https://specs.apollo.dev/cost/v0.1", as: "price")',
      '@price',
      '@price__listSize',
    ],
    [
      'the cost spec, imported under other names',
      'extend schema @link(url: "https://specs.apollo.dev/cost/v0.1", import: [{name: "@cost", as: "@weighs"}, {name: "@listSize", as: "@size"}])',
      '@weighs',
      '@size',
    ],
    [
      'federation, which holds the same',
      'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@cost", {name: "@listSize", as: "@size"}])',
      '@cost',
      '@size',
    ],
    [
      'federation without importing them',
      'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])',
      '@federation__cost',
      '@federation__listSize',
    ],
  ])('finds the directives where a schema links %s', (_, link, cost, listSize) => {
    const weights = read(
      `${link} type Query { a: [Int] ${cost}(weight: 6) ${listSize}(assumedSize: 3) } scalar S`,
    )
    expect(weights.field('Query', 'a')).toMatchObject({ weight: 6, listSizes: [{ assumedSize: 3 }] })
  })

  it('leaves directives alone that are called so and are not', () => {
    const weights = read(`
      extend schema @link(url: "https://specs.apollo.dev/cost/v0.1", as: "price")
      type Query { a: Int @cost(fen: -3) @price(weight: 2) }
    `)
    expect(weights.field('Query', 'a')!.weight).toBe(2)
  })

  it('reads what extensions add, and root types of any name', () => {
    const weights = read(`
      schema { query: Ask } type Ask { a: Int @cost(weight: 1) }
      extend type Ask { b: Thing } type Thing { id: ID } extend type Thing @cost(weight: 8)
    `)
    expect(weights.rootOf('query')).toBe('Ask')
    expect(weights.rootOf('mutation')).toBe('Mutation')
    expect(weights.field('Ask', 'b')!.weight).toBe(8)
  })

  it('is remembered with the supergraph', () => {
    const supergraph = { sdl: 'type Query { a: Int }', apiSchema: NONE }
    expect(weightsOf(supergraph)).toBe(weightsOf(supergraph))
  })

  it('reads the shipped supergraph, what only services may ask for included', () => {
    const weights = weightsOf(loadSupergraph(readFileSync('schema/supergraph.graphql', 'utf8')))
    expect(weights.field('Mutation', 'claimCoupon')!.weight).toBe(10)
    expect(weights.field('Query', 'priceVariants')!.listSizes).toHaveLength(1)
  })

  it.each([
    ['type Query { a: Int @cost(weight: -5) }', 'on Query.a to be a number of at least 0, got -5'],
    [
      'type Query { a(b: Int @cost(weight: -1)): Int }',
      'on Query.a(b:) to be a number of at least 0, got -1',
    ],
    ['type Query { a: Int } input In { b: Int @cost(weight: -2) }', 'on In.b to be a number'],
    [
      'type Query { a: Int } type T @cost(weight: -3) { b: Int }',
      'on T to be a number of at least 0, got -3',
    ],
    ['type Query { a: Int } scalar S @cost(weight: -4)', 'on S to be a number'],
    ['type Query { a: Int } enum E @cost(weight: -4) { A }', 'on E to be a number'],
    ['type Query { a: Int @cost(weight: "much") }', 'on Query.a to be a number of at least 0, got much'],
    ['type Query { a: Int @cost }', 'on Query.a to be a number of at least 0, got none'],
  ])('refuses %s', (sdl, message) => {
    expect(() => read(sdl)).toThrow(`Expected the weight in @cost ${message}`)
  })
})
