import { buildSchema, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { composeGraph } from '../../schema/compose.ts'
import { SourceError } from '../../schema/generate.ts'
import { parseGraphql, readSubgraphs, type SubgraphSource } from '../../schema/sources.ts'

const { supergraph, api } = composeGraph(readSubgraphs())

/** Our own subgraphs, one of them with a passage replaced. */
function edited(name: string, from: string, to: string): SubgraphSource[] {
  return readSubgraphs().map(subgraph => {
    if (subgraph.name !== name) return subgraph
    expect(subgraph.text).toContain(from)
    return { name, ...parseGraphql(subgraph.path, subgraph.text.replace(from, to)) }
  })
}

const problemsOf = (subgraphs: SubgraphSource[]): readonly string[] => {
  try {
    composeGraph(subgraphs)
  } catch (error) {
    if (error instanceof SourceError) return error.problems
    throw error
  }
  return []
}

describe('composeGraph', () => {
  it('gives the same text whatever the order of the subgraphs', () => {
    expect(composeGraph(readSubgraphs().reverse())).toEqual({ supergraph, api })
  })

  it('puts each subgraph where docker compose runs it', () => {
    expect(
      [...supergraph.matchAll(/@join__graph\(name: "(\w+)", url: "([^"]+)"\)/g)].map(match => match.slice(1)),
    ).toEqual([
      ['campaign', 'http://campaign:4001/graphql'],
      ['catalog', 'http://catalog:4002/graphql'],
      ['coupon', 'http://coupon:4003/graphql'],
      ['payment', 'http://payment:4004/graphql'],
    ])
  })

  it('keeps cost, list sizes, cache control and scopes in the supergraph', () => {
    for (const applied of [
      '@cost(weight: 10)',
      '@listSize(slicingArguments: ["first"], sizedFields: ["edges"])',
      '@cacheControl(maxAge: 1, scope: PUBLIC)',
      '@requiresScopes(scopes: [["coupon:claim"]])',
    ])
      expect(supergraph).toContain(applied)
  })

  it('shows clients no service field, no type of one and no directive of composition', () => {
    const schema = buildSchema(api)
    const fields = [schema.getQueryType(), schema.getMutationType()].flatMap(type =>
      Object.keys(type?.getFields() ?? {}),
    )
    expect(fields).toContain('claimCoupon')
    for (const hidden of ['checkCoupon', 'reserveCoupon', 'openIssuance', 'priceVariants', 'reserveStock'])
      expect(fields).not.toContain(hidden)
    expect(schema.getType('CouponHold')).toBeUndefined()
    expect(api).not.toMatch(/@(join|inaccessible|cost|listSize|cacheControl|requiresScopes|link)|__/)
  })

  it('lets a field repeated from an interface inherit its description, and an input argument its type’s', () => {
    const schema = buildSchema(api)
    const issued = schema.getType('CouponIssued') as ReturnType<typeof schema.getQueryType>
    expect(issued?.getFields().retryable?.description).toBe('True when asking again, unchanged, may succeed.')
    expect(schema.getMutationType()?.getFields().claimCoupon?.args[0]?.description).toBe(
      'Which campaign to claim from.',
    )
  })

  it('prints SDL that parses', () => {
    parse(supergraph)
    parse(api)
  })

  it('names the files and the code of what does not compose', () => {
    expect(problemsOf(edited('payment', 'type PageInfo @shareable', 'type PageInfo'))[0]).toMatch(
      /^subgraphs\/campaign.*, subgraphs\/payment\/schema\.graphql INVALID_FIELD_SHARING .*PageInfo/,
    )
  })

  it('names the file and the line of what does not parse', () => {
    expect(() => parseGraphql('subgraphs/x/schema.graphql', 'type Query {\n  a: \n}')).toThrow(
      'subgraphs/x/schema.graphql:3 GRAPHQL_PARSE_FAILED',
    )
  })

  it('refuses a graph that breaks a convention, naming the place', () => {
    expect(problemsOf(edited('coupon', '    @cost(weight: 10)\n', ''))).toEqual([
      expect.stringMatching(
        /^subgraphs\/coupon\/schema\.graphql:\d+ Mutation\.claimCoupon is a mutation: expected @cost$/,
      ),
    ])
  })
})
