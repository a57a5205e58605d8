import { readFileSync } from 'node:fs'
import { buildSchema, type GraphQLSchema } from 'graphql'
import { describe, expect, it, test } from 'vitest'
import { keptPlaceOf } from '../../gateway/kept-place.ts'
import { placeWords } from '../../gateway/kept-place-words.ts'
import type { Authorization } from '../../gateway/supergraph/authorization.ts'
import { compiled, TOLD } from './place-schema.ts'

const WORDS = placeWords(TOLD)

/** The answer as text: the order of its keys counts. */
function answered(
  text: string,
  variables: Record<string, unknown> = {},
  schema?: GraphQLSchema,
  authorization?: Authorization,
): string | undefined {
  const data = keptPlaceOf(compiled(text, schema, authorization))(variables, TOLD)
  return data && JSON.stringify(data)
}

test('ClaimCoupon, as it is persisted, is answered with all of a place', () => {
  const { operations } = JSON.parse(readFileSync('schema/operations.json', 'utf8')) as {
    operations: readonly { name: string; body: string }[]
  }
  const { body } = operations.find(({ name }) => name === 'ClaimCoupon')!
  const schema = buildSchema(readFileSync('schema/api.graphql', 'utf8'))
  expect(answered(body, { input: { campaignId: 'c' } }, schema)).toBe(
    JSON.stringify({
      claimCoupon: {
        __typename: 'KeptPlace',
        code: 'KEPT_PLACE',
        severity: 'WARNING',
        messageZh: WORDS.zh,
        messageEn: WORDS.en,
        retryable: true,
        retryAfterMs: 40_200,
        token: 'p1.e.1.0.mac',
        admitAt: '2027-02-06T12:15:06.400Z',
        position: 12,
      },
    }),
  )
})

describe('a place is data', () => {
  it.each<[string, string, Record<string, unknown>, string]>([
    [
      'of a union',
      'mutation { claim { ... on KeptPlace { token } } }',
      {},
      '{"claim":{"token":"p1.e.1.0.mac"}}',
    ],
    ['of an interface', 'mutation { message { code } }', {}, '{"message":{"code":"KEPT_PLACE"}}'],
    ['by itself', '{ place { position } }', {}, '{"place":{"position":12}}'],
    [
      'without what is selected of others',
      'mutation { claim { ... on Issued { coupon } __typename } }',
      {},
      '{"claim":{"__typename":"KeptPlace"}}',
    ],
    ['of nothing', 'mutation { claim { ... on Issued { coupon } } }', {}, '{"claim":{}}'],
    [
      'beside the name of the root, in the order of the text',
      'mutation { a: __typename c: claim { __typename } __typename }',
      {},
      '{"a":"Mutation","c":{"__typename":"KeptPlace"},"__typename":"Mutation"}',
    ],
    [
      'selected twice under one name',
      'mutation { claim { ... on KeptPlace { position } } claim { __typename ... on Waiting { position } } }',
      {},
      '{"claim":{"position":12,"__typename":"KeptPlace"}}',
    ],
    [
      'through fragments, on the root and what it implements too',
      'mutation { ...M } fragment M on Root { claim { ...R } } fragment R on Result { ... on Message { ...K code } } fragment K on KeptPlace { t: token }',
      {},
      '{"claim":{"t":"p1.e.1.0.mac","code":"KEPT_PLACE"}}',
    ],
    [
      'where another root field is left out',
      'mutation($x: Boolean!) { number @include(if: $x) claim @skip(if: $x) { __typename } }',
      { x: false },
      '{"claim":{"__typename":"KeptPlace"}}',
    ],
    [
      'without what is left out of it, in the order of what is left',
      'mutation($x: Boolean!) { claim { ... on KeptPlace @skip(if: $x) { position } ... on KeptPlace { token position } } }',
      { x: true },
      '{"claim":{"token":"p1.e.1.0.mac","position":12}}',
    ],
    [
      'in the order of the text where nothing is left out',
      'mutation($x: Boolean!) { claim { ... on KeptPlace @skip(if: $x) { position } ... on KeptPlace { token position } } }',
      { x: false },
      '{"claim":{"position":12,"token":"p1.e.1.0.mac"}}',
    ],
    [
      'where what is not known here is left out',
      'mutation($x: Boolean!) { claim { ... on KeptPlace { code nickname @include(if: $x) } } }',
      { x: false },
      '{"claim":{"code":"KEPT_PLACE"}}',
    ],
  ])('%s', (_, text, variables, data) => expect(answered(text, variables)).toBe(data))
})

describe('there is no room for a place', () => {
  it.each<[string, string, Record<string, unknown>]>([
    ['in a type that has none', 'mutation { without { __typename } }', {}],
    ['in a scalar', 'mutation { number }', {}],
    ['in a list', 'mutation { places { token } }', {}],
    ['beside another root field', 'mutation { claim { __typename } number }', {}],
    ['beside itself under another name', 'mutation { a: claim { __typename } b: claim { __typename } }', {}],
    ['beside what describes the schema', '{ place { token } __schema { queryType { name } } }', {}],
    [
      'where another root field is not left out',
      'mutation($x: Boolean!) { number @include(if: $x) claim { __typename } }',
      { x: true },
    ],
    [
      'where it is left out itself',
      'mutation($x: Boolean!) { __typename claim @skip(if: $x) { __typename } }',
      { x: true },
    ],
    [
      'where more of it is asked for than is known here',
      'mutation { claim { ... on KeptPlace { nickname } } }',
      {},
    ],
    ['where objects of it are asked for', 'mutation { place { line { id } } }', {}],
    [
      'where more of it is asked for in this request',
      'mutation($x: Boolean!) { claim { ... on KeptPlace { nickname @include(if: $x) } } }',
      { x: true },
    ],
  ])('%s', (_, text, variables) => expect(answered(text, variables)).toBeUndefined())

  it('in a schema that has no such type', () => {
    expect(answered('{ a }', {}, buildSchema('type Query { a: Int }'))).toBeUndefined()
  })

  it('where a type cannot hold what is told', () => {
    const schema = buildSchema(`
      enum Severity { INFO }
      type KeptPlace { severity: Severity!, position: String, token: [String], admitAt: Int, code: ID, retryAfterMs: Float }
      type Query { place: KeptPlace }`)
    for (const name of ['severity', 'position', 'token', 'admitAt'])
      expect([name, answered(`{ place { ${name} } }`, {}, schema)]).toEqual([name, undefined])
    expect(answered('{ place { code retryAfterMs } }', {}, schema)).toBe(
      '{"place":{"code":"KEPT_PLACE","retryAfterMs":40200}}',
    )
  })

  it('where a member is not everybody’s, on it or on the interface that it is asked of', () => {
    const guarded = (place: string): Authorization => ({
      requirementsOf: (typename, field) =>
        `${typename}.${field}` === place ? [{ kind: 'authenticated' }] : [],
    })
    const text = 'mutation { claim { ... on Message { code } ... on KeptPlace { token } } }'
    expect(answered(text, {}, undefined, guarded('KeptPlace.token'))).toBeUndefined()
    expect(answered(text, {}, undefined, guarded('Message.code'))).toBeUndefined()
    expect(answered(text, {}, undefined, guarded('Message.severity'))).toBeDefined()
  })

  it('in what selects more than anybody writes', () => {
    const aliases = (count: number) =>
      `mutation { claim { ... on KeptPlace { ${Array.from({ length: count }, (_, i) => `a${i}: code`).join(' ')} } } }`
    expect(answered(aliases(500))).toBeDefined()
    expect(answered(aliases(501))).toBeUndefined()
  })
})

test('it is compiled once an operation', () => {
  const operation = compiled('{ place { token } }')
  expect(keptPlaceOf(operation)).toBe(keptPlaceOf(operation))
})
