import type { FastifyReply } from 'fastify'
import type { AnswerType } from './accept.ts'
import { headOf } from './http.ts'
import type { Outcome } from './request.ts'

/** An outcome as an HTTP answer; what the two doors have in common. */
export function sendOutcome(reply: FastifyReply, outcome: Outcome, type: AnswerType): FastifyReply {
  const { status, headers } = headOf(outcome)
  const { errors, data, extensions } = outcome
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', 'content-type': `${type}; charset=utf-8`, ...headers })
    .send(JSON.stringify({ errors, data, extensions }))
}
