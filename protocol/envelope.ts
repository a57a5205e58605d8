import { type DeadlineMs, nowMs, remainingMs } from './deadline.ts'
import { Fault } from './fault.ts'
import { isNoAnswerCode, noAnswer } from './no-answer.ts'
import { parseAnswer } from './parse-answer.ts'
import { parseCaller } from './parse-caller.ts'
import { PRIORITIES, type Priority } from './priority.ts'
import type { SubgraphAnswer, SubgraphRequest } from './subgraph-client.ts'

/**
 * The batch envelope: many operations in one POST, their answers in completion order, so that a slow item holds up no
 * other. An operation that several items share is written once.
 *
 *     POST, application/vnd.spillway.batch+json
 *     {"operations": [{"kind": "mutation", "text": "mutation($i: …) {…}", "name"?}],
 *      "items": [{"index": 0, "operation": 0, "caller": {…}, "remainingMs": 980, "priority": "CLAIM", "traceparent"?, "variables": {…}}]}
 *
 *     200, application/x-ndjson, one line an item
 *     {"index": 3, "data": {…}, "errors"?, "extensions"?}
 *     {"index": 0, "fault": {"code": "SUBGRAPH_OVERLOADED", "message": "…", "retryAfterMs"?}}
 *
 * A subgraph that understands it says so with the header `spillway-batch: 1` on every answer.
 */
export const BATCH_HEADER = 'spillway-batch'
export const BATCH_VERSION = '1'
export const BATCH_TYPE = 'application/vnd.spillway.batch+json'
export const ANSWERS_TYPE = 'application/x-ndjson'

/** Items in one body; more are refused whole. */
const BATCH_ITEMS_MAX = 1_000

/** The longest time a sender may ask for. */
export const REMAINING_MS_MAX = 60_000

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

export interface IndexedRequest {
  readonly index: number
  readonly request: SubgraphRequest
}

export interface EncodedBatch {
  readonly body: string
  readonly items: readonly IndexedRequest[]
}

export interface IndexedFault {
  readonly index: number
  readonly fault: Fault
}

/**
 * The items as bodies of about `bytesMax` at most: an item that is larger alone gets a body of its own, and is for the
 * receiver to refuse. An item that cannot be written as JSON is left out and named in `unwritable`.
 */
export function encodeBatches(
  items: readonly IndexedRequest[],
  bytesMax: number,
): { batches: readonly EncodedBatch[]; unwritable: readonly { index: number; cause: unknown }[] } {
  const batches: EncodedBatch[] = []
  const unwritable: { index: number; cause: unknown }[] = []
  let body = new BatchBody()
  for (const item of items) {
    let variables: string
    try {
      variables = JSON.stringify(item.request.variables)
    } catch (cause) {
      unwritable.push({ index: item.index, cause })
      continue
    }
    const variablesBytes = Buffer.byteLength(variables)
    const isFull = body.items.length === BATCH_ITEMS_MAX || body.bytesBound + variablesBytes > bytesMax
    if (isFull && body.items.length > 0) {
      batches.push(body.finish())
      body = new BatchBody()
    }
    body.add(item, variables, variablesBytes)
  }
  if (body.items.length > 0) batches.push(body.finish())
  return { batches, unwritable }
}

/** What the parts around an item's variables take: index, remaining time, priority, trace, names. */
const ITEM_OVERHEAD_BYTES = 256

class BatchBody {
  readonly items: IndexedRequest[] = []
  bytesBound = 0
  readonly #operations: string[] = []
  readonly #byText = new Map<string, { kind: string; name: string | undefined; index: number }[]>()
  readonly #lines: string[] = []

  add(item: IndexedRequest, variables: string, variablesBytes: number): void {
    const { request, index } = item
    const caller = JSON.stringify(request.caller)
    let line = `{"index":${index},"operation":${this.#operationIndex(request)},"caller":${caller}`
    line += `,"remainingMs":${Math.floor(remainingMs(request.deadlineMs))},"priority":"${request.priority}"`
    if (request.traceparent !== undefined) line += `,"traceparent":${JSON.stringify(request.traceparent)}`
    this.#lines.push(`${line},"variables":${variables}}`)
    this.items.push(item)
    this.bytesBound += variablesBytes + Buffer.byteLength(caller) + ITEM_OVERHEAD_BYTES
  }

  finish(): EncodedBatch {
    return {
      body: `{"operations":[${this.#operations.join(',')}],"items":[${this.#lines.join(',')}]}`,
      items: this.items,
    }
  }

  /** Looked up by the text alone: the sender's few texts are the same strings each time, whose hash is known. */
  #operationIndex({ operation, operationName, kind }: SubgraphRequest): number {
    let sameText = this.#byText.get(operation)
    if (sameText === undefined) this.#byText.set(operation, (sameText = []))
    const known = sameText.find(one => one.kind === kind && one.name === operationName)
    if (known !== undefined) return known.index
    const written = JSON.stringify({ kind, text: operation, name: operationName })
    const index = this.#operations.push(written) - 1
    this.bytesBound += Buffer.byteLength(written)
    sameText.push({ kind, name: operationName, index })
    return index
  }
}

/**
 * The items of a body, each as a request whose deadline counts from now, or as a fault if that item alone is malformed.
 * @throws TypeError if it is no batch at all, so that no item can be answered.
 */
export function decodeBatch(body: string): readonly (IndexedRequest | IndexedFault)[] {
  const batch: unknown = JSON.parse(body)
  if (!isRecord(batch)) throw new TypeError('expected an object with operations and items')
  const { operations, items } = batch
  if (!Array.isArray(operations) || !Array.isArray(items))
    throw new TypeError('expected lists operations and items')
  if (items.length === 0 || items.length > BATCH_ITEMS_MAX) {
    throw new TypeError(`expected 1 to ${BATCH_ITEMS_MAX} items, got ${items.length}`)
  }
  const receivedMs = nowMs()
  const seen = new Set<number>()
  return items.map((item: unknown): IndexedRequest | IndexedFault => {
    const index = isRecord(item) ? item.index : undefined
    if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0 || seen.has(index)) {
      throw new TypeError('expected every item to have an index of its own')
    }
    seen.add(index)
    try {
      return { index, request: decodeItem(item as Record<string, unknown>, operations, receivedMs) }
    } catch (cause) {
      return {
        index,
        fault: noAnswer('SUBGRAPH_BAD_ANSWER', 'batch', `item ${index}: ${(cause as Error).message}`),
      }
    }
  })
}

function decodeItem(
  item: Record<string, unknown>,
  operations: readonly unknown[],
  receivedMs: DeadlineMs,
): SubgraphRequest {
  const operation: unknown = operations[item.operation as number]
  if (!isRecord(operation) || typeof operation.text !== 'string')
    throw new TypeError('expected a known operation')
  const { kind, text, name } = operation
  if (kind !== 'query' && kind !== 'mutation') throw new TypeError('expected kind query or mutation')
  if (name !== undefined && typeof name !== 'string') throw new TypeError('expected name to be a string')
  const { variables, traceparent, priority } = item
  if (!isRecord(variables)) throw new TypeError('expected variables to be an object')
  if (!isPriority(priority)) throw new TypeError(`expected priority to be ${PRIORITIES.join(' | ')}`)
  if (!isRemainingMs(item.remainingMs)) throw new TypeError('expected remainingMs to be milliseconds')
  return {
    kind,
    operation: text,
    ...(name === undefined ? {} : { operationName: name }),
    variables,
    caller: parseCaller(item.caller),
    deadlineMs: receivedMs + Math.min(item.remainingMs, REMAINING_MS_MAX),
    priority,
    ...(isTraceparent(traceparent) ? { traceparent } : {}),
  }
}

export const isPriority = (value: unknown): value is Priority =>
  (PRIORITIES as readonly unknown[]).includes(value)

const isRemainingMs = (value: unknown): value is number => typeof value === 'number' && value >= 0

/** Trace context is advice: a malformed one is dropped, never refused. */
export const isTraceparent = (value: unknown): value is string =>
  typeof value === 'string' && TRACEPARENT.test(value)

/** One line of the answer, line feed included. @throws TypeError if the answer cannot be written as JSON. */
export function encodeAnswer(index: number, { data, errors, extensions }: SubgraphAnswer): string {
  return `${JSON.stringify({ index, data, errors, extensions })}\n`
}

export function encodeFault(index: number, { code, message, extensions }: Fault): string {
  return `${JSON.stringify({ index, fault: { code, message, retryAfterMs: extensions.retryAfterMs } })}\n`
}

const LINE_FEED = 10

/**
 * Reads answer lines as their bytes arrive. A line that is over its bound, no JSON or no answer is skipped: its item is
 * then found missing at the end, and no neighbour suffers.
 */
export class AnswerLines {
  readonly #lineBytesMax: number
  readonly #onAnswer: (index: number, outcome: SubgraphAnswer | Fault) => void
  readonly #subgraph: string
  /** The beginning of a line whose end has not come. */
  #parts: Buffer[] = []
  #partBytes = 0
  /** Lines that were skipped, with the reason of the last. */
  skipped: { count: number; why: string } = { count: 0, why: '' }

  constructor(
    subgraph: string,
    lineBytesMax: number,
    onAnswer: (index: number, outcome: SubgraphAnswer | Fault) => void,
  ) {
    this.#subgraph = subgraph
    this.#lineBytesMax = lineBytesMax
    this.#onAnswer = onAnswer
  }

  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#hold(chunk.subarray(start, end))
      this.#endLine()
      start = end + 1
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start))
  }

  #hold(part: Buffer): void {
    this.#partBytes += part.length
    // Counted on but no longer kept, so that memory is bounded while the rest of the line passes.
    if (this.#partBytes > this.#lineBytesMax) this.#parts = []
    else this.#parts.push(part)
  }

  #endLine(): void {
    const bytes = this.#partBytes
    const line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)
    this.#parts = []
    this.#partBytes = 0
    if (bytes > this.#lineBytesMax) this.#skip(`expected at most ${this.#lineBytesMax} bytes, got ${bytes}`)
    else if (bytes > 0) this.#read(line.toString())
  }

  #read(line: string): void {
    let index: number
    let outcome: SubgraphAnswer | Fault
    try {
      const value = JSON.parse(line) as { index?: unknown; fault?: unknown } | null
      if (value === null || typeof value.index !== 'number')
        throw new TypeError('expected a line with an index')
      index = value.index
      outcome = value.fault === undefined ? parseAnswer(value) : this.#parseFault(value.fault)
    } catch (error) {
      this.#skip((error as Error).message)
      return
    }
    this.#onAnswer(index, outcome)
  }

  #parseFault(value: unknown): Fault {
    const { code, message, retryAfterMs } = value as {
      code?: unknown
      message?: unknown
      retryAfterMs?: unknown
    }
    if (!isNoAnswerCode(code) || typeof message !== 'string')
      throw new TypeError('expected a fault that we know')
    return new Fault(code, message, {
      ...(isRemainingMs(retryAfterMs) ? { retryAfterMs } : {}),
      details: { service: this.#subgraph },
    })
  }

  #skip(why: string): void {
    this.skipped = { count: this.skipped.count + 1, why }
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
