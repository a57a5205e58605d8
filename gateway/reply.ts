import type { FastifyHelmetOptions } from '@fastify/helmet'
import type { FastifyReply } from 'fastify'
import type { AnswerType } from './accept.ts'
import { headOf } from './http.ts'
import type { Outcome } from './request.ts'

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
  const { status, headers } = headOf(outcome)
  const { errors, data, extensions } = outcome
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', 'content-type': `${type}; charset=utf-8`, ...headers, ...others })
    .send(JSON.stringify({ errors, data, extensions }))
}
