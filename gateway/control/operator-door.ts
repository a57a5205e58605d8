import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { refuse, type Stages } from '../pipeline.ts'
import type { Outcome } from '../request.ts'

export interface OperatorDoorOptions {
  readonly stages: Stages
  /** `others`: headers in place of the outcome's own. */
  send(reply: FastifyReply, outcome: Outcome, others?: Readonly<Record<string, string>>): FastifyReply
}

/** What the addresses under `/control` have in common: who may ask, and how others are refused. */
export interface OperatorDoor {
  /** Who asks, if it is an operator who may steer. */
  operator(request: FastifyRequest): Promise<Caller | Fault>
  refused(request: FastifyRequest, reply: FastifyReply, fault: Fault): FastifyReply
  /** Refuses these methods at an address. @param allow those that it has, with commas between. */
  refuseMethods(
    app: FastifyInstance,
    url: string,
    methods: readonly ('GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE')[],
    allow: string,
  ): void
}

const SCOPE = 'campaign:operate'

export function operatorDoor({ stages, send }: OperatorDoorOptions): OperatorDoor {
  return {
    async operator({ headers }) {
      const caller = await stages.identify(headers.authorization, headers['x-api-key'])
      if (caller instanceof Fault) return caller
      if (caller.kind === 'anonymous')
        return new Fault('UNAUTHENTICATED', `an operator's token is needed, the request had none`)
      if (caller.kind === 'operator' && caller.scopes.includes(SCOPE)) return caller
      return new Fault('FORBIDDEN', `an operator's token with the scope ${SCOPE} is needed`)
    },
    refused: (request, reply, fault) => send(reply, refuse(stages, fault, { id: request.id })),
    refuseMethods(app, url, methods, allow) {
      app.route({
        url,
        method: [...methods],
        exposeHeadRoute: false,
        // Before the body, which decides nothing here.
        onRequest: async (request, reply) => {
          const fault = new Fault(
            'METHOD_NOT_ALLOWED',
            `expected ${allow.replace(/, (?=\w+$)/, ' or ')}, got ${request.method}`,
          )
          return send(reply, refuse(stages, fault, { id: request.id }), { allow })
        },
        handler: async () => undefined,
      })
    },
  }
}

/** What a request says, or what is wrong with it. */
export function readBody<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | Fault {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const wrong = result.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)
  return new Fault('BAD_INPUT', wrong.join('; ').slice(0, 500))
}
