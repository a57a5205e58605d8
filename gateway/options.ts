import type { Logger } from 'pino'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import type { CacheOptions } from './caching.ts'
import type { CompressionSettings } from './compression.ts'
import type { PropagationRules, ShareSettings } from './config-file.ts'
import type { OverrideRedis } from './control/redis-overrides.ts'
import type { CostOptions } from './cost-settings.ts'
import type { CreateClient } from './graph.ts'
import type { PartnerKey } from './identity/api-keys.ts'
import type { TokenSettings } from './identity/tokens.ts'
import type { GatewayLimits } from './limits.ts'
import type { ManifestOperation } from './operations/manifest.ts'
import type { RedisClient } from './redis/redis-connection.ts'
import type { SafelistMode } from './request.ts'
import type { Subgraph } from './supergraph/supergraph.ts'
import type { BudgetStore } from './surge/budgets.ts'
import type { LineTerms } from './surge/lines.ts'

export interface GatewayOptions {
  /** A composed Federation 2 supergraph. */
  readonly supergraphSdl: string
  /** One client a subgraph of the supergraph, or how to make one. The gateway closes them. */
  readonly clients: ReadonlyMap<string, SubgraphClient> | CreateClient
  /** Where a subgraph is. Default: where the supergraph says. */
  readonly urlOf?: (subgraph: Subgraph) => string
  /** Persisted operations: a manifest's text, or its entries. Default: none. */
  readonly manifest?: string | readonly ManifestOperation[]
  /** What of clients' own texts is served. Default `off`: all. */
  readonly safelist?: SafelistMode
  /**
   * Where all gateways keep answers, and texts that clients have registered; the gateway closes it. Not the connection that
   * budgets use: what waits behind a large answer would be late. Default: each has its own.
   */
  readonly redis?: RedisClient | undefined
  /** What is kept of answers. Default: nothing. */
  readonly cache?: CacheOptions | undefined
  /** Without them only anonymous callers are served, and whoever sends a token is told so. */
  readonly tokens?: TokenSettings
  /** Whose keys are believed in the header `x-api-key`. Default: the header is not looked at. */
  readonly partners?: readonly PartnerKey[]
  /** Masks what others say of their errors, and turns off by default what only developers need. Default true. */
  readonly production?: boolean
  /** Default: outside production. */
  readonly introspection?: boolean
  /** Apollo Sandbox at `/graphql` in a browser, GraphiQL at `/explorer`. Default: outside production. */
  readonly explorers?: boolean
  /** Origins whose pages may read answers. Default: none. */
  readonly corsOrigins?: readonly string[]
  readonly limits?: Partial<GatewayLimits>
  /** What requests may spend. Default: nothing is counted. */
  readonly cost?: CostOptions
  /** Budgets shared with other gateways, maybe still opening; the gateway closes them. Default: its own, in memory. */
  readonly budgets?: BudgetStore | Promise<BudgetStore>
  /** Of lines in memory; `budgets` bring their own. Default: those of `surge/lines.ts`. */
  readonly lineTerms?: LineTerms | undefined
  /**
   * Sign the tokens of kept places, each at least 32 characters: the first signs, all verify. Default: one of this gateway
   * alone, so that no other believes its tokens.
   */
  readonly placeKeys?: readonly string[] | undefined
  /** Whether the level follows the waits that are measured. Default false: it is CALM unless an operator pins another. */
  readonly measuresLevel?: boolean
  /** Where all gateways keep what operators make of limits and of the level; not closed here. Default: each has its own. */
  readonly overrideRedis?: OverrideRedis | undefined
  /** Addresses and networks whose `x-forwarded-for` is believed. Default: none. */
  readonly trustedProxies?: readonly string[]
  /** Labels of progressive `@override` that hold for every caller. Default: none. */
  readonly overrideLabels?: Iterable<string>
  /** What subgraphs get of a client's headers. Default: nothing. */
  readonly headers?: PropagationRules
  /** `false`: answers are never compressed. */
  readonly compression?: false | CompressionSettings
  /** Whether a client that asks gets the plan in `extensions.queryPlan`. Default: outside production. */
  readonly queryPlans?: boolean
  /** Whether what is asked twice at the same time is answered once. Default: both. */
  readonly share?: ShareSettings
  /** Default: none is kept. */
  readonly logger?: Logger
}
