import fastify from 'fastify'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createLocalTags } from '../../../gateway/cache/tags/local-tags.ts'
import { cacheRoutes } from '../../../gateway/control/cache-routes.ts'
import { createIdentify } from '../../../gateway/identity/identify.ts'
import { createTokenVerifier } from '../../../gateway/identity/tokens.ts'
import type { Stages } from '../../../gateway/pipeline.ts'
import { sendOutcome } from '../../../gateway/reply.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { createMetrics } from '../../../gateway/telemetry/metrics.ts'
import { TINY_SUPERGRAPH } from '../../harness/tiny-graph.ts'
import { type TokenClaims, tokenFor } from '../../harness/tokens.ts'

const SECRET = 'cache-routes-token-secret-0123456789abcdef'
const OPERATOR = { sub: 'olga', kind: 'operator', client: 'control-room' } as const
const INVALIDATIONS = '/control/cache/invalidations'

const supergraph = loadSupergraph(TINY_SUPERGRAPH)

function control() {
  const lines: string[] = []
  const tags = createLocalTags()
  const app = fastify()
  const stages = {
    identify: createIdentify(
      createTokenVerifier({ settings: { kind: 'secret', secret: SECRET } }),
      undefined,
    ),
    graph: { current: { supergraph } },
    metrics: createMetrics(() => []),
    logger: pino({}, { write: line => void lines.push(line) }),
    production: true,
  } as unknown as Stages
  cacheRoutes(app, {
    stages,
    tags,
    shown: () => ({ scope: 'process', entries: 3 }),
    send: (reply, outcome, others) => sendOutcome(reply, outcome, 'application/json', others),
  })
  const ask = async (
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    claims: TokenClaims | null,
    payload?: object,
  ) => {
    const answer = await app.inject({
      method,
      url,
      ...(claims === null ? {} : { headers: { authorization: `Bearer ${tokenFor(SECRET, claims)}` } }),
      ...(payload === undefined ? {} : { payload }),
    })
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
  }
  return { ask, tags, lines }
}

describe('the addresses of the cache', () => {
  it('show operators what is kept', async () => {
    const { ask } = control()
    const { status, headers, body } = await ask('GET', '/control/cache', OPERATOR)
    expect([status, headers['cache-control'], body]).toEqual([
      200,
      'no-store',
      { scope: 'process', entries: 3 },
    ])
  })

  it('make void what an operator names, and log who did', async () => {
    const { ask, tags, lines } = control()
    const born = tags.now()
    const entries = [['Product', 'Product:1'], ['Product', 'Product:2'], ['Deep'], ['Shopper']].map(
      carried => ({
        born,
        tags: carried,
      }),
    )
    const { status, headers, body } = await ask('POST', INVALIDATIONS, OPERATOR, {
      tags: ['Product:1', 'Product:1'],
      types: ['Deep'],
    })
    expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
    expect(body).toEqual({ scope: 'process', tags: ['Product:1', 'Deep'] })
    expect(entries.map(tags.holds)).toEqual([false, true, false, true])
    expect(JSON.parse(lines.find(line => line.includes('cache invalidated'))!)).toMatchObject({
      level: 40,
      by: 'control-room',
      scope: 'process',
      tags: ['Product:1', 'Deep'],
    })
    expect((await ask('POST', INVALIDATIONS, OPERATOR, { everything: true })).body.tags).toEqual(['*'])
    expect(entries.map(tags.holds)).toEqual([false, false, false, false])
  })

  it('make void the members of an interface, whatever they were asked for as', async () => {
    const { ask, tags } = control()
    const entries = [['ClaimResult', 'Issued'], ['Paused'], ['Product']].map(carried => ({
      born: tags.now(),
      tags: carried,
    }))
    const { body } = await ask('POST', INVALIDATIONS, OPERATOR, { types: ['ShopperMessage', 'Issued'] })
    expect(body.tags).toEqual(['ShopperMessage', 'Issued', 'Paused'])
    expect(entries.map(tags.holds)).toEqual([false, false, true])
  })

  it.each([
    [null, 401, 'UNAUTHENTICATED'],
    [{ sub: 'alice' }, 403, 'FORBIDDEN'],
    [{ sub: 'alice', scope: 'campaign:operate' }, 403, 'FORBIDDEN'],
    [{ sub: 'olga', kind: 'operator', scope: 'catalog:write' }, 403, 'FORBIDDEN'],
  ] as const)('answer operators with the scope alone, not %j', async (claims, status, code) => {
    const { ask, tags } = control()
    const entry = { born: tags.now(), tags: ['Product'] }
    for (const answer of [
      await ask('GET', '/control/cache', claims),
      await ask('POST', INVALIDATIONS, claims, { everything: true }),
    ]) {
      expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([status, code])
    }
    expect(tags.holds(entry)).toBe(true)
  })

  it.each([
    ['nothing', {}, 'expected tags, types or everything, got none of them'],
    ['empty lists', { tags: [], types: [] }, 'expected tags, types or everything, got none of them'],
    ['no object', [], 'body: expected an object of tags, types or everything, got []'],
    [
      'another member',
      { tag: 'Product:1' },
      'body: expected an object of tags, types or everything, got tag',
    ],
    ['a tag alone', { tags: 'Product:1' }, 'tags: expected a list of at most 100 tags'],
    ['101 tags', { tags: Array(101).fill('a') }, 'tags: expected a list of at most 100 tags'],
    [
      'an empty tag',
      { tags: [''] },
      'tags.0: expected a list of at most 100 tags, each of 1 to 256 visible characters, got ""',
    ],
    ['a long tag', { tags: ['x'.repeat(257)] }, 'tags.0: expected'],
    ['a line break', { tags: ['a\nb'] }, 'tags.0: expected'],
    [
      'an unknown type',
      { types: ['Product', 'Produkt'] },
      'types: expected types of objects in the schema, got Produkt',
    ],
    ['a root type', { types: ['Query'] }, 'types: expected types of objects in the schema, got Query'],
    ['a scalar', { types: ['Int'] }, 'types: expected types of objects in the schema, got Int'],
    ['everything, denied', { everything: false }, 'everything: expected true, or nothing, got false'],
  ])('refuse %s, and nothing is void', async (_, body, message) => {
    const { ask, tags } = control()
    const entry = { born: tags.now(), tags: ['Product'] }
    const answer = await ask('POST', INVALIDATIONS, OPERATOR, body)
    expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([400, 'BAD_INPUT'])
    expect(answer.body.errors[0].message).toContain(message)
    expect(tags.holds(entry)).toBe(true)
  })

  it.each([
    ['POST', '/control/cache', 'GET'],
    ['GET', INVALIDATIONS, 'POST'],
    ['PUT', INVALIDATIONS, 'POST'],
  ] as const)('say which methods there are when asked by %s %s', async (method, url, allow) => {
    const { status, headers, body } = await control().ask(method, url, OPERATOR)
    expect([status, headers.allow, body.errors[0].extensions.code]).toEqual([
      405,
      allow,
      'METHOD_NOT_ALLOWED',
    ])
    expect(body.errors[0].message).toBe(`expected ${allow}, got ${method}`)
  })
})
