import { AdaptiveLanes } from './adaptive-lanes.ts'
import { BatchSender } from './batch-sender.ts'
import { Breaker } from './breaker.ts'
import type { Caller } from './caller.ts'
import { Convoy, type ConvoyOptions } from './convoy.ts'
import { deadlineIn } from './deadline.ts'
import { BATCH_HEADER } from './envelope.ts'
import { Gate } from './gate.ts'
import { type IdentityRefusal, isSuccess } from './http-answer.ts'
import { HttpWire } from './http-wire.ts'
import { assertIdentityKey } from './identity.ts'
import { noAnswer } from './no-answer.ts'
import { PlainSender } from './plain-sender.ts'
import { RetryBudget } from './retry-budget.ts'
import type {
  SubgraphAnswer,
  SubgraphClient,
  SubgraphClientStats,
  SubgraphRequest,
} from './subgraph-client.ts'
import { notTried, type Trip, timedOut, tripOf } from './trip.ts'

export interface HttpClientOptions {
  /** The subgraph's name. */
  readonly name: string
  /** Where it takes GraphQL, as `http://coupon:4001/graphql`. */
  readonly url: string
  /** Who sends: `gateway`, or the subgraph that calls its peer. */
  readonly sender: string
  /** Signs every request; without it they go unsigned. */
  readonly identityKey?: string
  /** Time for one operation, waiting included, where its request allows more. Default: what the request allows. */
  readonly requestMsMax?: number
  /** Batches in flight at first, once the subgraph has announced the envelope. Default 4. */
  readonly lanesStart?: number
  /** Batches in flight at most. Default 16. */
  readonly lanesMax?: number
  /** Items a batch. Default 100. */
  readonly batchMax?: number
  /**
   * Requests in flight, one an operation, until then and to servers that never do; also the connections. They begin at
   * this limit. Default 64.
   */
  readonly plainLanesMax?: number
  /** Operations waiting for a lane. Default 10,000. */
  readonly queueMax?: number
  /** One operation's answer. Default 8 MiB. */
  readonly answerBytesMax?: number
  /** One batch's body. Default 4 MiB. */
  readonly batchBytesMax?: number
  /** Time for a connection to be made. Default 1 s. */
  readonly connectMsMax?: number
  /** Told of every request whose signed identity the subgraph refused. Default: nobody is. */
  readonly onIdentityRefused?: (refusal: IdentityRefusal) => void
}

/** How long slow answers in every lane may keep the next batch waiting. */
const RELIEF_AFTER_MS = 10
const READY_MS_MAX = 5_000
const LANES_MIN = 1
const PLAIN_LANES_MIN = 4

const DEFAULTS = {
  requestMsMax: Number.POSITIVE_INFINITY,
  lanesStart: 4,
  lanesMax: 16,
  batchMax: 100,
  plainLanesMax: 64,
  queueMax: 10_000,
  answerBytesMax: 8 * 1024 * 1024,
  batchBytesMax: 4 * 1024 * 1024,
  connectMsMax: 1_000,
  onIdentityRefused: (): void => {},
}

/**
 * A subgraph over HTTP. One plain GraphQL POST an operation until the subgraph announces the batch envelope on any
 * answer; from then on batches. Queries are sent again once when their connection fails, as far as the retry budget
 * goes; a mutation never is: if it may have been received and has no answer, it is OUTCOME_UNKNOWN. This is the only
 * layer that retries. How much is in flight follows what the subgraph bears; one that fails is left alone for a while.
 */
export class HttpClient implements SubgraphClient {
  readonly name: string
  readonly #requestMsMax: number
  readonly #sender: Caller
  readonly #wire: HttpWire
  readonly #breaker = new Breaker()
  readonly #budget = new RetryBudget()
  readonly #plain: Convoy<Trip, SubgraphAnswer>
  readonly #batched: Convoy<Trip, SubgraphAnswer>
  readonly #gates: readonly Gate[]
  /** Operations that an open breaker refused before they were queued. */
  #broken = 0
  #closed: Promise<void> | undefined

  /** @throws RangeError for a bound that is not a positive integer or a key that is no secret, TypeError for a malformed URL. */
  constructor(options: HttpClientOptions) {
    const url = new URL(options.url)
    const { identityKey } = options
    if (identityKey !== undefined) assertIdentityKey(identityKey)
    const all = { ...DEFAULTS, ...options }
    const { name, lanesMax, plainLanesMax } = all
    if (!(all.requestMsMax > 0))
      throw new RangeError(`${name}: expected requestMsMax to be positive, got ${all.requestMsMax}`)
    this.name = name
    this.#requestMsMax = all.requestMsMax
    this.#sender = { kind: 'service', client: options.sender, scopes: [], tier: 'partner' }
    this.#wire = new HttpWire({ ...all, url, identityKey, connectionsMax: plainLanesMax })
    const plain = new Convoy<Trip, SubgraphAnswer>({
      ...this.#queue(all),
      lanesMax: plainLanesMax,
      batchMax: 1,
      send: async ([trip]) => [await plainSender.send(trip!)],
    })
    const batched = new Convoy<Trip, SubgraphAnswer>({
      ...this.#queue(all),
      lanesMax,
      batchMax: all.batchMax,
      send: async (trips, settle) => {
        await batchSender.send(trips, settle)
        return []
      },
    })
    const plainGate = this.#gateOf(plain, PLAIN_LANES_MIN, plainLanesMax, plainLanesMax)
    const batchGate = this.#gateOf(batched, LANES_MIN, all.lanesStart, lanesMax)
    const plainSender = new PlainSender(this.#wire, plainGate, this.#budget)
    const batchSender = new BatchSender({
      wire: this.#wire,
      gate: batchGate,
      budget: this.#budget,
      sender: this.#sender,
      bytesMax: all.batchBytesMax,
      sendPlain: trip => plain.load(trip),
    })
    this.#plain = plain
    this.#batched = batched
    this.#gates = [plainGate, batchGate]
  }

  execute(request: SubgraphRequest): Promise<SubgraphAnswer> {
    if (this.#closed !== undefined) {
      return Promise.reject(noAnswer('SUBGRAPH_UNREACHABLE', this.name, 'the client is closed'))
    }
    const refusesForMs = this.#breaker.refusesForMs
    if (refusesForMs > 0) {
      this.#broken++
      return Promise.reject(notTried(this.name, refusesForMs))
    }
    const convoy = this.isBatching ? this.#batched : this.#plain
    return convoy.load(tripOf(this.#inTime(request)))
  }

  async ready(): Promise<void> {
    const response = await this.#wire.get('/health/ready', deadlineIn(READY_MS_MAX)).catch(cause => {
      throw noAnswer('SUBGRAPH_UNREACHABLE', this.name, (cause as Error).message, { cause })
    })
    if (isSuccess(response.status)) return
    if (response.headers[BATCH_HEADER] !== undefined) {
      throw noAnswer('SUBGRAPH_UNREACHABLE', this.name, `is not ready: ${response.body.toString()}`)
    }
    // Not one of ours: ready is what answers the smallest query.
    const query: SubgraphRequest = {
      kind: 'query',
      operation: '{ __typename }',
      variables: {},
      caller: this.#sender,
      deadlineMs: deadlineIn(READY_MS_MAX),
      priority: 'OPERATE',
    }
    await this.#plain.load(tripOf(query))
  }

  /** Waits for everything under way. */
  close(): Promise<void> {
    this.#closed ??= this.#drain()
    return this.#closed
  }

  /** Whether the subgraph has announced the envelope. */
  get isBatching(): boolean {
    return this.#wire.isEnvelopeAnnounced
  }

  /** Operations waiting for a lane. */
  get depth(): number {
    return this.#plain.depth + this.#batched.depth
  }

  /** Operations sent and not answered. */
  get inFlight(): number {
    return this.#plain.itemsInFlight + this.#batched.itemsInFlight
  }

  /** How long the oldest waiting operation has waited. */
  get waitMs(): number {
    return Math.max(this.#plain.waitMs, this.#batched.waitMs)
  }

  get stats(): SubgraphClientStats {
    const [plain, batched] = [this.#plain.counts, this.#batched.counts]
    return {
      depth: this.depth,
      inFlight: this.inFlight,
      waitMs: this.waitMs,
      waitedMs: this.#plain.waitedMs + this.#batched.waitedMs,
      lanesLimit: (this.isBatching ? this.#batched : this.#plain).lanesMax,
      breaker: this.#breaker.state,
      batches: plain.batches + batched.batches,
      items: plain.items + batched.items,
      answered: plain.answered + batched.answered,
      refused: plain.refused + batched.refused,
      broken: this.#gates.reduce((sum, { refused }) => sum + refused, this.#broken),
      expired: plain.expired + batched.expired,
      retries: this.#budget.retries,
    }
  }

  #inTime(request: SubgraphRequest): SubgraphRequest {
    if (this.#requestMsMax === Number.POSITIVE_INFINITY) return request
    const deadlineMs = deadlineIn(this.#requestMsMax)
    return deadlineMs < request.deadlineMs ? { ...request, deadlineMs } : request
  }

  #queue({ queueMax, plainLanesMax }: { queueMax: number; plainLanesMax: number }) {
    return {
      name: this.name,
      queueMax,
      relief: { patienceMs: RELIEF_AFTER_MS, lanesMax: plainLanesMax },
      priority: trip => trip.request.priority,
      deadlineMs: trip => trip.request.deadlineMs,
      expired: trip => timedOut(this.name, trip),
      overloaded: (_, retryAfterMs) =>
        noAnswer('SUBGRAPH_OVERLOADED', this.name, 'expected room in the queue, got none', { retryAfterMs }),
    } satisfies Partial<ConvoyOptions<Trip, SubgraphAnswer>>
  }

  /** The breaker is the subgraph's, lanes are a convoy's. */
  #gateOf(convoy: Convoy<Trip, SubgraphAnswer>, min: number, start: number, max: number): Gate {
    const first = Math.min(start, max)
    const onChange = (limit: number): void => {
      convoy.lanesMax = limit
    }
    onChange(first)
    const lanes = new AdaptiveLanes({ min: Math.min(min, first), start: first, max, onChange })
    return new Gate(this.#breaker, lanes, () => convoy.inFlight)
  }

  async #drain(): Promise<void> {
    // In this order: a batch that is refused for its envelope goes on through the plain lanes.
    await this.#batched.close()
    await this.#plain.close()
    await this.#wire.close()
  }
}
