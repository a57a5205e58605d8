import { Pool } from 'undici'
import type { Caller } from './caller.ts'
import { type Answers, Convoy } from './convoy.ts'
import { deadlineIn, remainingMs } from './deadline.ts'
import {
  ANSWERS_TYPE,
  AnswerLines,
  BATCH_HEADER,
  BATCH_TYPE,
  BATCH_VERSION,
  type EncodedBatch,
  encodeBatches,
  type IndexedRequest,
} from './envelope.ts'
import type { Fault } from './fault.ts'
import {
  faultOfResponse,
  firstOf,
  type HttpResponse,
  type IdentityRefusal,
  identityRefusalOf,
  isSuccess,
  readHttpAnswer,
} from './http-answer.ts'
import { ExchangeTimeout, exchangeHttp, type ResponseHeaders } from './http-exchange.ts'
import { assertIdentityKey, IDENTITY_HEADER, signIdentity } from './identity.ts'
import { answerLost, noAnswer } from './no-answer.ts'
import { ResponseReader } from './response-reader.ts'
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from './subgraph-client.ts'

export interface HttpClientOptions {
  /** The subgraph's name. */
  readonly name: string
  /** Where it takes GraphQL, as `http://coupon:4001/graphql`. */
  readonly url: string
  /** Who sends: `gateway`, or the subgraph that calls its peer. */
  readonly sender: string
  /** Signs every request; without it they go unsigned. */
  readonly identityKey?: string
  /** Batches in flight once the subgraph has announced the envelope. Default 4. */
  readonly lanesMax?: number
  /** Items a batch. Default 100. */
  readonly batchMax?: number
  /** Requests in flight, one an operation, until then and to servers that never do; also the connections. Default 64. */
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

/** An operation on its way. */
interface Trip {
  readonly request: SubgraphRequest
  /** Something of it may have been read by the other side. */
  isSent: boolean
}

/** How long slow answers in every lane may keep the next batch waiting. */
const RELIEF_AFTER_MS = 10
const READY_MS_MAX = 5_000
const ACCEPT = 'application/graphql-response+json, application/json;q=0.9'

/**
 * A subgraph over HTTP. One plain GraphQL POST an operation until the subgraph announces the batch envelope on any
 * answer; from then on batches. Queries are sent again once when their connection fails; a mutation never is: if it may
 * have been received and has no answer, it is OUTCOME_UNKNOWN.
 */
export class HttpClient implements SubgraphClient {
  readonly name: string
  readonly #options: Required<Omit<HttpClientOptions, 'identityKey'>>
  readonly #identityKey: string | undefined
  readonly #sender: Caller
  readonly #path: string
  readonly #pool: Pool
  readonly #plain: Convoy<Trip, SubgraphAnswer>
  readonly #batched: Convoy<Trip, SubgraphAnswer>
  #isBatching = false
  #closed: Promise<void> | undefined

  /** @throws RangeError for a bound that is not a positive integer or a key that is no secret, TypeError for a malformed URL. */
  constructor(options: HttpClientOptions) {
    const { identityKey, ...rest } = options
    const url = new URL(options.url)
    if (identityKey !== undefined) assertIdentityKey(identityKey)
    this.name = options.name
    this.#identityKey = identityKey
    this.#sender = { kind: 'service', client: options.sender, scopes: [], tier: 'partner' }
    this.#path = `${url.pathname}${url.search}`
    this.#options = {
      lanesMax: 4,
      batchMax: 100,
      plainLanesMax: 64,
      queueMax: 10_000,
      answerBytesMax: 8 * 1024 * 1024,
      batchBytesMax: 4 * 1024 * 1024,
      connectMsMax: 1_000,
      onIdentityRefused: () => {},
      ...rest,
    }
    const { lanesMax, batchMax, plainLanesMax } = this.#options
    this.#plain = this.#createConvoy(plainLanesMax, 1, async ([trip]) => [await this.#sendPlain(trip!)])
    this.#batched = this.#createConvoy(lanesMax, batchMax, (trips, settle) => this.#sendBatch(trips, settle))
    this.#pool = new Pool(url.origin, {
      connections: plainLanesMax,
      connect: { timeout: this.#options.connectMsMax },
      // Deadlines end what takes too long; undici's own timers would only be a second opinion.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    })
  }

  execute(request: SubgraphRequest): Promise<SubgraphAnswer> {
    if (this.#closed !== undefined) {
      return Promise.reject(noAnswer('SUBGRAPH_UNREACHABLE', this.name, 'the client is closed'))
    }
    return this.#convoy.load({ request, isSent: false })
  }

  async ready(): Promise<void> {
    const response = await this.#fetch('GET', '/health/ready', {})
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
    await this.#plain.load({ request: query, isSent: false })
  }

  /** Waits for everything under way. */
  close(): Promise<void> {
    this.#closed ??= this.#drain()
    return this.#closed
  }

  /** Whether the subgraph has announced the envelope. */
  get isBatching(): boolean {
    return this.#isBatching
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

  get #convoy(): Convoy<Trip, SubgraphAnswer> {
    return this.isBatching ? this.#batched : this.#plain
  }

  #createConvoy(
    lanesMax: number,
    batchMax: number,
    send: (
      trips: readonly Trip[],
      settle: (index: number, outcome: SubgraphAnswer | Error) => void,
    ) => Promise<Answers<SubgraphAnswer>>,
  ): Convoy<Trip, SubgraphAnswer> {
    return new Convoy({
      name: this.name,
      lanesMax,
      batchMax,
      queueMax: this.#options.queueMax,
      relief: { patienceMs: RELIEF_AFTER_MS, lanesMax: this.#options.plainLanesMax },
      priority: trip => trip.request.priority,
      deadlineMs: trip => trip.request.deadlineMs,
      expired: trip => this.#timedOut(trip),
      overloaded: (_, retryAfterMs) =>
        noAnswer('SUBGRAPH_OVERLOADED', this.name, 'expected room in the queue, got none', { retryAfterMs }),
      send,
    })
  }

  async #drain(): Promise<void> {
    // In this order: a batch that is refused for its envelope goes on through the plain lanes.
    await this.#batched.close()
    await this.#plain.close()
    await this.#pool.close()
  }

  // Plain requests

  async #sendPlain(trip: Trip, isRetry = false): Promise<SubgraphAnswer> {
    const { request } = trip
    const { operation: query, operationName, variables } = request
    let body: string
    try {
      body = JSON.stringify({ query, operationName, variables })
    } catch (cause) {
      throw this.#unwritable(cause)
    }
    const reader = new ResponseReader(this.#options.answerBytesMax)
    try {
      await exchangeHttp(this.#pool, {
        method: 'POST',
        path: this.#path,
        headers: {
          ...this.#headers('application/json', ACCEPT, body, request.caller),
          'spillway-remaining-ms': `${Math.floor(remainingMs(request.deadlineMs))}`,
          'spillway-priority': request.priority,
          ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent }),
        },
        body,
        deadlineMs: request.deadlineMs,
        onSent: () => {
          trip.isSent = true
        },
        onHead: (status, headers) => this.#onHead(reader, status, headers),
        onData: chunk => reader.push(chunk),
      })
    } catch (error) {
      if (!isRetry && isWorthAnother(trip, error)) return this.#sendPlain(trip, true)
      throw this.#faultOfFailure(trip, error, reader.status !== 0)
    }
    return readHttpAnswer(request, this.name, this.#noticed(reader.response()))
  }

  // Batches

  async #sendBatch(
    trips: readonly Trip[],
    settle: (index: number, outcome: SubgraphAnswer | Error) => void,
  ): Promise<Answers<SubgraphAnswer>> {
    const outcomes: (SubgraphAnswer | Error)[] = new Array(trips.length)
    const answer = (index: number, outcome: SubgraphAnswer | Error): void => {
      if (index in outcomes || trips[index] === undefined) return
      outcomes[index] = outcome
      settle(index, outcome)
    }
    const everyItem = trips.map(({ request }, index) => ({ index, request }))
    await this.#sendItems(trips, everyItem, outcomes, answer, false)
    return outcomes
  }

  async #sendItems(
    trips: readonly Trip[],
    items: readonly IndexedRequest[],
    outcomes: readonly (SubgraphAnswer | Error)[],
    answer: (index: number, outcome: SubgraphAnswer | Error) => void,
    isRetry: boolean,
  ): Promise<void> {
    const { batches, unwritable } = encodeBatches(items, this.#options.batchBytesMax)
    for (const { index, cause } of unwritable) {
      answer(index, this.#unwritable(cause))
    }
    const retries: IndexedRequest[] = []
    await Promise.all(
      batches.map(async batch => {
        const failure = await this.#postBatch(trips, batch, answer)
        if (failure === undefined) return
        for (const item of batch.items) {
          if (item.index in outcomes) continue
          const trip = trips[item.index]!
          if (failure.error !== undefined && !isRetry && isWorthAnother(trip, failure.error))
            retries.push(item)
          else answer(item.index, failure.faultOf(trip))
        }
      }),
    )
    if (retries.length > 0) await this.#sendItems(trips, retries, outcomes, answer, true)
  }

  /** Posts one body and hands each answer over as it comes. @returns what the items left without one get. */
  async #postBatch(
    trips: readonly Trip[],
    batch: EncodedBatch,
    answer: (index: number, outcome: SubgraphAnswer | Error) => void,
  ): Promise<{ error?: unknown; faultOf: (trip: Trip) => Fault } | undefined> {
    const reader = new ResponseReader(this.#options.answerBytesMax)
    const lines = new AnswerLines(this.name, this.#options.answerBytesMax, answer)
    let isLines = false
    try {
      await exchangeHttp(this.#pool, {
        method: 'POST',
        path: this.#path,
        headers: this.#headers(BATCH_TYPE, ANSWERS_TYPE, batch.body, this.#sender),
        body: batch.body,
        deadlineMs: Math.max(...batch.items.map(item => item.request.deadlineMs)),
        onSent: () => {
          for (const { index } of batch.items) trips[index]!.isSent = true
        },
        onHead: (status, headers) => {
          this.#onHead(reader, status, headers)
          isLines = isSuccess(status) && firstOf(headers['content-type'])?.startsWith(ANSWERS_TYPE) === true
        },
        onData: chunk => (isLines ? lines : reader).push(chunk),
      })
    } catch (error) {
      return { error, faultOf: trip => this.#faultOfFailure(trip, error, reader.status !== 0) }
    }
    if (isLines) {
      const { count, why } = lines.skipped
      const skipped = count === 0 ? '' : ` (${count} lines were unreadable, the last: ${why})`
      return {
        faultOf: ({ request }) =>
          answerLost(
            request,
            'SUBGRAPH_BAD_ANSWER',
            this.name,
            `expected a line for this item, got none${skipped}`,
          ),
      }
    }
    const response = this.#noticed(reader.response())
    if (!isEnvelopeUnknown(response)) {
      return { faultOf: ({ request }) => faultOfResponse(request, this.name, response) }
    }
    // It has stopped speaking the envelope, and has read nothing of this one: each item goes alone, as before it began.
    this.#isBatching = false
    await Promise.all(
      batch.items.map(({ index, request }) =>
        this.#plain.load({ request, isSent: false }).then(
          outcome => answer(index, outcome),
          error => answer(index, error),
        ),
      ),
    )
    return undefined
  }

  // Both

  #onHead(reader: ResponseReader, status: number, headers: ResponseHeaders): void {
    reader.begin(status, headers)
    if (headers[BATCH_HEADER] === BATCH_VERSION) this.#isBatching = true
  }

  #noticed(response: HttpResponse): HttpResponse {
    const refusal = identityRefusalOf(response)
    if (refusal !== undefined) this.#options.onIdentityRefused(refusal)
    return response
  }

  #headers(type: string, accept: string, body: string, caller: Caller): Record<string, string> {
    const headers = { 'content-type': type, accept }
    return this.#identityKey === undefined
      ? headers
      : { ...headers, [IDENTITY_HEADER]: signIdentity(body, caller, this.#identityKey) }
  }

  async #fetch(method: 'GET', path: string, headers: Record<string, string>): Promise<HttpResponse> {
    const reader = new ResponseReader(this.#options.answerBytesMax)
    try {
      await exchangeHttp(this.#pool, {
        method,
        path,
        headers,
        deadlineMs: deadlineIn(READY_MS_MAX),
        onHead: (status, responseHeaders) => this.#onHead(reader, status, responseHeaders),
        onData: chunk => reader.push(chunk),
      })
    } catch (cause) {
      throw noAnswer('SUBGRAPH_UNREACHABLE', this.name, (cause as Error).message, { cause })
    }
    return reader.response()
  }

  #unwritable(cause: unknown): Fault {
    return noAnswer('SUBGRAPH_BAD_ANSWER', this.name, 'expected variables that JSON can write', { cause })
  }

  #timedOut(trip: Trip): Fault {
    return trip.isSent
      ? answerLost(
          trip.request,
          'SUBGRAPH_TIMEOUT',
          this.name,
          'expected an answer by the deadline, got none',
        )
      : noAnswer('SUBGRAPH_TIMEOUT', this.name, 'the deadline passed before the request was sent')
  }

  #faultOfFailure(trip: Trip, cause: unknown, hasHead: boolean): Fault {
    if (cause instanceof ExchangeTimeout) return this.#timedOut(trip)
    const why = `expected an answer, got ${(cause as Error).message || (cause as Error).name}`
    if (!trip.isSent) return noAnswer('SUBGRAPH_UNREACHABLE', this.name, why, { cause })
    const code = hasHead || !isConnectionError(cause) ? 'SUBGRAPH_BAD_ANSWER' : 'SUBGRAPH_UNREACHABLE'
    return answerLost(trip.request, code, this.name, why, { cause })
  }
}

const CONNECTION_ERRORS: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
])

const isConnectionError = (error: unknown): boolean =>
  error instanceof Error && CONNECTION_ERRORS.has((error as NodeJS.ErrnoException).code)

const isWorthAnother = ({ request }: Trip, error: unknown): boolean =>
  request.kind === 'query' && isConnectionError(error) && remainingMs(request.deadlineMs) > 0

/** Refused for its content type by something that does not announce the envelope. */
const isEnvelopeUnknown = ({ status, headers }: HttpResponse): boolean =>
  headers[BATCH_HEADER] === undefined && (status === 415 || status === 404 || status === 405)
