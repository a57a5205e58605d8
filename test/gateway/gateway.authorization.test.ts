import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mintToken } from '../../gateway/identity/mint.ts'
import { hashOf, MANIFEST, TINY_SUPERGRAPH, type TinyGraph, tinyGraph } from '../harness/tiny-graph.ts'

const SECRET = 'a secret for tests, of more than 32 characters'

const guard = (sdl: string, field: string, guards: string): string => {
  const guarded = sdl.replace(
    new RegExp(`(\\n {2}${field}\\b[^\\n]*?(?:\\n[^)]*\\n {2}\\)[^\\n]*)?)(?=\\n)`),
    `$1 ${guards}`,
  )
  if (guarded === sdl) throw new Error(`Expected the supergraph to have a field ${field}`)
  return guarded
}
const GUARDED = [
  ['claim', '@requiresScopes(scopes: [["coupon:claim"]])'],
  ['pay', '@authenticated @policy(policies: [["pays"]])'],
  ['couponFen', '@requiresScopes(scopes: [["coupon:claim"]])'],
  ['me', '@authenticated'],
].reduce((sdl, [field, guards]) => guard(sdl, field!, guards!), TINY_SUPERGRAPH)

const TEXTS = {
  Guarded: 'query Guarded($id: ID!) { product(id: $id) { id couponFen } me { id } who }',
  SlowWho: 'query SlowWho { slow me { id } }',
  Claim: 'mutation Claim($input: ClaimInput!) { claim(input: $input) { __typename } }',
}
const MUTATION = { input: { campaignId: 'a' } }

let graph: TinyGraph
let tokens: Record<'nobody' | 'claims' | 'reads', string | undefined>
beforeAll(async () => {
  graph = await tinyGraph({
    supergraphSdl: GUARDED,
    manifest: [
      ...MANIFEST.filter(({ body }) => !body.includes('query Me') && !body.startsWith('mutation Claim(')),
      ...Object.values(TEXTS).map(body => ({
        id: hashOf(body),
        body,
        priority: 'BROWSE' as const,
        description: 'A tool.',
        ...(body === TEXTS.Claim ? { tool: 'claim_guarded' } : {}),
      })),
    ],
    tokens: { kind: 'secret', secret: SECRET },
  })
  const mint = (scopes: string[]): Promise<string> =>
    mintToken({ secret: SECRET, subject: 'alice', kind: 'shopper', client: 'qwen', scopes, ttlSeconds: 60 })
  tokens = { nobody: undefined, claims: await mint(['coupon:claim']), reads: await mint(['order:pay']) }
})
afterAll(() => graph.gateway.close())

function post(
  body: object,
  who: keyof typeof tokens,
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  const token = tokens[who]
  return graph.gateway.app.inject({
    method: 'POST',
    url: '/graphql',
    headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    payload: body,
  })
}

/** By its id, in Apollo Server's hands, and by its text as it was compiled there. */
async function everyWay(
  text: string,
  variables: object,
  who: keyof typeof tokens,
): Promise<LightMyRequestResponse> {
  const [first, ...others] = [
    await post({ documentId: `sha256:${hashOf(text)}`, variables }, who),
    await post({ query: text, variables, extensions: { somebodys: 1 } }, who),
    await post({ query: text, variables }, who),
  ]
  for (const other of others)
    expect([other.statusCode, other.headers['www-authenticate'], other.body]).toEqual([
      first!.statusCode,
      first!.headers['www-authenticate'],
      first!.body,
    ])
  return first!
}

test('what is refused beside data: status 200, nulls and errors, the same through both doors', async () => {
  const before = graph.executed.length
  const answer = await everyWay(TEXTS.Guarded, { id: 'product_1' }, 'nobody')
  expect([answer.statusCode, answer.json()]).toEqual([
    200,
    {
      errors: [
        {
          message: 'a token with the scope coupon:claim is needed, the request had none',
          path: ['product', 'couponFen'],
          extensions: { code: 'UNAUTHENTICATED' },
        },
        {
          message: 'a token is needed, the request had none',
          path: ['me'],
          extensions: { code: 'UNAUTHENTICATED' },
        },
      ],
      data: { product: { id: 'product_1', couponFen: null }, me: null, who: expect.any(String) },
    },
  ])
  expect(graph.executed.slice(before).join(' ')).not.toMatch(/couponFen|\bme\b/)
})

test('whom the scope is missing is told FORBIDDEN, and has the rest', async () => {
  const { data, errors } = (await everyWay(TEXTS.Guarded, { id: 'product_1' }, 'reads')).json()
  expect(data).toMatchObject({ product: { couponFen: null }, me: { id: 'alice' } })
  expect(errors).toEqual([
    {
      message: 'the scope coupon:claim is needed, the token has order:pay',
      path: ['product', 'couponFen'],
      extensions: { code: 'FORBIDDEN' },
    },
  ])
})

test('who may have everything has it', async () => {
  const answer = await everyWay(TEXTS.Guarded, { id: 'product_1' }, 'claims')
  expect(answer.json()).toMatchObject({
    data: { product: { id: 'product_1', couponFen: 2_500 }, me: { id: 'alice' } },
  })
  expect(answer.json().errors).toBeUndefined()
})

test.each([
  ['nobody', 401, 'UNAUTHENTICATED', 'Bearer realm="spillway"'],
  ['reads', 403, 'FORBIDDEN', undefined],
] as const)(
  'a change that %s may not make: %i, and no subgraph is asked',
  async (who, status, code, challenge) => {
    const before = graph.executed.length
    const answer = await everyWay(TEXTS.Claim, MUTATION, who)
    expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([status, challenge])
    expect(answer.json()).toMatchObject({ data: null, errors: [{ path: ['claim'], extensions: { code } }] })
    expect(graph.executed.length).toBe(before)
    expect((await everyWay(TEXTS.Claim, MUTATION, 'claims')).json()).toEqual({
      data: { claim: { __typename: 'Issued' } },
    })
  },
)

test('by MCP a tool is refused alike', async () => {
  const answer = await graph.gateway.app.inject({
    method: 'POST',
    url: '/mcp',
    headers: { accept: 'application/json, text/event-stream' },
    payload: {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'claim_guarded', arguments: { campaignId: 'a' } },
    },
  })
  const { isError, content } = answer.json().result
  expect(isError).toBe(true)
  expect(content[0].text).toContain('"code":"UNAUTHENTICATED"')
})

test('the plan that is shown is the one for the caller', async () => {
  const body = { documentId: `sha256:${hashOf(TEXTS.Guarded)}`, variables: { id: 'product_1' } }
  const planOf = async (who: keyof typeof tokens): Promise<string> =>
    JSON.stringify((await post(body, who, { 'spillway-query-plan': '1' })).json().extensions.queryPlan)
  expect(await planOf('nobody')).not.toMatch(/couponFen|wallet/)
  expect(await planOf('claims')).toMatch(/couponFen/)
})

test('a guarded field is introspected by everybody', async () => {
  const { data } = (await post({ query: '{ __type(name: "Query") { fields { name } } }' }, 'nobody')).json()
  expect(data.__type.fields).toContainEqual({ name: 'me' })
})

test('callers with other rights who ask the same at the same time do not share an answer', async () => {
  const body = { documentId: `sha256:${hashOf(TEXTS.SlowWho)}` }
  const answers = [post(body, 'nobody'), post(body, 'claims'), post(body, 'reads'), post(body, 'nobody')]
  await graph.slowAsked
  graph.release()
  const data = (await Promise.all(answers)).map(answer => answer.json().data)
  const alices = { slow: 'done', me: { id: 'alice' } }
  const nobodys = { slow: 'done', me: null }
  expect(data).toEqual([nobodys, alices, alices, nobodys])
})

test('a supergraph that guards more holds from the swap on', async () => {
  const body = { query: '{ who }' }
  expect((await post(body, 'nobody')).json().errors).toBeUndefined()
  await graph.gateway.swap({ supergraphSdl: guard(GUARDED, 'who', '@authenticated') })
  expect((await post(body, 'nobody')).statusCode).toBe(401)
  expect((await post(body, 'reads')).statusCode).toBe(200)
  await graph.gateway.swap({ supergraphSdl: GUARDED })
})
