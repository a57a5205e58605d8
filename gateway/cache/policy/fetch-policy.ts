import type { DocumentNode } from 'graphql'

/** A subgraph's operation as the policies look at it; compiled once, and known by its identity. */
export interface FetchDescription {
  readonly service: string
  readonly kind: 'query' | 'mutation'
  /** The operation's text. */
  readonly operation: string
  readonly document: DocumentNode
  /** PUBLIC: the answer is the same for every caller. */
  readonly scope: 'PUBLIC' | 'PRIVATE'
}

/** How an answer to a fetch may be kept. */
export interface FetchPolicy {
  readonly scope: 'PUBLIC' | 'PRIVATE'
  /** The strictest of everything in it; positive. */
  readonly freshMs: number
  /** Beyond `freshMs`; 0: not at all. */
  readonly staleMs: number
  /** For metrics: `Query.campaign` and so on of root fields; of an entity fetch the types that it may be of. */
  readonly fields: readonly string[]
  /**
   * What the answer tells of: its types, its entities by their keys where they are selected, and what the table adds.
   * @param variables of a root fetch: those sent; of an entity fetch: those and, as the tags of the entity itself, its
   * representation.
   * @param data of a root fetch: the answer's data; of an entity fetch: the entity.
   */
  tagsOf(data: unknown, variables: Readonly<Record<string, unknown>>, representation?: object): string[]
}

/** What a mutation's answer makes void: tags. */
export type Invalidations = (
  variables: Readonly<Record<string, unknown>>,
  /** Undefined: nobody knows what became of it; then what its arguments name. */
  data: Readonly<Record<string, unknown>> | undefined,
) => string[]

/** The policy table and the schema's `@cacheControl`, compiled for one supergraph. */
export interface CachePolicies {
  /** How the answer to a fetch of root fields may be kept; undefined: not at all. */
  ofRoot(fetch: FetchDescription): FetchPolicy | undefined
  /** How the entities under one root key (`_entities` or an alias of it) may be kept. */
  ofEntities(fetch: FetchDescription, rootKey: string): FetchPolicy | undefined
  /** Undefined: the mutation touches nothing that may be kept. */
  ofMutation(fetch: FetchDescription): Invalidations | undefined
  /** Whether anything PRIVATE may be kept: then a caller's mutation voids what is kept of that caller. */
  readonly keepsPrivate: boolean
  /** Of the parts of the supergraph that a subgraph has a share in, and of the table: what is kept by others is never found. */
  schemaHashOf(service: string): string
}
