import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import type { Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { expecting } from '../config-file.ts'
import { type FieldLimit, problemOfRate } from '../cost/field-limits.ts'
import type { CostMode } from '../cost-settings.ts'
import type { LineSettings } from '../line-settings.ts'
import type { SettingScope } from './fleet-settings.ts'
import type { LimitOverrides } from './limit-overrides.ts'
import { type OperatorDoorOptions, operatorDoor, readBody } from './operator-door.ts'

export interface LimitsRoutesOptions extends OperatorDoorOptions {
  readonly overrides: LimitOverrides
  /** Limits hold where costs are enforced only: an operator who sets one is told. */
  readonly mode: CostMode
  /** What is known of lines that are live, each a JSON object. */
  readonly lines: () => readonly object[]
  readonly lineTerms: LineSettings
}

const number = z.number(expecting('a number'))
const rateSchema = z.strictObject(
  {
    per: z.enum(['FLEET', 'CALLER'], expecting('FLEET or CALLER')),
    by: z.string(expecting('the path of an argument, or null')).nullish(),
    perSecond: number,
    burst: number,
  },
  {
    error: ({ code, input, keys }) =>
      `expected an object of per, by, perSecond and burst, got ${code === 'unrecognized_keys' ? keys.join(', ') : JSON.stringify(input)}`.slice(
        0,
        200,
      ),
  },
)
const whichSchema = z.object(rateSchema.shape).pick({ per: true, by: true }).partial().strict()

/**
 * `/control/limits`: limits as declared and as they hold, and how lines stand; for operators.
 *
 *     GET    /control/limits
 *     PUT    /control/limits/Mutation.claimCoupon   {"per": "FLEET", "perSecond": 1000, "burst": 5000}
 *     DELETE /control/limits/Mutation.claimCoupon   ?per=FLEET
 *
 * Of a field with several limits for FLEET, or for CALLER, `by` says which one is meant.
 */
export function limitsRoutes(app: FastifyInstance, options: LimitsRoutesOptions): void {
  const { stages, overrides, mode, lines, lineTerms } = options
  const { operator, refused, refuseMethods } = operatorDoor(options)
  const limits = (): readonly FieldLimit[] => stages.graph.current.fieldLimits.all

  app.get('/control/limits', async (request, reply) => {
    const caller = await operator(request)
    if (caller instanceof Fault) return refused(request, reply, caller)
    reply.header('cache-control', 'no-store')
    return {
      mode,
      scope: overrides.scope,
      limits: limits().map(limit => shown(limit, overrides)),
      lineTerms,
      lines: lines(),
    }
  })

  app.put<{ Params: { field: string } }>('/control/limits/:field', async (request, reply) => {
    const caller = await operator(request)
    if (caller instanceof Fault) return refused(request, reply, caller)
    const given = readBody(rateSchema, request.body)
    if (given instanceof Fault) return refused(request, reply, given)
    const found = find(limits(), request.params.field, given.per, given.by)
    if (found instanceof Fault) return refused(request, reply, found)
    const [limit] = found
    if (limit === undefined || found.length > 1) return refused(request, reply, ambiguous(found))
    const { perSecond, burst } = given
    const problem = problemOfRate(given, limit.pointsMin)
    if (problem !== undefined) return refused(request, reply, new Fault('BAD_INPUT', problem))
    const override = { perSecond, burst, setBy: caller.client, setAt: new Date().toISOString() }
    return await change(reply, caller, [limit], override)
  })

  app.delete<{ Params: { field: string } }>('/control/limits/:field', async (request, reply) => {
    const caller = await operator(request)
    if (caller instanceof Fault) return refused(request, reply, caller)
    if (request.body !== undefined && request.body !== null)
      return refused(request, reply, new Fault('BAD_INPUT', `expected per and by after a "?", got a body`))
    const given = readBody(whichSchema, request.query)
    if (given instanceof Fault) return refused(request, reply, given)
    const found = find(limits(), request.params.field, given.per, given.by)
    if (found instanceof Fault) return refused(request, reply, found)
    return await change(reply, caller, found, undefined)
  })

  refuseMethods(app, '/control/limits', ['POST', 'PUT', 'PATCH', 'DELETE'], 'GET')
  refuseMethods(app, '/control/limits/:field', ['GET', 'POST', 'PATCH'], 'PUT, DELETE')

  /** Puts an override in force, or takes those of all given limits back. */
  async function change(
    reply: FastifyReply,
    caller: Caller,
    changed: readonly FieldLimit[],
    override: Parameters<LimitOverrides['set']>[1],
  ): Promise<object> {
    const before = changed.map(overrides.rateOf)
    // All of them hold here before the fleet's store is waited for.
    const scopes = await Promise.all(changed.map(limit => overrides.set(limit, override)))
    const scope: SettingScope = scopes.includes('process') ? 'process' : 'fleet'
    for (const [i, limit] of changed.entries()) {
      const { perSecond, burst } = overrides.rateOf(limit)
      stages.logger.warn(
        { limit: limit.id, by: caller.client, from: before[i], to: { perSecond, burst }, scope, mode },
        override === undefined ? 'limit as declared again' : 'limit overridden',
      )
    }
    reply.header('cache-control', 'no-store')
    return { mode, scope, limits: changed.map(limit => shown(limit, overrides)) }
  }
}

/** A limit for people and programs. */
export function shown(limit: FieldLimit, overrides: Pick<LimitOverrides, 'overrideOf'>): object {
  const { coordinate, per, over, by, status, pointsMin, rate } = limit
  const override = overrides.overrideOf(limit)
  return {
    field: coordinate,
    per,
    ...(by === undefined ? {} : { by }),
    over,
    ...(status === undefined ? {} : { status }),
    pointsMin,
    declared: rate,
    inForce: override === undefined ? rate : { perSecond: override.perSecond, burst: override.burst },
    ...(override === undefined ? {} : { setBy: override.setBy, setAt: override.setAt }),
  }
}

/** What anybody may know of limits: the rates that hold. */
export function shownInHealth(
  limits: readonly FieldLimit[],
  overrides: Pick<LimitOverrides, 'overrideOf' | 'rateOf'>,
): readonly object[] {
  return limits.map(limit => {
    const { perSecond, burst } = overrides.rateOf(limit)
    const { coordinate: field, per, by } = limit
    const overridden = overrides.overrideOf(limit) !== undefined
    return { field, per, ...(by === undefined ? {} : { by }), perSecond, burst, overridden }
  })
}

/** The field's limits of this kind; at least one. */
function find(
  limits: readonly FieldLimit[],
  field: string,
  per: FieldLimit['per'] | undefined,
  by: string | null | undefined,
): readonly FieldLimit[] | Fault {
  const ofField = limits.filter(({ coordinate }) => coordinate === field)
  if (ofField.length === 0) {
    const limited = [...new Set(limits.map(({ coordinate }) => coordinate))].slice(0, 20).join(', ')
    return new Fault(
      'NOT_FOUND',
      `expected a field that has a limit (${limited || 'there is none'}), got ${field.slice(0, 100)}`,
    )
  }
  const found = ofField.filter(
    limit => (per ?? limit.per) === limit.per && (by === undefined || (by ?? undefined) === limit.by),
  )
  return found.length > 0
    ? found
    : new Fault(
        'BAD_INPUT',
        `expected one of the field's limits (${ofField.map(named).join('; ')}), got per ${per}, by ${by}`.slice(
          0,
          500,
        ),
      )
}

const ambiguous = (found: readonly FieldLimit[]): Fault =>
  new Fault('BAD_INPUT', `expected by to tell which limit is meant (${found.map(named).join('; ')})`)

const named = ({ per, by }: FieldLimit): string => `per ${per}, by ${by ?? null}`
