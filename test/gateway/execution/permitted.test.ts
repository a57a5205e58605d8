import { buildSchema, type OperationDefinitionNode, parse } from 'graphql'
import { expect, test } from 'vitest'
import { requirementsIn } from '../../../gateway/execution/authorize.ts'
import { permittedOf } from '../../../gateway/execution/permitted.ts'
import type { Authorization, Requirement } from '../../../gateway/supergraph/authorization.ts'
import type { Supergraph } from '../../../gateway/supergraph/supergraph.ts'

const OBJECTS = 200
const ALIASES = 300

const schema = buildSchema(`
  type Query { node: Node }
  interface Node { id: ID, secret: Int, node: Node }
  ${Array.from({ length: OBJECTS }, (_, i) => `type T${i} implements Node { id: ID, secret: Int, node: Node }`).join('\n')}
`)
const REQUIREMENT: Requirement = { kind: 'authenticated' }

/** Of `T0` the secret is guarded. */
function counting(): Authorization & { calls: number } {
  const authorization = {
    calls: 0,
    requirementsOf(typename: string, field: string) {
      authorization.calls++
      return typename === 'T0' && field === 'secret' ? [REQUIREMENT] : []
    },
  }
  return authorization
}

const operationIn = (text: string): OperationDefinitionNode =>
  parse(text).definitions[0] as OperationDefinitionNode
const aliased = (field: string): OperationDefinitionNode =>
  operationIn(`{ node { ${Array.from({ length: ALIASES }, (_, i) => `a${i}: ${field}`).join(' ')} } }`)

test.each([['id'], ['node { id }'], ['node { ... on Node { id } }']])(
  'a field of an interface of many objects is looked up once an object, under however many names: %s',
  field => {
    const authorization = counting()
    const permitted = permittedOf(schema, authorization, aliased(field), new Set([REQUIREMENT]))
    expect(permitted.refusals).toEqual([])
    // Of the query its field; of the interface each name, and of each object each field.
    expect(authorization.calls).toBeLessThan(3 * (ALIASES + OBJECTS))
  },
)

test('so are the requirements of a whole operation', () => {
  const authorization = counting()
  const supergraph = { apiSchema: schema, authorization } as unknown as Supergraph
  expect(requirementsIn(supergraph, aliased('secret'), new Map())).toEqual([REQUIREMENT])
  expect(authorization.calls).toBeLessThan(2 * OBJECTS)
})

test('what is selected of each object instead is refused as soon as it is too large', () => {
  const permittedFor = (names: number) => (): object =>
    permittedOf(
      schema,
      counting(),
      operationIn(`{ node { ${Array.from({ length: names }, (_, i) => `a${i}: secret`).join(' ')} } }`),
      new Set([REQUIREMENT]),
    )
  // 199 objects each, and the selection itself: ten of them are 2,000.
  expect(permittedFor(9)).not.toThrow()
  expect(permittedFor(11)).toThrow('Expected at most 2000 selections')
})
