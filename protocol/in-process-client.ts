import { executeByDeadline, type ServedSubgraph } from './execute-by-deadline.ts'
import { noAnswer } from './no-answer.ts'
import type {
  SubgraphAnswer,
  SubgraphClient,
  SubgraphClientStats,
  SubgraphRequest,
} from './subgraph-client.ts'

/** A subgraph of this process: a function call, nothing serialised. Closing it waits for its calls and leaves the subgraph be. */
export class InProcessClient implements SubgraphClient {
  readonly #subgraph: ServedSubgraph
  #inFlight = 0
  #closed: PromiseWithResolvers<void> | undefined

  constructor(subgraph: ServedSubgraph) {
    this.#subgraph = subgraph
  }

  get name(): string {
    return this.#subgraph.name
  }

  /** Calls under way. */
  get inFlight(): number {
    return this.#inFlight
  }

  get stats(): SubgraphClientStats {
    const { queues } = this.#subgraph
    return { inFlight: this.#inFlight, ...(queues === undefined ? {} : { queues }) }
  }

  async execute(request: SubgraphRequest): Promise<SubgraphAnswer> {
    if (this.#closed !== undefined) throw noAnswer('SUBGRAPH_UNREACHABLE', this.name, 'the client is closed')
    this.#inFlight++
    try {
      return await executeByDeadline(this.#subgraph, request)
    } finally {
      this.#inFlight--
      this.#finishClosing()
    }
  }

  ready(): Promise<void> {
    return this.#subgraph.ready()
  }

  close(): Promise<void> {
    this.#closed ??= Promise.withResolvers<void>()
    this.#finishClosing()
    return this.#closed.promise
  }

  #finishClosing(): void {
    if (this.#inFlight === 0) this.#closed?.resolve()
  }
}
