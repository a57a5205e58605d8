import { parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { describePlan, type PlanDescription } from '../../../gateway/execution/describe-plan.ts'
import { compileOperation } from '../../../gateway/execution/operation.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { supergraphOf } from '../../harness/foreign-graph.ts'

const PEOPLE = `
  type Query { person: Person pets: [Pet!] }
  type Mutation { rename(name: String!): Person }
  union Pet = Cat | Dog
  type Cat { owner: Person } type Dog { owner: Person }
  type Person @key(fields: "id") { id: ID! name: String friends: [Person!] }
`
const SCORES = `
  type Query { best: Person }
  type Mutation { reset: Int }
  type Person @key(fields: "id") { id: ID! score(of: String): Int }
`
const supergraph = loadSupergraph(
  supergraphOf({
    people: { sdl: PEOPLE, url: 'http://people.invalid' },
    scores: { sdl: SCORES, url: 'http://scores.invalid' },
  }),
)

async function planOf(text: string, variables: Record<string, unknown> = {}): Promise<PlanDescription> {
  const document = parse(text)
  expect(validate(supergraph.apiSchema, document)).toEqual([])
  const operation = compileOperation(supergraph, document)
  return describePlan(await operation.plan(operation.coerceVariables(variables)), supergraph.types)
}

const fetchFrom = (service: string, more: object = {}): object => ({
  kind: 'Fetch',
  service,
  operation: expect.stringMatching(/^(query|mutation)?.*\{/),
  ...more,
})

test('a query that asks no subgraph has no node', async () => {
  expect(await planOf('{ __typename }')).toEqual({ kind: 'QueryPlan' })
})

test('two roots of two subgraphs are asked side by side', async () => {
  expect(await planOf('{ person { id } best { id } }')).toEqual({
    kind: 'QueryPlan',
    node: { kind: 'Parallel', nodes: expect.arrayContaining([fetchFrom('people'), fetchFrom('scores')]) },
  })
})

test("a path is in the client's terms, with items of lists and types of members", async () => {
  const plan = await planOf(
    'query ($of: String) { all: pets { ... on Dog { mine: owner { points: score(of: $of) } } } }',
    { of: 'x' },
  )
  expect(plan.node).toEqual({
    kind: 'Sequence',
    nodes: [
      fetchFrom('people'),
      fetchFrom('scores', {
        path: expect.stringMatching(/^all\.@\|\[Dog\]\.mine$/),
        requires: '{ ... on Person { __typename id } }',
        variables: ['of'],
      }),
    ],
  })
})

test('several sets of entities in one request are told apart by their aliases', async () => {
  const { node } = await planOf('{ person { score friends { score(of: "maths") } } }')
  expect(node).toEqual({
    kind: 'Sequence',
    nodes: [
      fetchFrom('people'),
      fetchFrom('scores', {
        entities: expect.toSatisfy(
          (entities: readonly { alias: string; paths: string[]; requires: string }[]) => {
            expect(entities.flatMap(({ paths }) => paths).sort()).toEqual(['person', 'person.friends.@'])
            expect(new Set(entities.map(({ alias }) => alias)).size).toBe(2)
            return entities.every(({ requires }) => requires === '{ ... on Person { __typename id } }')
          },
        ),
      }),
    ],
  })
})

test('mutations of two subgraphs come one after another, what each needs before the next', async () => {
  const { node } = await planOf('mutation { rename(name: "a") { score } reset }')
  expect(node).toEqual({
    kind: 'Sequence',
    nodes: [
      {
        kind: 'Sequence',
        nodes: [fetchFrom('people'), fetchFrom('scores', { path: 'rename', requires: expect.any(String) })],
      },
      fetchFrom('scores'),
    ],
  })
})

test('a condition shows what is fetched for these variables', async () => {
  const text = 'query ($all: Boolean!) { person { name score @include(if: $all) } }'
  expect((await planOf(text, { all: false })).node).toEqual(fetchFrom('people'))
  expect((await planOf(text, { all: true })).node).toMatchObject({ kind: 'Sequence' })
})
