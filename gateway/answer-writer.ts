import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { AnswerType } from './accept.ts'
import type { Compress, Compressed } from './compression.ts'
import { headOf } from './http.ts'
import { bodyOf, bytesOf, headersOf } from './reply.ts'
import type { Outcome } from './request.ts'

/** An answer whole, or its head and its body. */
export type Answer = string | Buffer | readonly [head: string, body: Buffer]

/** @returns whether the socket takes more. */
export function writeAnswer(socket: Socket, answer: Answer): boolean {
  if (!Array.isArray(answer)) return socket.write(answer as string | Buffer)
  const [head, body] = answer as readonly [string, Buffer]
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
    const bytes = compress === undefined || acceptEncoding === undefined ? bytesOf(outcome) : undefined
    if (bytes !== undefined) return [`${before}content-length: ${bytes.length}\r\n\r\n`, bytes]
    const body = bodyOf(outcome)
    const plain = (): string => `${before}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    return (
      compress?.(body, acceptEncoding)?.then(made =>
        made === undefined ? plain() : encoded(before, made),
      ) ?? plain()
    )
  }
}

function encoded(before: string, { encoding, bytes }: Compressed): Buffer {
  const head = `${before}content-encoding: ${encoding}\r\ncontent-length: ${bytes.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes])
}
