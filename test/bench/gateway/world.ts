import type { GraphQLResolverMap } from '@apollo/subgraph'

/** A subgraph of a world: a real schema with real resolvers, run once for each operation that is new. */
export interface WorldSubgraph {
  readonly name: string
  readonly sdl: string
  readonly resolvers: GraphQLResolverMap<unknown>
}

/** What the gateways are measured on. */
export interface World {
  readonly subgraphs: readonly WorldSubgraph[]
  /** The operation, its variable `$id` an ID if it has one. */
  readonly query: string
  readonly takesId: boolean
}
