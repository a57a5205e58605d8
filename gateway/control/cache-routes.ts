import type { FastifyInstance } from 'fastify'
import { type GraphQLSchema, isAbstractType, isCompositeType } from 'graphql'
import { z } from 'zod'
import { Fault } from '../../protocol/fault.ts'
import { expecting } from '../config-file.ts'
import { type OperatorDoorOptions, operatorDoor, readBody } from './operator-door.ts'

export interface CacheRoutesOptions extends OperatorDoorOptions {
  readonly tags: { invalidate(tags: readonly string[]): Promise<'fleet' | 'process'> }
  /** What there is to say of the cache: a JSON object. */
  readonly shown: () => object
}

const EVERYTHING = '*'
const NAMES_MAX = 100

const names = (what: string, pattern: RegExp) => {
  const words = expecting(`a list of at most ${NAMES_MAX} ${what}`)
  return z.array(z.string(words).regex(pattern, words), words).max(NAMES_MAX, words).optional()
}
const invalidationSchema = z.strictObject(
  {
    tags: names('tags, each of 1 to 256 visible characters', /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u),
    types: names("types' names", /^\w{1,256}$/),
    everything: z.literal(true, expecting('true, or nothing')).optional(),
  },
  {
    error: ({ code, input, keys }) =>
      `expected an object of tags, types or everything, got ${code === 'unrecognized_keys' ? keys.join(', ') : JSON.stringify(input)}`.slice(
        0,
        200,
      ),
  },
)

/**
 * `/control/cache`: what is kept, and how it is made void; for operators.
 *
 *     GET  /control/cache
 *     POST /control/cache/invalidations   {"tags": ["Product:product_42"], "types": ["Shop"], "everything": true}
 *
 * At least one of the three; an interface or a union stands for its members. Answers with the tags that are void, and how
 * far: of the `fleet`, or of this `process` as long as Redis cannot be reached.
 */
export function cacheRoutes(app: FastifyInstance, options: CacheRoutesOptions): void {
  const { stages, tags, shown } = options
  const { operator, refused, refuseMethods } = operatorDoor(options)

  app.get('/control/cache', async (request, reply) => {
    const caller = await operator(request)
    if (caller instanceof Fault) return refused(request, reply, caller)
    reply.header('cache-control', 'no-store')
    return shown()
  })

  app.post('/control/cache/invalidations', async (request, reply) => {
    const caller = await operator(request)
    if (caller instanceof Fault) return refused(request, reply, caller)
    const given = readBody(invalidationSchema, request.body)
    if (given instanceof Fault) return refused(request, reply, given)
    const { types = [] } = given
    const { types: known, apiSchema } = stages.graph.current.supergraph
    const unknown = types.find(name => !known.isObject(name) && !isComposite(apiSchema, name))
    const root = types.find(name => isRoot(apiSchema, name))
    const wrong = unknown ?? root
    if (wrong !== undefined) {
      const fault = new Fault('BAD_INPUT', `types: expected types of objects in the schema, got ${wrong}`)
      return refused(request, reply, fault)
    }
    const all = given.everything === true ? [EVERYTHING] : []
    const invalidated = [
      ...new Set([...(given.tags ?? []), ...types.flatMap(name => withMembers(apiSchema, name)), ...all]),
    ]
    if (invalidated.length === 0) {
      const fault = new Fault('BAD_INPUT', 'expected tags, types or everything, got none of them')
      return refused(request, reply, fault)
    }
    const scope = await tags.invalidate(invalidated)
    stages.logger.warn({ tags: invalidated, by: caller.client, scope }, 'cache invalidated')
    reply.header('cache-control', 'no-store')
    return { scope, tags: invalidated }
  })

  refuseMethods(app, '/control/cache', ['POST', 'PUT', 'PATCH', 'DELETE'], 'GET')
  refuseMethods(app, '/control/cache/invalidations', ['GET', 'PUT', 'PATCH', 'DELETE'], 'POST')
}

const isComposite = (schema: GraphQLSchema, name: string): boolean => isCompositeType(schema.getType(name))

/** What is kept carries the type of an object, and not all that this implements or belongs to. */
function withMembers(schema: GraphQLSchema, name: string): readonly string[] {
  const type = schema.getType(name)
  return isAbstractType(type) ? [name, ...schema.getPossibleTypes(type).map(member => member.name)] : [name]
}

/** Nothing that is kept is one. */
const isRoot = (schema: GraphQLSchema, name: string): boolean =>
  [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].some(
    type => type?.name === name,
  )
