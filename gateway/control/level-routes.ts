import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import type { Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { expecting } from '../config-file.ts'
import { LEVELS, type Level, type PinnedLevel, type SurgeLevel } from '../surge/level.ts'
import type { LevelPin } from './level-pin.ts'
import { type OperatorDoorOptions, operatorDoor, readBody } from './operator-door.ts'

export interface LevelRoutesOptions extends OperatorDoorOptions {
  readonly level: SurgeLevel
  /** What `level` is pinned by. */
  readonly pin: LevelPin
}

const levelSchema = z.strictObject(
  { level: z.enum(LEVELS, expecting(`one of ${LEVELS.join(', ')}`)) },
  {
    error: ({ code, input, keys }) =>
      `expected an object of level, got ${code === 'unrecognized_keys' ? keys.join(', ') : JSON.stringify(input)}`.slice(
        0,
        200,
      ),
  },
)

/**
 * `/control/level`: how busy the gateway is, by what it measures and by whom it is pinned; for operators.
 *
 *     GET    /control/level
 *     PUT    /control/level   {"level": "SHED"}
 *     DELETE /control/level
 *
 * A pinned level holds, whatever is measured, until it is taken back: for the `fleet` within a second, or for this
 * `process` where there is no Redis or it cannot be reached.
 */
export function levelRoutes(app: FastifyInstance, options: LevelRoutesOptions): void {
  const { stages, level, pin } = options
  const { operator, refused, refuseMethods } = operatorDoor(options)

  app.get('/control/level', async (request, reply) => {
    const caller = await operator(request)
    if (caller instanceof Fault) return refused(request, reply, caller)
    reply.header('cache-control', 'no-store')
    return { ...shown(level), scope: pin.scope }
  })

  app.put('/control/level', async (request, reply) => {
    const caller = await operator(request)
    if (caller instanceof Fault) return refused(request, reply, caller)
    const given = readBody(levelSchema, request.body)
    if (given instanceof Fault) return refused(request, reply, given)
    const setAt = new Date().toISOString()
    return await change(reply, caller, { level: given.level, setBy: caller.client, setAt })
  })

  app.delete('/control/level', async (request, reply) => {
    const caller = await operator(request)
    if (caller instanceof Fault) return refused(request, reply, caller)
    if (request.body !== undefined && request.body !== null)
      return refused(request, reply, new Fault('BAD_INPUT', 'expected no body, got one'))
    return await change(reply, caller, undefined)
  })

  refuseMethods(app, '/control/level', ['POST', 'PATCH'], 'GET, PUT, DELETE')

  async function change(
    reply: FastifyReply,
    caller: Caller,
    pinned: PinnedLevel | undefined,
  ): Promise<object> {
    const from = level.current
    const scope = await pin.set(pinned)
    stages.logger.warn(
      { by: caller.client, from, to: pinned?.level ?? level.measured, scope },
      pinned === undefined ? 'level as measured again' : 'level pinned',
    )
    reply.header('cache-control', 'no-store')
    return { ...shown(level), scope }
  }
}

/** What anybody may know of the level. */
export function levelShown({ current, pinned }: Pick<SurgeLevel, 'current' | 'pinned'>): {
  readonly level: Level
  readonly pinned: boolean
} {
  return { level: current, pinned: pinned !== undefined }
}

/** The level for people and programs. */
function shown({ current, measured, pinned, readings }: SurgeLevel): object {
  return { level: current, measured, pinned: pinned ?? null, readings }
}
