import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import type { AnswerCaching } from './caching.ts'
import { readFieldLimits } from './cost/field-limits.ts'
import { weightsOf } from './cost/weights.ts'
import type { PlanElsewhere } from './execution/operation-plan.ts'
import { makeTools } from './mcp/tools.ts'
import { createAdhocOperations } from './operations/adhoc.ts'
import { type ManifestOperation, readManifestAsync } from './operations/manifest.ts'
import { DEFAULT_PRICING, type PricingOptions } from './operations/operation-cost.ts'
import { createRegistryAsync, type RegistryLimits } from './operations/registry.ts'
import { rolloutsOf } from './operations/rollout.ts'
import type { Graph } from './pipeline.ts'
import { statusOperationsOf } from './status-operation.ts'
import { loadSupergraphAsync, type Subgraph, type Supergraph } from './supergraph/supergraph.ts'

export type CreateClient = (subgraph: Subgraph) => SubgraphClient

/** What a graph is made of. */
export interface GraphSource {
  /** A composed Federation 2 supergraph. */
  readonly supergraphSdl: string
  /** Persisted operations: a manifest's text, or its entries. */
  readonly manifest: string | readonly ManifestOperation[]
}

export interface GraphOptions {
  readonly clients: ReadonlyMap<string, SubgraphClient> | CreateClient
  readonly limits: RegistryLimits
  /** Where a subgraph is, if not where the supergraph says. */
  readonly urlOf: (subgraph: Subgraph) => string
  /** Labels of progressive `@override` that hold for every caller. */
  readonly overrideLabels: ReadonlySet<string>
  /**
   * Plan where the planner may abort: what clients send, and what takes the place of a graph that is served. Default:
   * this process plans everything.
   */
  readonly planners?: GraphPlanners
  /** How operations are priced. */
  readonly pricing?: Omit<PricingOptions, 'limits'>
  /** What is kept of answers. Default: nothing. */
  readonly caching?: Pick<AnswerCaching, 'of' | 'policies'> | undefined
  /** Whether the registry is asked for operations by their text. Default true. */
  readonly findsEqual?: boolean
}

export interface GraphPlanners {
  readonly ofClients: PlanElsewhere
  /** Asked for a few plans at a time. */
  readonly ofSwaps: PlanElsewhere
}

/**
 * Makes all of a graph, every persisted operation compiled, while other work goes on; nothing serves it yet. What has
 * not changed since `before` is taken over: the supergraph, the clients of subgraphs that are where they were.
 *
 * Rejects with an Error naming what is wrong with the supergraph, the manifest, an operation, or a subgraph without a
 * client; then no client of its own is left open.
 */
export async function buildGraph(
  { supergraphSdl, manifest }: GraphSource,
  before: Graph | undefined,
  {
    clients,
    limits,
    urlOf,
    overrideLabels,
    planners,
    pricing = DEFAULT_PRICING,
    caching,
    findsEqual = true,
  }: GraphOptions,
): Promise<Graph> {
  const known = before?.supergraph.sdl === supergraphSdl ? before : undefined
  const supergraph = known?.supergraph ?? (await loadSupergraphAsync(supergraphSdl, caching?.policies))
  // Weights that are none refuse the graph, not the first operation that meets them.
  weightsOf(supergraph)
  const rollouts = known?.rollouts ?? rolloutsOf(supergraph, overrideLabels)
  const fieldLimits = known?.fieldLimits ?? readFieldLimits(supergraph, { listSizeDefault: pricing.listSize })
  const prices = { ...pricing, limits: fieldLimits }
  const operations = typeof manifest === 'string' ? await readManifestAsync(manifest, 'manifest') : manifest
  const registry = await createRegistryAsync(supergraph, operations, limits, rollouts.buckets, {
    plan: planners?.ofClients,
    planEagerly: before && planners?.ofSwaps,
    pricing: prices,
    findsEqual,
    before: known?.registry,
  })
  const adhoc =
    known?.adhoc ??
    createAdhocOperations(supergraph, rollouts.buckets, undefined, undefined, planners?.ofClients, prices)
  const graph: Graph = {
    supergraph,
    registry,
    adhoc,
    rollouts,
    fieldLimits,
    caching: known?.caching ?? caching?.of(supergraph),
    statusOperations: statusOperationsOf(fieldLimits, registry.operations),
    clients: await clientsOf(supergraph, before, clients, urlOf),
  }
  try {
    // An operation that cannot be a tool is found now.
    await makeTools(graph)
  } catch (error) {
    await closeClients(madeFor(graph, before, clients))
    throw error
  }
  return graph
}

/** Clients that were made for `graph` and that `other` does without; those that were given may be needed again. */
export function madeFor(
  graph: Graph,
  other: Graph | undefined,
  given: GraphOptions['clients'],
): readonly SubgraphClient[] {
  if (typeof given !== 'function') return []
  const shared = new Set(other?.clients.values())
  return [...graph.clients.values()].filter(client => !shared.has(client))
}

export async function closeClients(clients: Iterable<SubgraphClient>): Promise<void> {
  await Promise.all([...clients].map(client => client.close()))
}

async function clientsOf(
  supergraph: Supergraph,
  before: Graph | undefined,
  given: GraphOptions['clients'],
  urlOf: GraphOptions['urlOf'],
): Promise<ReadonlyMap<string, SubgraphClient>> {
  const placesBefore = new Map(before?.supergraph.subgraphs.map(subgraph => [subgraph.name, urlOf(subgraph)]))
  const clients = new Map<string, SubgraphClient>()
  const made: SubgraphClient[] = []
  try {
    for (const subgraph of supergraph.subgraphs) {
      const { name } = subgraph
      const url = urlOf(subgraph)
      let client = placesBefore.get(name) === url ? before?.clients.get(name) : undefined
      if (client === undefined && typeof given === 'function') {
        client = given({ name, url })
        made.push(client)
      }
      client ??= typeof given === 'function' ? undefined : given.get(name)
      if (client === undefined) throw new Error(`expected a client for the subgraph ${name}, got none`)
      clients.set(name, client)
    }
  } catch (error) {
    await closeClients(made)
    throw error
  }
  return clients
}
