import type { FastifyHelmetOptions } from '@fastify/helmet'
import type { FastifyReply } from 'fastify'
import type { AnswerType } from './accept.ts'
import { headOf, type ResponseHead } from './http.ts'
import type { JsonText, Outcome } from './request.ts'

/**
 * Every answer's, until it is a page: nothing of it is ever shown, framed or guessed at. Helmet's own fourteen a request
 * cost more than they say about JSON.
 */
export const ANSWER_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
})

/** What a browser shows gets Helmet's headers, with what the page needs. */
export function asPage(reply: FastifyReply, options: FastifyHelmetOptions): FastifyReply {
  for (const name of Object.keys(ANSWER_HEADERS)) reply.removeHeader(name)
  reply.helmet(options)
  return reply.type('text/html; charset=utf-8')
}

/** An outcome as an HTTP answer; what the two doors have in common. `others` are set in place of its own headers. */
export function sendOutcome(
  reply: FastifyReply,
  outcome: Outcome,
  type: AnswerType,
  others: Readonly<Record<string, string>> = {},
): FastifyReply {
  const head = headOf(outcome)
  return reply
    .code(head.status)
    .headers({ ...headersOf(head, type), ...others })
    .send(bodyOf(outcome))
}

/** Headers of an outcome's answer, beyond those of every answer. */
export function headersOf({ headers }: ResponseHead, type: AnswerType): Readonly<Record<string, string>> {
  return { 'cache-control': 'no-store', 'content-type': `${type}; charset=utf-8`, ...headers }
}

/** The members that are there, errors first (GraphQL specification, section 7.1). */
export function bodyOf({ errors, json, data, extensions }: Outcome): string {
  if (json === undefined) return JSON.stringify({ errors, data, extensions })
  const first = errors === undefined ? '' : `"errors":${JSON.stringify(errors)},`
  const last = extensions === undefined ? '' : `,"extensions":${JSON.stringify(extensions)}`
  return `{${first}"data":${json.text}${last}}`
}

/** The data of an outcome that has nothing beside it: what all who are answered the same share. */
export function dataOnly({ errors, json, extensions }: Outcome): JsonText | undefined {
  return errors === undefined && extensions === undefined ? json : undefined
}

/** Shorter bodies are quicker to write in one piece with their head than to make bytes of for one answer. */
const BYTES_CHARS_MIN = 8_192

/** Whether an answer is written of the body's bytes. */
export const isWrittenOfBytes = (json: JsonText): boolean =>
  json.isKept || json.text.length >= BYTES_CHARS_MIN
