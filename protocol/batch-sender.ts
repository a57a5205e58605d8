import type { Caller } from './caller.ts'
import { type DeadlineMs, nowMs, remainingMs } from './deadline.ts'
import {
  ANSWERS_TYPE,
  AnswerLines,
  BATCH_HEADER,
  BATCH_TYPE,
  type EncodedBatch,
  encodeBatches,
} from './envelope.ts'
import { Fault } from './fault.ts'
import { type Gate, type Passage, showingOfError, showingOfResponse } from './gate.ts'
import { faultOfResponse, firstOf, isSuccess } from './http-answer.ts'
import type { HttpWire } from './http-wire.ts'
import { answerLost } from './no-answer.ts'
import { ResponseReader } from './response-reader.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { SubgraphAnswer } from './subgraph-client.ts'
import { faultOfFailure, isConnectionError, notTried, type Trip, unwritable } from './trip.ts'

export type Settle = (index: number, outcome: SubgraphAnswer | Error) => void

/** Settles a trip that has no answer yet; says whether there is one of this index. */
type Answer = (index: number, outcome: SubgraphAnswer | Error) => boolean

interface BatchPassage extends Passage {
  /** What the trips get that have no answer. */
  readonly faultOf: (trip: Trip) => Fault
  readonly isConnectionLost: boolean
  readonly isEnvelopeUnknown: boolean
}

const HEALTHY = { health: 'worked', load: 'served' } as const

/**
 * Many operations in one POST, each answered as its line comes. Of a batch that failed, the queries without an answer
 * are sent once more, as far as the budget goes; its mutations never are.
 */
export class BatchSender {
  readonly #wire: HttpWire
  readonly #gate: Gate
  readonly #budget: RetryBudget
  readonly #sender: Caller
  readonly #bytesMax: number
  readonly #sendPlain: (trip: Trip) => Promise<SubgraphAnswer>

  /** @param sendPlain takes the trips of a batch whose envelope turned out to be unknown. */
  constructor(options: {
    readonly wire: HttpWire
    readonly gate: Gate
    readonly budget: RetryBudget
    readonly sender: Caller
    readonly bytesMax: number
    readonly sendPlain: (trip: Trip) => Promise<SubgraphAnswer>
  }) {
    this.#wire = options.wire
    this.#gate = options.gate
    this.#budget = options.budget
    this.#sender = options.sender
    this.#bytesMax = options.bytesMax
    this.#sendPlain = options.sendPlain
  }

  /** Settles every trip. */
  async send(trips: readonly Trip[], settle: Settle): Promise<void> {
    for (let index = 0; index < trips.length; index++) trips[index]!.index = index
    this.#budget.earn(trips.length)
    const answer: Answer = (index, outcome) => {
      const trip = trips[index]
      if (trip === undefined || trip.isAnswered) return false
      trip.isAnswered = true
      settle(index, outcome)
      return true
    }
    const lost = await this.#sendOnce(trips, answer, trip => this.#mayRetry(trip))
    if (lost.length > 0) await this.#sendOnce(lost, answer, () => false)
  }

  /** @returns the trips that are left without an answer because they may go once more. */
  async #sendOnce(
    trips: readonly Trip[],
    answer: Answer,
    mayRetry: (trip: Trip) => boolean,
  ): Promise<readonly Trip[]> {
    const { batches, unwritable: bad } = encodeBatches(trips, this.#bytesMax)
    for (const { index, cause } of bad) answer(index, unwritable(this.#wire.name, cause))
    if (batches.length === 1) return this.#sendBatch(batches[0]!, answer, mayRetry)
    return (await Promise.all(batches.map(batch => this.#sendBatch(batch, answer, mayRetry)))).flat()
  }

  async #sendBatch(
    batch: EncodedBatch<Trip>,
    answer: Answer,
    mayRetry: (trip: Trip) => boolean,
  ): Promise<readonly Trip[]> {
    const passage = await this.#gate.pass(batch.items.length, sentAtMs =>
      this.#exchange(batch, answer, sentAtMs),
    )
    const left = batch.items.filter(trip => !trip.isAnswered)
    if (left.length === 0) return left
    if (passage?.isEnvelopeUnknown) {
      await Promise.all(left.map(trip => this.#goPlain(trip, answer)))
      return []
    }
    const retries: Trip[] = []
    for (const trip of left) {
      if (passage?.isConnectionLost && mayRetry(trip)) retries.push(trip)
      else answer(trip.index, passage?.faultOf(trip) ?? notTried(this.#wire.name, this.#gate.refusesForMs))
    }
    return retries
  }

  /** Posts one body and hands each answer over as it comes. */
  async #exchange(batch: EncodedBatch<Trip>, answer: Answer, sentAtMs: DeadlineMs): Promise<BatchPassage> {
    const { name, answerBytesMax } = this.#wire
    const { items: trips, body } = batch
    let firstAnswerMs: number | undefined
    let isRefusing = false
    const reader = new ResponseReader(answerBytesMax)
    const lines = new AnswerLines(name, answerBytesMax, (index, outcome) => {
      firstAnswerMs ??= nowMs() - sentAtMs
      if (outcome instanceof Fault && outcome.code === 'SUBGRAPH_OVERLOADED') isRefusing = true
      return answer(index, outcome)
    })
    let isLines = false
    let deadlineMs = 0
    for (const { request } of trips) deadlineMs = Math.max(deadlineMs, request.deadlineMs)
    try {
      await this.#wire.post({
        type: BATCH_TYPE,
        accept: ANSWERS_TYPE,
        body,
        caller: this.#sender,
        deadlineMs,
        onSent: () => {
          for (const trip of trips) trip.isSent = true
        },
        onHead: (status, headers) => {
          reader.begin(status, headers)
          isLines = isSuccess(status) && firstOf(headers['content-type'])?.startsWith(ANSWERS_TYPE) === true
        },
        onData: chunk => (isLines ? lines : reader).push(chunk),
      })
    } catch (error) {
      // One answer shows a subgraph that works, whatever became of the others.
      const showing =
        firstAnswerMs === undefined
          ? showingOfError(error, trips[0]!.isSent, deadlineMs - sentAtMs)
          : ({ health: 'worked', load: 'unclear' } as const)
      return {
        ...showing,
        firstAnswerMs: 0,
        faultOf: trip => faultOfFailure(name, trip, error, reader.status !== 0),
        isConnectionLost: isConnectionError(error),
        isEnvelopeUnknown: false,
      }
    }
    const ended = { firstAnswerMs: firstAnswerMs ?? 0, isConnectionLost: false, isEnvelopeUnknown: false }
    if (isLines) {
      const faultOf = ({ request }: Trip): Fault =>
        answerLost(request, 'SUBGRAPH_BAD_ANSWER', name, whyMissing(lines))
      if (firstAnswerMs === undefined) return { health: 'failed', load: 'unclear', faultOf, ...ended }
      return { health: 'worked', load: isRefusing ? 'congested' : 'served', faultOf, ...ended }
    }
    const response = this.#wire.noticed(reader.response())
    const faultOf = ({ request }: Trip): Fault => faultOfResponse(request, name, response)
    const isForeign = response.headers[BATCH_HEADER] === undefined
    // Something else stands there now. What comes next goes alone, whatever became of these.
    if (isForeign && isSuccess(response.status)) this.#wire.isEnvelopeAnnounced = false
    if (isForeign && REFUSED_FOR_TYPE.has(response.status)) {
      this.#wire.isEnvelopeAnnounced = false
      return { ...HEALTHY, load: 'unclear', faultOf, ...ended, isEnvelopeUnknown: true }
    }
    const { health, load } = showingOfResponse(response)
    const isBad = isSuccess(response.status)
    return {
      health: isBad ? 'failed' : health,
      load: load === 'congested' ? load : 'unclear',
      faultOf,
      ...ended,
    }
  }

  /** It has stopped speaking the envelope, and has read nothing of this one: each trip goes alone, as before it began. */
  async #goPlain(trip: Trip, answer: Answer): Promise<void> {
    trip.isSent = false
    try {
      answer(trip.index, await this.#sendPlain(trip))
    } catch (error) {
      answer(trip.index, error as Error)
    }
  }

  #mayRetry({ request }: Trip): boolean {
    return request.kind === 'query' && remainingMs(request.deadlineMs) > 0 && this.#budget.spend()
  }
}

function whyMissing({ skipped: { count, why } }: AnswerLines): string {
  const skipped = count === 0 ? '' : ` (${count} lines answered nothing, the last: ${why})`
  return `expected a line for this item, got none${skipped}`
}

/** What servers that know no envelope say to one, having executed nothing. */
const REFUSED_FOR_TYPE: ReadonlySet<number> = new Set([400, 404, 405, 406, 415, 422])
