import type { Logger } from 'pino'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import { buildGraph, closeClients, type GraphOptions, type GraphSource, madeFor } from './graph.ts'
import { warmTexts } from './operations/warm.ts'
import type { Graph } from './pipeline.ts'

/** The graph that is served, and how another takes its place. */
export interface ServedGraph {
  readonly current: Graph
  /** Why the newest supergraph or manifest was refused; `undefined`: it is the one that is served. */
  readonly refused: string | undefined
  /**
   * Makes a graph of what is new and of the rest as it is, and puts it in the place of the current one, between two
   * requests. Those under way finish on the old one. What is served already is left alone. Rejects with the reason when the new one cannot serve: then the
   * old one goes on. Calls wait for one another.
   */
  swap(change: Partial<GraphSource>): Promise<void>
  /** Closes every client, those of graphs that were replaced too. */
  close(): Promise<void>
}

export interface ServedGraphOptions extends GraphOptions {
  /** After this time no request that began on a replaced graph is under way. */
  readonly requestMsMax: number
  readonly logger: Logger
  /** Takes the new graph in the moment of the swap; what it throws refuses the graph. */
  readonly onSwap: (graph: Graph) => void
  readonly onOutcome: (outcome: 'swapped' | 'refused') => void
}

/** Beyond a request's time, before clients that only a replaced graph used are closed. */
const RETIRE_GRACE_MS = 1_000

export function serveGraph(first: Graph, source: GraphSource, options: ServedGraphOptions): ServedGraph {
  const { clients: given, limits, requestMsMax, logger, onSwap, onOutcome } = options
  let current = first
  let currentSource = source
  let refused: string | undefined
  let isClosed = false
  let lastSwap: Promise<void> = Promise.resolve()
  /** Clients that only requests under way on a replaced graph may still ask. */
  const retired = new Map<NodeJS.Timeout, readonly SubgraphClient[]>()

  async function swapNow(change: Partial<GraphSource>): Promise<void> {
    const before = current
    const nextSource = { ...currentSource, ...change }
    if (isSame(nextSource, currentSource)) {
      refused = undefined
      return
    }
    let graph: Graph | undefined
    try {
      graph = await buildGraph(nextSource, before, options)
      if (isClosed) throw new Error('the gateway is closed')
      onSwap(graph)
    } catch (error) {
      if (graph !== undefined) await closeClients(madeFor(graph, before, given))
      refused = (error as Error).message
      logger.error({ reason: refused }, 'new supergraph or manifest refused; the one before goes on')
      onOutcome('refused')
      throw error
    }
    // Nothing may wait between onSwap and here: a request would find one door on the new graph and one on the old.
    current = graph
    currentSource = nextSource
    refused = undefined
    retire(madeFor(before, graph, given))
    const { supergraph, registry } = graph
    logger.info(
      {
        supergraph: supergraph.hash,
        subgraphs: supergraph.subgraphs.map(({ name }) => name),
        operations: registry.operations.length,
      },
      'new supergraph or manifest serves',
    )
    onOutcome('swapped')
    if (graph.adhoc !== before.adhoc)
      void warmTexts(graph, before, limits, () => isClosed || current.adhoc !== graph.adhoc)
  }

  function retire(clients: readonly SubgraphClient[]): void {
    if (clients.length === 0) return
    const timer = setTimeout(() => {
      retired.delete(timer)
      closeClients(clients).catch(error => logger.error({ err: error }, 'a replaced client did not close'))
    }, requestMsMax + RETIRE_GRACE_MS)
    retired.set(timer, clients)
  }

  return {
    get current() {
      return current
    },
    get refused() {
      return refused
    },
    swap(change) {
      const swapped = lastSwap.then(() => swapNow(change))
      lastSwap = swapped.catch(() => {})
      return swapped
    },
    async close() {
      isClosed = true
      await lastSwap
      for (const timer of retired.keys()) clearTimeout(timer)
      const clients = [...current.clients.values(), ...[...retired.values()].flat()]
      retired.clear()
      await closeClients(clients)
    },
  }
}

/** Files are touched, and put back as they were: nothing is to be made of that. */
function isSame(a: GraphSource, b: GraphSource): boolean {
  return a.supergraphSdl === b.supergraphSdl && a.manifest === b.manifest
}
