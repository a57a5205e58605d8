import { callerText } from './caller-text.ts'
import { type DeadlineMs, nowMs } from './deadline.ts'
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
 *      "items": [{"index": 0, "operation": 0, "caller": {…}, "remainingMs": 980, "priority": "CLAIM", "traceparent"?, "headers"?, "variables": {…}}]}
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

export interface EncodedBatch<Item extends IndexedRequest = IndexedRequest> {
  readonly body: string
  readonly items: readonly Item[]
}

export interface IndexedFault {
  readonly index: number
  readonly fault: Fault
}

/**
 * The items as bodies of about `bytesMax` at most: an item that is larger alone gets a body of its own, and is for the
 * receiver to refuse. An item that cannot be written as JSON is left out and named in `unwritable`.
 */
export function encodeBatches<Item extends IndexedRequest>(
  items: readonly Item[],
  bytesMax: number,
): {
  batches: readonly EncodedBatch<Item>[]
  unwritable: readonly { index: number; cause: unknown }[]
} {
  const batches: EncodedBatch<Item>[] = []
  const unwritable: { index: number; cause: unknown }[] = []
  const now = nowMs()
  let body = new BatchBody<Item>(now)
  for (const item of items) {
    let variables: string
    try {
      variables = item.request.variablesText ?? JSON.stringify(item.request.variables)
    } catch (cause) {
      unwritable.push({ index: item.index, cause })
      continue
    }
    if (body.items.length > 0 && !body.hasRoomFor(variables, bytesMax)) {
      batches.push(body.finish())
      body = new BatchBody<Item>(now)
    }
    body.add(item, variables)
  }
  if (body.items.length > 0) batches.push(body.finish())
  return { batches, unwritable }
}

/** What the parts around an item's variables take: index, remaining time, priority, trace, names. */
const ITEM_OVERHEAD_BYTES = 256

/** UTF-8's longest for one UTF-16 unit. */
const UNIT_BYTES_MAX = 3

class BatchBody<Item extends IndexedRequest> {
  readonly items: Item[] = []
  readonly #nowMs: DeadlineMs
  /** UTF-16 units, which cost nothing to count; their bytes are counted only near the bound. */
  #units = 0
  #operations = ''
  #operationCount = 0
  #lines = ''
  /** The last operation and its index: most items have the operation of the one before. */
  #lastRequest: SubgraphRequest | undefined
  #lastIndex = 0
  readonly #byText = new Map<string, { kind: string; name: string | undefined; index: number }[]>()

  constructor(now: DeadlineMs) {
    this.#nowMs = now
  }

  hasRoomFor(variables: string, bytesMax: number): boolean {
    if (this.items.length === BATCH_ITEMS_MAX) return false
    const overheadBytes = (this.items.length + 1) * ITEM_OVERHEAD_BYTES
    if ((this.#units + variables.length) * UNIT_BYTES_MAX + overheadBytes <= bytesMax) return true
    const bytes = Buffer.byteLength(this.#operations) + Buffer.byteLength(this.#lines)
    return bytes + Buffer.byteLength(variables) + overheadBytes <= bytesMax
  }

  add(item: Item, variables: string): void {
    const { request, index } = item
    const leftMs = Math.floor(Math.max(0, request.deadlineMs - this.#nowMs))
    let line = `{"index":${index},"operation":${this.#operationIndex(request)},"caller":${callerText(request.caller)},"remainingMs":${leftMs},"priority":"${request.priority}"`
    if (request.traceparent !== undefined) line += `,"traceparent":${JSON.stringify(request.traceparent)}`
    if (request.headers !== undefined) line += `,"headers":${JSON.stringify(request.headers)}`
    line += `,"variables":${variables}}`
    this.#lines += this.items.length === 0 ? line : `,${line}`
    this.#units += line.length
    this.items.push(item)
  }

  finish(): EncodedBatch<Item> {
    return { body: `{"operations":[${this.#operations}],"items":[${this.#lines}]}`, items: this.items }
  }

  #operationIndex(request: SubgraphRequest): number {
    const last = this.#lastRequest
    const isSame =
      last !== undefined &&
      last.operation === request.operation &&
      last.kind === request.kind &&
      last.operationName === request.operationName
    if (!isSame) {
      this.#lastRequest = request
      this.#lastIndex = this.#findOperation(request)
    }
    return this.#lastIndex
  }

  /** Looked up by the text alone: the sender's few texts are the same strings each time, whose hash is known. */
  #findOperation({ operation, operationName, kind }: SubgraphRequest): number {
    let sameText = this.#byText.get(operation)
    if (sameText === undefined) this.#byText.set(operation, (sameText = []))
    const known = sameText.find(one => one.kind === kind && one.name === operationName)
    if (known !== undefined) return known.index
    const written = JSON.stringify({ kind, text: operation, name: operationName })
    this.#operations += this.#operationCount === 0 ? written : `,${written}`
    this.#units += written.length
    const index = this.#operationCount++
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
  const { variables, traceparent, priority, headers } = item
  if (!isRecord(variables)) throw new TypeError('expected variables to be an object')
  if (!isPriority(priority)) throw new TypeError(`expected priority to be ${PRIORITIES.join(' | ')}`)
  if (!isRemainingMs(item.remainingMs)) throw new TypeError('expected remainingMs to be milliseconds')
  if (headers !== undefined && !isHeaders(headers)) throw new TypeError('expected headers to be strings')
  return {
    kind,
    operation: text,
    ...(name === undefined ? {} : { operationName: name }),
    variables,
    caller: parseCaller(item.caller),
    deadlineMs: receivedMs + Math.min(item.remainingMs, REMAINING_MS_MAX),
    priority,
    ...(isTraceparent(traceparent) ? { traceparent } : {}),
    ...(headers === undefined ? {} : { headers }),
  }
}

const isHeaders = (value: unknown): value is Record<string, string> =>
  isRecord(value) && Object.values(value).every(header => typeof header === 'string')

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

/** Lines that answer nothing, after which there is no sense in reading on. */
const SKIPPED_LINES_MAX = 1_000

/**
 * Reads answer lines as their bytes arrive. A line that is over its bound, no JSON, no answer, or an answer to nothing
 * that waits for one is skipped: its item is then found missing at the end, and no neighbour suffers.
 */
export class AnswerLines {
  readonly #lineBytesMax: number
  readonly #onAnswer: (index: number, outcome: SubgraphAnswer | Fault) => boolean
  readonly #subgraph: string
  /** The beginning of a line whose end has not come. */
  #parts: Buffer[] = []
  #partBytes = 0
  /** Lines that were skipped, with the reason of the last. */
  skipped: { count: number; why: string } = { count: 0, why: '' }

  /** @param onAnswer says whether anything waited for the answer. */
  constructor(
    subgraph: string,
    lineBytesMax: number,
    onAnswer: (index: number, outcome: SubgraphAnswer | Fault) => boolean,
  ) {
    this.#subgraph = subgraph
    this.#lineBytesMax = lineBytesMax
    this.#onAnswer = onAnswer
  }

  /** @throws RangeError when too many lines were skipped. */
  push(chunk: Buffer): void {
    let start = 0
    if (this.#partBytes > 0) {
      const end = chunk.indexOf(LINE_FEED)
      this.#hold(end === -1 ? chunk : chunk.subarray(0, end))
      if (end === -1) return
      this.#endHeld()
      start = end + 1
    }
    // Whole lines are made a string together: a call a line costs more than reading it. A line feed is never part of
    // another character.
    const end = chunk.lastIndexOf(LINE_FEED)
    if (end >= start) {
      this.#readLines(chunk.toString('utf8', start, end))
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

  #endHeld(): void {
    const bytes = this.#partBytes
    const line = Buffer.concat(this.#parts)
    this.#parts = []
    this.#partBytes = 0
    if (bytes > this.#lineBytesMax) this.#skipLong(bytes)
    else this.#read(line.toString())
  }

  #readLines(text: string): void {
    let start = 0
    while (start < text.length) {
      let end = text.indexOf('\n', start)
      if (end === -1) end = text.length
      if (end > start) this.#readWithin(text.slice(start, end))
      start = end + 1
    }
  }

  #readWithin(line: string): void {
    const mayBeLong = line.length * UNIT_BYTES_MAX > this.#lineBytesMax
    const bytes = mayBeLong ? Buffer.byteLength(line) : 0
    if (bytes > this.#lineBytesMax) this.#skipLong(bytes)
    else this.#read(line)
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
    if (!this.#onAnswer(index, outcome)) this.#skip(`expected the index of an item that waits, got ${index}`)
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

  #skipLong(bytes: number): void {
    this.#skip(`expected at most ${this.#lineBytesMax} bytes, got ${bytes}`)
  }

  #skip(why: string): void {
    this.skipped = { count: this.skipped.count + 1, why }
    if (this.skipped.count > SKIPPED_LINES_MAX)
      throw new RangeError(`more than ${SKIPPED_LINES_MAX} lines that answer nothing, the last: ${why}`)
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
