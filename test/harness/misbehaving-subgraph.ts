import type { Socket } from 'node:net'
import { BATCH_TYPE } from '../../protocol/envelope.ts'
import { RawHttpServer, type RawRequest, response } from './raw-http.ts'

export const ENVELOPE = { 'spillway-batch': '1' }
export const LINES = { 'spillway-batch': '1', 'content-type': 'application/x-ndjson' }

/** One operation that it was sent, alone or in a batch. */
export interface SentOperation {
  readonly text: string
  readonly variables: Readonly<Record<string, unknown>>
  /** The time that its sender gave it. */
  readonly remainingMs: number
  /** Its place in its batch; `undefined`: it came alone. */
  readonly index: number | undefined
}

/** One HTTP request that it was sent, to be answered, or not, in any way that a socket allows. */
export interface Asked {
  readonly operations: readonly SentOperation[]
  readonly isBatch: boolean
  readonly socket: Socket
  /** These bytes and nothing else. */
  write(bytes: string | Buffer): void
  /** A whole HTTP response. */
  respond(status: number, body: string, headers?: Readonly<Record<string, string>>): void
  /** A well-formed response with these GraphQL answers, in the form that was asked for; `undefined` has no line. */
  answer(answerOf: (operation: SentOperation) => unknown): void
}

export type Behaviour = (asked: Asked) => void

/**
 * A subgraph over a real socket that does to each request what a test says at that moment. Of itself it is well and
 * gives the answers that it was made with. Whether it announces the batch envelope is the test's choice too.
 */
export class MisbehavingSubgraph {
  behave: Behaviour
  /** Every operation that it was sent, in order. */
  readonly sent: SentOperation[] = []
  readonly well: Behaviour
  /** Says so on every answer of its own, and is ready; without it, it has no health endpoint. */
  hasEnvelope: boolean
  readonly #server = new RawHttpServer(request => this.#serve(request))
  #port = 0

  constructor(
    answerOf: (operation: SentOperation) => unknown,
    options: { readonly hasEnvelope?: boolean } = {},
  ) {
    this.well = asked => asked.answer(answerOf)
    this.behave = this.well
    this.hasEnvelope = options.hasEnvelope ?? false
  }

  /** Where it was before, if it has listened before. */
  async listen(): Promise<string> {
    const url = await this.#server.listen(this.#port)
    this.#port = this.#server.port
    return url
  }

  /** Every connection is reset, and new ones are refused. */
  close(): Promise<void> {
    return this.#server.close()
  }

  get connections(): number {
    return this.#server.connections
  }

  /** How often it was sent an operation whose text holds `part`. */
  timesSent(part: string): number {
    return this.sent.filter(({ text }) => text.includes(part)).length
  }

  #serve({ head, body, socket }: RawRequest): void {
    const own = this.hasEnvelope ? ENVELOPE : {}
    if (head.startsWith('get')) {
      socket.write(response(this.hasEnvelope ? 200 : 404, '{}', own))
      return
    }
    const isBatch = head.includes(`content-type: ${BATCH_TYPE}`)
    const operations = isBatch ? operationsOfBatch(body) : [operationAlone(head, body)]
    this.sent.push(...operations)
    const respond: Asked['respond'] = (status, text, headers) =>
      void socket.write(response(status, text, headers))
    this.behave({
      operations,
      isBatch,
      socket,
      write: bytes => void socket.write(bytes),
      respond,
      answer: answerOf => {
        if (!isBatch) return respond(200, JSON.stringify(answerOf(operations[0]!)), own)
        const lines = operations.map(operation => line(operation.index, answerOf(operation)))
        respond(200, lines.join(''), LINES)
      },
    })
  }
}

/** A line of the envelope's answer; none for an answer that is `undefined`. */
export function line(index: number | undefined, answer: unknown): string {
  return answer === undefined ? '' : `${JSON.stringify({ index, ...(answer as object) })}\n`
}

function operationsOfBatch(body: string): SentOperation[] {
  const { operations, items } = JSON.parse(body)
  return items.map(
    ({ index, operation, variables, remainingMs }: SentOperation & { operation: number }): SentOperation => ({
      text: operations[operation].text,
      variables,
      remainingMs,
      index,
    }),
  )
}

function operationAlone(head: string, body: string): SentOperation {
  const { query, variables } = JSON.parse(body)
  const remainingMs = Number(/spillway-remaining-ms: (\d+)/.exec(head)?.[1])
  return { text: query, variables, remainingMs, index: undefined }
}
