import { remainingMs } from './deadline.ts'
import { Fault } from './fault.ts'
import { type Gate, type Passage, showingOfError, showingOfResponse } from './gate.ts'
import { readHttpAnswer } from './http-answer.ts'
import type { HttpWire } from './http-wire.ts'
import { ResponseReader } from './response-reader.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { SubgraphAnswer, SubgraphRequest } from './subgraph-client.ts'
import { faultOfFailure, isConnectionError, notTried, type Trip, unwritable } from './trip.ts'

const ACCEPT = 'application/graphql-response+json, application/json;q=0.9'

/** What a client's header may never become: HTTP's own framing, and what this protocol says itself. */
const KEPT_HEADERS =
  /^(?:connection|content-.*|expect|host|http2-settings|keep-alive|proxy-.*|spillway-.*|te|trailer|transfer-encoding|upgrade)$/

interface PlainPassage extends Passage {
  readonly outcome: SubgraphAnswer | Fault
  readonly isConnectionLost: boolean
}

/** One GraphQL POST an operation: what every server understands. */
export class PlainSender {
  readonly #wire: HttpWire
  readonly #gate: Gate
  readonly #budget: RetryBudget

  constructor(wire: HttpWire, gate: Gate, budget: RetryBudget) {
    this.#wire = wire
    this.#gate = gate
    this.#budget = budget
  }

  async send(trip: Trip): Promise<SubgraphAnswer | Error> {
    let body: string
    try {
      body = writeBody(trip.request)
    } catch (cause) {
      return unwritable(this.#wire.name, cause)
    }
    this.#budget.earn(1)
    const first = await this.#attempt(trip, body)
    if (!first?.isConnectionLost || !mayRetry(trip) || !this.#budget.spend()) return this.#outcomeOf(first)
    // Refused a second time by a breaker that has opened meanwhile, the first failure says more.
    return this.#outcomeOf((await this.#attempt(trip, body)) ?? first)
  }

  #outcomeOf(passage: PlainPassage | undefined): SubgraphAnswer | Fault {
    return passage === undefined ? notTried(this.#wire.name, this.#gate.refusesForMs) : passage.outcome
  }

  #attempt(trip: Trip, body: string): Promise<PlainPassage | undefined> {
    return this.#gate.pass(1, sentAtMs => this.#exchange(trip, body, sentAtMs))
  }

  async #exchange(trip: Trip, body: string, sentAtMs: number): Promise<PlainPassage> {
    const { request } = trip
    const { name, answerBytesMax } = this.#wire
    const reader = new ResponseReader(answerBytesMax)
    const allowedMs = remainingMs(request.deadlineMs)
    try {
      await this.#wire.post({
        type: 'application/json',
        accept: ACCEPT,
        body,
        caller: request.caller,
        headers: headersOf(request, allowedMs),
        deadlineMs: request.deadlineMs,
        onSent: () => {
          trip.isSent = true
        },
        onHead: (status, headers) => reader.begin(status, headers),
        onData: chunk => reader.push(chunk),
      })
    } catch (error) {
      return {
        ...showingOfError(error, trip.isSent, allowedMs),
        firstAnswerMs: 0,
        outcome: faultOfFailure(name, trip, error, reader.status !== 0),
        isConnectionLost: isConnectionError(error),
      }
    }
    const response = this.#wire.noticed(reader.response())
    const { health, load } = showingOfResponse(response)
    const outcome = readHttpAnswer(request, name, response)
    const isBad = outcome instanceof Fault && response.status < 300
    const firstAnswerMs = performance.now() - sentAtMs
    return { health: isBad ? 'failed' : health, load, firstAnswerMs, outcome, isConnectionLost: false }
  }
}

const mayRetry = ({ request }: Trip): boolean =>
  request.kind === 'query' && remainingMs(request.deadlineMs) > 0

/** @throws what `JSON.stringify` throws of variables that JSON cannot hold. */
function writeBody({ operation, operationName, variables, variablesText }: SubgraphRequest): string {
  const name = operationName === undefined ? '' : `"operationName":${JSON.stringify(operationName)},`
  return `{"query":${JSON.stringify(operation)},${name}"variables":${variablesText ?? JSON.stringify(variables)}}`
}

function headersOf(request: SubgraphRequest, allowedMs: number): Record<string, string> {
  const headers: Record<string, string> = {}
  if (request.headers !== undefined) {
    for (const [name, value] of Object.entries(request.headers)) {
      if (!KEPT_HEADERS.test(name)) headers[name] = value
    }
  }
  headers['spillway-remaining-ms'] = `${Math.floor(allowedMs)}`
  headers['spillway-priority'] = request.priority
  if (request.traceparent !== undefined) headers.traceparent = request.traceparent
  return headers
}
