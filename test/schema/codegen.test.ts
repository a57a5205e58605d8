import { describe, expect, it } from 'vitest'
import { subgraphTypes } from '../../schema/codegen.ts'

const SDL = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@cost"])
enum spec__Scope { PUBLIC }
directive @spec(scope: spec__Scope) on FIELD_DEFINITION
scalar Fen
scalar DateTime
type Query { "A price." price(sku: ID!, at: DateTime): Price @cost(weight: 2) @spec(scope: PUBLIC) }
type Price @key(fields: "sku") { sku: ID! priceFen: Fen! level: Level! old: Int @deprecated(reason: "gone") }
enum Level { IN OUT }
input PriceInput { sku: ID! }
`

describe('subgraphTypes', () => {
  it('types arguments, inputs, outputs and enums, money as numbers and instants as dates', async () => {
    const text = await subgraphTypes(SDL, 'schema.graphql')
    expect(text).toMatch(/^\/\/ Generated from schema\.graphql/)
    expect(text).toContain("export type Level =\n  | 'IN'\n  | 'OUT';")
    expect(text).toMatch(/export type QueryPriceArgs = \{\n {2}sku: .*;\n {2}at\?: /)
    expect(text).toContain('Fen: { input: number; output: number; }')
    expect(text).toContain('DateTime: { input: Date; output: Date; }')
    expect(text).toContain('readonly priceFen: ')
    expect(text).toContain('@deprecated gone')
    expect(text).toContain('/** A price. */')
  })

  it('leaves out what Federation and linked specs add', async () => {
    const text = await subgraphTypes(SDL, 'schema.graphql')
    expect(text).not.toMatch(/_Any|_Entity|_Service|__Scope|federation|link/i)
  })

  it('gives the same text each time', async () => {
    expect(await subgraphTypes(SDL, 'schema.graphql')).toBe(await subgraphTypes(SDL, 'schema.graphql'))
  })

  it('names the line of what does not parse', async () => {
    await expect(subgraphTypes('type Query {\n', 'a.graphql')).rejects.toThrow(
      'a.graphql:2 GRAPHQL_PARSE_FAILED',
    )
  })
})
