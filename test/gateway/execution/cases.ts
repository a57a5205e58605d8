import { expect } from 'vitest'
import { type SubgraphSource, type World, world } from './world.ts'

/** One row of a table: subgraphs, a valid operation, and what it must answer. */
export interface Case {
  readonly what: string
  readonly subgraphs: Readonly<Record<string, SubgraphSource>>
  readonly query: string
  readonly variables?: Record<string, unknown>
  readonly options?: Parameters<World['query']>[2]
  readonly data: unknown
  /** Message and path of each; none by default. */
  readonly errors?: readonly (readonly [message: string, path: readonly (string | number)[]])[]
  /** What subgraphs were sent, in any order: a name, and each list of representations. */
  readonly sent?: readonly (readonly [subgraph: string, ...representations: unknown[]])[]
}

export async function holds({
  subgraphs,
  query,
  variables,
  options,
  data,
  errors,
  sent,
}: Case): Promise<void> {
  const made = world(subgraphs)
  const answer = await made.query(query, variables, options)
  expect(answer.data).toEqual(data)
  expect(answer.errors.map(({ message, path }) => [message, path])).toEqual(errors ?? [])
  expect(JSON.stringify(answer.data), 'keys in the order that the client gave').toBe(JSON.stringify(data))
  if (sent) expect(sorted(made.sent.map(requestOf))).toEqual(sorted(sent))
}

const requestOf = ({ subgraph, variables }: World['sent'][number]): unknown[] => [
  subgraph,
  ...Object.values(variables).filter(isRepresentations),
]

const sorted = (requests: readonly unknown[]): unknown[] =>
  requests.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

const isRepresentations = (value: unknown): boolean =>
  Array.isArray(value) && value.some(item => item?.__typename !== undefined)

/** Reads an entity by its key `id`. */
export const byId =
  <Row extends { id: string }>(rows: readonly Row[]) =>
  (reference: { id: string }): Row | null =>
    rows.find(row => row.id === reference.id) ?? null

export const resolveType = (value: { __typename: string }): string => value.__typename
