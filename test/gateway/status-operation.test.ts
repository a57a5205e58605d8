import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { readFieldLimits } from '../../gateway/cost/field-limits.ts'
import { createRegistry } from '../../gateway/operations/registry.ts'
import { statusOperationsOf } from '../../gateway/status-operation.ts'
import { loadSupergraph } from '../../gateway/supergraph/supergraph.ts'
import { hashOf } from '../harness/tiny-graph.ts'

function supergraphWith(limit: string) {
  const composed = composeServices([
    {
      name: 'drops',
      url: 'http://drops',
      typeDefs: parse(`
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective", "@authenticated"])
          @link(url: "https://spillway.dev/costLimit/v1.0", import: ["@costLimit"]) @composeDirective(name: "@costLimit")
        directive @costLimit(perSecond: Float!, burst: Float!, per: costLimit__Per, over: costLimit__Over, by: String,
          status: String) repeatable on FIELD_DEFINITION
        enum costLimit__Per { FLEET CALLER }
        enum costLimit__Over { PLACE REFUSE }
        type Query { drop(id: ID!, shop: ID): Drop, drops: [Drop!]!, named(name: String!): Drop }
        type Mutation { claim(input: Claim!): Int ${limit} }
        input Claim { drop: ID! }
        type Drop { id: ID! remaining: Int secret: Int @authenticated }`),
    },
  ])
  if (composed.errors) throw new Error(composed.errors.map(error => error.message).join('\n'))
  return loadSupergraph(composed.supergraphSdl as string)
}

const BY_DROP = '@costLimit(perSecond: 1, burst: 10, by: "input.drop", status: "Status")'
const OF_ALL = '@costLimit(perSecond: 1, burst: 10, status: "Status")'

function found(limit: string, ...texts: string[]) {
  const supergraph = supergraphWith(limit)
  const manifest = texts.map(body => ({ id: hashOf(body), body, priority: 'OPERATE' as const }))
  const limits = { tokensMax: 1_000, depthMax: 10, rootFieldsMax: 10 }
  const { operations } = createRegistry(supergraph, manifest, limits)
  return statusOperationsOf(readFieldLimits(supergraph), operations)
}

describe('statusOperationsOf', () => {
  it('finds the query by its name, and the variable that takes the value', () => {
    const other = 'query Other($id: ID!) { drop(id: $id) { remaining } }'
    const status =
      'query Status($shop: ID, $id: ID!, $n: ID! = "1") { drop(id: $id, shop: $shop) { remaining } a: drop(id: $n) { id } }'
    const operations = found(BY_DROP, other, status)
    expect([...operations.keys()]).toEqual(['Mutation.claim:input.drop'])
    expect(operations.get('Mutation.claim:input.drop')).toMatchObject({
      operation: { name: 'Status', id: hashOf(status) },
      variable: 'id',
    })
  })

  it('takes, of several texts of the name, one that fits', () => {
    const old = 'query Status($name: String!) { named(name: $name) { remaining } }'
    const status = 'query Status($id: ID!) { drop(id: $id) { remaining } }'
    expect([...found(BY_DROP, old, status).values()]).toMatchObject([{ operation: { id: hashOf(status) } }])
  })

  it('needs no variable for a limit that is kept by no value', () =>
    expect([...found(OF_ALL, 'query Status { drops { remaining } }').values()]).toMatchObject([
      { variable: undefined },
    ]))

  it('finds none where no limit names one', () =>
    expect(found('@costLimit(perSecond: 1, burst: 10)').size).toBe(0))

  it.each([
    [BY_DROP, 'query Other { drops { id } }', 'expected a persisted query of this name, got none'],
    [
      BY_DROP,
      'mutation Status($i: Claim!) { claim(input: $i) }',
      'expected a persisted query that tells anybody',
    ],
    [
      BY_DROP,
      'query Status { drops { id } }',
      'one required variable, of the type of input.drop, got another',
    ],
    [
      BY_DROP,
      'query Status($id: ID!, $shop: ID!) { drop(id: $id, shop: $shop) { id } }',
      'one required variable',
    ],
    [
      BY_DROP,
      'query Status($id: String!) { named(name: $id) { id } }',
      'one required variable, of the type of',
    ],
    [OF_ALL, 'query Status($id: ID!) { drop(id: $id) { id } }', 'no required variable, got another'],
    // The gateway asks for nobody: it would never be told.
    [
      OF_ALL,
      'query Status { drops { remaining secret } }',
      'expected a persisted query that tells anybody what is remaining',
    ],
    [
      OF_ALL,
      'query Status { drops { ...Some } } fragment Some on Drop { secret remaining }',
      'expected a persisted query that tells anybody what is remaining',
    ],
    [
      OF_ALL,
      'query Status { drops { left: remaining } }',
      'expected a persisted query that tells anybody what is remaining',
    ],
  ])('refuses %s with %s', (limit, text, problem) => {
    expect(() => found(limit, text)).toThrow('Mutation.claim @costLimit(status: "Status"): ')
    expect(() => found(limit, text)).toThrow(problem)
  })
})
