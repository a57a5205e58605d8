import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { AnswerType } from './accept.ts'
import type { Compress, Compressed } from './compression.ts'
import { headOf } from './http.ts'
import { bodyOf, dataOnly, headersOf, isWrittenOfBytes } from './reply.ts'
import type { JsonText, Outcome } from './request.ts'

/** An answer whole, or its head and its body. */
export type Answer = string | readonly [head: string, body: Buffer]

/** Shorter ones are copied behind their head: one piece is quicker to write than two. */
const COPIED_BYTES_MAX = 16_384

/** @returns whether the socket takes more. */
export function writeAnswer(socket: Socket, answer: Answer): boolean {
  if (typeof answer === 'string') return socket.write(answer)
  const [head, body] = answer
  if (body.length <= COPIED_BYTES_MAX) {
    const whole = Buffer.allocUnsafe(head.length + body.length)
    whole.write(head, 'latin1')
    body.copy(whole, head.length)
    return socket.write(whole)
  }
  socket.cork()
  socket.write(head, 'latin1')
  const isSent = socket.write(body)
  socket.uncork()
  return isSent
}

/** Makes whole answers. What is the same on every answer is written once. */
export function answerWriter(
  fixed: Readonly<Record<string, string>>,
  compress: Compress | undefined,
): (
  outcome: Outcome,
  type: AnswerType,
  id: string,
  acceptEncoding: string | undefined,
) => Answer | Promise<Answer> {
  const lines = (headers: Readonly<Record<string, string>>): string =>
    Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
  const always = lines(fixed)
  const ok = new Map<AnswerType, string>()
  let date = ''
  let dateMs = 0
  return (outcome, type, id, acceptEncoding) => {
    const now = Date.now()
    if (now - dateMs >= 1_000) {
      dateMs = now - (now % 1_000)
      date = `date: ${new Date(now).toUTCString()}\r\n`
    }
    // An error may come with headers of its own, whatever its status.
    let start = outcome.errors === undefined ? ok.get(type) : undefined
    if (start === undefined) {
      const head = headOf(outcome)
      const { status } = head
      start = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${always}${lines(headersOf(head, type))}`
      if (outcome.errors === undefined) ok.set(type, start)
    }
    const before = `${start}x-request-id: ${id}\r\n${date}`
    const json = dataOnly(outcome)
    if (json !== undefined) {
      const plain = (): Answer => ofJson(before, json)
      const made = compress?.(json, acceptEncoding)
      if (made instanceof Promise)
        return made.then(body => (body === undefined ? plain() : encoded(before, body)))
      return made === undefined ? plain() : encoded(before, made)
    }
    const body = bodyOf(outcome)
    const plain = (): string => withBody(before, body)
    return (
      compress?.(body, acceptEncoding)?.then(made =>
        made === undefined ? plain() : encoded(before, made),
      ) ?? plain()
    )
  }
}

function ofJson(before: string, json: JsonText): Answer {
  if (!isWrittenOfBytes(json)) return withBody(before, `{"data":${json.text}}`)
  return [`${before}content-length: ${json.body.length}\r\n\r\n`, json.body]
}

const withBody = (before: string, body: string): string =>
  `${before}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

function encoded(before: string, { encoding, bytes }: Compressed): Answer {
  return [`${before}content-encoding: ${encoding}\r\ncontent-length: ${bytes.length}\r\n\r\n`, bytes]
}
