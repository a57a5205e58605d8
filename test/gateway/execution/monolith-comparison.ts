import assert from 'node:assert/strict'
import { execute, type GraphQLSchema, parse } from 'graphql'
import type { SubgraphClient } from '../../../protocol/subgraph-client.ts'
import { type OperationShape, operationOf, type RandomOperation } from './random-operation.ts'
import type { WorldShape } from './random-world.ts'
import { type Answer, plain, type SubgraphSource, type World, world } from './world.ts'
import { modelOf, type WorldModel } from './world-model.ts'
import { monolithSdl, subgraphSdl } from './world-sdl.ts'
import { monolithOf, resolversOf, type State } from './world-values.ts'

/** A fetch reports this many errors at most. */
const FETCH_ERRORS_MAX = 20

export interface Both {
  readonly model: WorldModel
  readonly sources: Readonly<Record<string, SubgraphSource>>
  readonly federated: World
  readonly monolith: GraphQLSchema
  readonly states: { readonly gateway: State; readonly monolith: State }
  /** Answers of subgraphs that refused what they were sent. */
  readonly refused: unknown[]
}

/** @param edited of world.ts */
export function both(shape: WorldShape, edited?: (supergraphSdl: string) => string): Both {
  const model = modelOf(shape)
  const states = { gateway: { log: [] }, monolith: { log: [] } }
  const sources = Object.fromEntries(
    model.graphs.flatMap((name, g): [string, SubgraphSource][] => {
      const sdl = subgraphSdl(model, g)
      return sdl === '' ? [] : [[name, { sdl, resolvers: resolversOf(model, g, states.gateway) }]]
    }),
  )
  const federated = world(sources, edited)
  const refused: unknown[] = []
  for (const [name, client] of federated.clients) federated.clients.set(name, uneven(client, refused))
  return { model, sources, federated, monolith: monolithOf(model, states.monolith), states, refused }
}

/** Lets requests overtake one another, always in the same way, and notes those that a subgraph refuses. */
function uneven(client: SubgraphClient, refused: unknown[]): SubgraphClient {
  return {
    ...client,
    async execute(request) {
      const turns = request.operation.length % 5
      for (let i = 0; i < turns * 10; i++) await undefined
      const answer = await client.execute(request)
      if (answer.data === undefined) refused.push({ subgraph: client.name, request, answer })
      return answer
    },
  }
}

export async function compare(
  { model, federated, monolith, states, refused }: Both,
  { text, variables }: RandomOperation,
  options: Parameters<World['query']>[2] = {},
): Promise<void> {
  states.gateway.log = []
  states.monolith.log = []
  refused.length = 0
  const document = parse(text)
  const expected = await execute({ schema: monolith, document, variableValues: variables })
  const got = await federated.query(text, variables, {
    rollout: { labels: new Set(), percentage: model.shape.percentage },
    fetchesMax: 10_000,
    errorsMax: 10_000,
    ...options,
  })
  assert.deepEqual(refused, [], 'Expected every operation to be one that its subgraph accepts')
  assert.equal(JSON.stringify(got.data), JSON.stringify(plain(expected.data)))
  const wanted = placesOf(expected.errors ?? [], got.data)
  const named = placesOf(got.errors, got.data)
  const complete = got.errors.length < FETCH_ERRORS_MAX
  assert.deepEqual(complete ? named : named.filter(place => !wanted.includes(place)), complete ? wanted : [])
  assert.equal(got.errors.length > 0, wanted.length > 0)
  assert.deepEqual(states.gateway.log, states.monolith.log)
}

/**
 * Where the response is null because of each error: several errors under one null are one place, since which of them
 * are found before the null makes the others moot is not defined.
 */
function placesOf(
  errors: readonly { readonly path?: readonly (string | number)[] | undefined }[],
  data: unknown,
): string[] {
  const places = errors.map(({ path }) => {
    const at: (string | number)[] = []
    let value = data
    for (const segment of path ?? []) {
      if (value === null || value === undefined) break
      value = (value as Record<string | number, unknown>)[segment]
      at.push(segment)
    }
    return value === null ? `null at ${at.join('.')}` : `no null at ${(path ?? []).join('.')}`
  })
  return [...new Set(places)].sort()
}

export async function describeFailure(
  shape: WorldShape,
  operations: readonly OperationShape[],
): Promise<string> {
  const model = modelOf(shape)
  const parts = model.graphs.map((name, g) => `# subgraph ${name}\n${subgraphSdl(model, g)}`)
  parts.push(`# monolith\n${monolithSdl(model)}`)
  try {
    const worlds = both(shape)
    for (const one of operations) {
      const operation = operationOf(worlds.monolith, one)
      worlds.states.gateway.log = []
      worlds.states.monolith.log = []
      const expected = await execute({
        schema: worlds.monolith,
        document: parse(operation.text),
        variableValues: operation.variables,
      })
      const got: Answer | unknown = await worlds.federated
        .query(operation.text, operation.variables, {
          rollout: { labels: new Set(), percentage: shape.percentage },
          fetchesMax: 10_000,
          errorsMax: 10_000,
        })
        .catch((error: unknown) => String(error))
      parts.push(
        `# operation\n${operation.text}\n# variables\n${JSON.stringify(operation.variables)}`,
        `# expected\n${JSON.stringify(expected)}\n# got\n${JSON.stringify(got)}`,
        `# sent`,
        ...worlds.federated.sent.map(
          sent => `${sent.subgraph}: ${sent.operation} ${JSON.stringify(sent.variables)}`,
        ),
      )
    }
  } catch (error) {
    parts.push(String(error))
  }
  return parts.join('\n')
}
