import fc from 'fast-check'
import { buildASTSchema, execute, type GraphQLSchema, isObjectType, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { fields, MONOLITH, resolvers, SUBGRAPHS } from './monolith-world.ts'
import { randomOperation } from './random-operation.ts'
import { plain, type Resolvers, world } from './world.ts'

/** Every case has a world of its own; resolvers read its seed here. */
const current = { seed: 1 }

const federated = world(
  Object.fromEntries(
    Object.entries(SUBGRAPHS).map(([name, sdl]) => [
      name,
      {
        sdl,
        resolvers: declaredIn(
          sdl,
          resolvers(() => current.seed),
        ),
      },
    ]),
  ),
)

/** What of the resolvers a subgraph's SDL has. */
function declaredIn(sdl: string, all: Resolvers): Resolvers {
  const schema = buildASTSchema(parse(sdl), { assumeValid: true })
  const kept: Resolvers = {}
  for (const [name, members] of Object.entries(all)) {
    const type = schema.getType(name)
    if (!type) continue
    const fields = 'getFields' in type ? Object.keys(type.getFields()) : []
    const entity = new RegExp(`type ${name} [^{]*@key`).test(sdl)
    const own = ([member]: [string, unknown]): boolean =>
      fields.includes(member) || member === '__resolveType' || (member === '__resolveReference' && entity)
    kept[name] = Object.fromEntries(Object.entries(members).filter(own))
  }
  return kept
}

const monolith: GraphQLSchema = buildASTSchema(parse(MONOLITH))
for (const [name, members] of Object.entries(fields(0, false))) {
  const type = monolith.getType(name)
  if (!isObjectType(type)) continue
  for (const field of Object.keys(members))
    type.getFields()[field]!.resolve = (self, args) => fields(current.seed, false)[name]![field]!(self, args)
}

test('the two schemas offer clients the same', () => {
  const shape = (schema: GraphQLSchema): Record<string, string[]> =>
    Object.fromEntries(
      Object.entries(schema.getTypeMap())
        .filter(([name]) => !name.startsWith('__'))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, type]) => [
          name,
          'getFields' in type
            ? Object.values(type.getFields())
                .map(f => `${f.name}: ${f.type}`)
                .sort()
            : [],
        ]),
    )
  expect(shape(federated.supergraph.apiSchema)).toEqual(shape(monolith))
})

test('a random query over the subgraphs equals the same query on one schema', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.infiniteStream(fc.nat(1_000_000)),
      async (seed, stream) => {
        current.seed = seed
        const { text, variables } = randomOperation(
          federated.supergraph.apiSchema,
          below => (stream.next().value as number) % below,
        )
        const document = parse(text)
        fc.pre(validate(monolith, document).length === 0)
        const expected = await execute({
          schema: monolith,
          document,
          rootValue: { __typename: 'Query', id: 'Q' },
          variableValues: variables,
        })
        const answer = await federated.query(text, variables)
        const context = JSON.stringify(
          { seed, text, variables, errors: answer.errors, expected: expected.errors, sent: federated.sent },
          null,
          1,
        )
        expect(JSON.stringify(answer.data), context).toBe(JSON.stringify(plain(expected.data)))
        expect(answer.errors.length > 0, context).toBe((expected.errors ?? []).length > 0)
      },
    ),
    { numRuns: 400, seed: 20_260_217 },
  )
})
