import { type AuditResult, auditServer } from 'graphql-http'
import { Agent, fetch as fetchThrough } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ManifestOperation } from '../../gateway/operations/manifest.ts'
import { type Door, open } from '../harness/lane-pair.ts'
import { hashOf, MANIFEST } from '../harness/tiny-graph.ts'

/**
 * The audits of graphql-http for the specification of GraphQL over HTTP: every MUST is met; what is not, of what SHOULD
 * or MAY be, is here by name.
 */

const ONE_STATUS =
  'the status of an answer without data is the same on both media types, so that proxies and clients see a refusal as one'
const NO_PROOF =
  'a GET that any page could send must prove that a browser has asked first: a content type, or a header of Apollo’s'

const UNMET: Readonly<Record<string, readonly [level: 'warn' | 'notice', why: string]>> = {
  '572B SHOULD use 200 status code on document parsing failure when accepting application/json': [
    'warn',
    ONE_STATUS,
  ],
  'FDE2 SHOULD use 200 status code on document validation failure when accepting application/json': [
    'warn',
    ONE_STATUS,
  ],
  '7B9B SHOULD use a status code of 200 on variable coercion failure when accepting application/json': [
    'warn',
    ONE_STATUS,
  ],
  '5A70 MAY accept application/x-www-form-urlencoded formatted GET requests': ['notice', NO_PROOF],
  'D6D5 MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting application/graphql-response+json':
    ['notice', NO_PROOF],
  '6A70 MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting application/json': [
    'notice',
    NO_PROOF,
  ],
}
const AUDITS = 61

/** The valid operations that the audits send. */
const AUDITED = [
  '{ __typename }',
  '{ __type(name: "Run🏃Swim🏊") { name } }',
  'query Query { __typename }',
  'query Type($name: String!) { __type(name: $name) { name } }',
]
const IDS: ReadonlyMap<unknown, string> = new Map(AUDITED.map(body => [body, `sha256:${hashOf(body)}`]))
const REGISTERED: readonly ManifestOperation[] = [
  ...MANIFEST,
  ...AUDITED.map(body => ({ id: hashOf(body), body, priority: 'BROWSE' as const })),
]

type Fetch = (url: string, init?: RequestInit) => Promise<Response>

/** The body's members, where it is a JSON object. */
function membersOf({ body }: RequestInit): Record<string, unknown> | undefined {
  try {
    return JSON.parse(String(body)) as Record<string, unknown>
  } catch {
    return undefined
  }
}

/** Extensions that mean nothing here keep a text with Apollo Server, compiled before or not. */
const throughApollo: Fetch = (url, init = {}) => {
  const members = membersOf(init)
  if (members === undefined || (members.extensions ?? undefined) !== undefined) return fetch(url, init)
  return fetch(url, { ...init, body: JSON.stringify({ ...members, extensions: { somebodys: 1 } }) })
}

const agents: Agent[] = []

/** Text that is registered is sent as its id, each on a connection that is still the lane's. */
const byId: Fetch = (url, init = {}) => {
  const members = membersOf(init)
  const id = IDS.get(members?.query)
  if (id === undefined) return fetch(url, init)
  const dispatcher = new Agent()
  agents.push(dispatcher)
  const body = JSON.stringify({ ...members, query: undefined, documentId: id })
  return fetchThrough(url, { ...init, body, dispatcher } as never) as never
}

const withProof: Fetch = (url, init = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, 'apollo-require-preflight': '1' } })

const nameOf = ({ id, name }: AuditResult): string => `${id} ${name}`

const unmetOf = (results: readonly AuditResult[]): Record<string, string> =>
  Object.fromEntries(
    results.filter(({ status }) => status !== 'ok').map(result => [nameOf(result), result.status]),
  )

const expected = (reasons: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    Object.entries(UNMET)
      .filter(([, [, why]]) => reasons.includes(why))
      .map(([name, [level]]) => [name, level]),
  )

describe('GraphQL over HTTP', () => {
  let door: Door
  let url: string
  beforeAll(async () => {
    door = await open({ manifest: REGISTERED, explorers: false }, true)
    url = `http://127.0.0.1:${door.port}/graphql`
  })
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.destroy()
  })
  afterAll(() => door.graph.gateway.close())

  test.each<[string, Fetch, readonly string[]]>([
    ['by text, through Apollo Server', throughApollo, [ONE_STATUS, NO_PROOF]],
    ['by text, by whichever way it takes', fetch as Fetch, [ONE_STATUS, NO_PROOF]],
    ['by id, through the express lane', byId, [ONE_STATUS, NO_PROOF]],
    ['by text, with the proof that a GET must bring', withProof, [ONE_STATUS]],
  ])('%s', async (_, fetchFn, reasons) => {
    const results = await auditServer({ url, fetchFn })
    expect(results).toHaveLength(AUDITS)
    expect(results.filter(({ status }) => status === 'error').map(nameOf)).toEqual([])
    expect(unmetOf(results)).toEqual(expected(reasons))
  })

  test('what is asked by id is answered at the socket', async () => {
    door.nodes.count = 0
    let sent = 0
    let named = 0
    await auditServer({
      url,
      fetchFn: (to: string, init: RequestInit = {}) => {
        sent++
        const { query, variables, extensions, operationName = null } = membersOf(init) ?? {}
        const isTyped = new Headers(init.headers).get('content-type')?.startsWith('application/json')
        const isWellFormed = [variables, extensions].every(
          value =>
            value === null || value === undefined || (typeof value === 'object' && !Array.isArray(value)),
        )
        if (
          IDS.has(query) &&
          isTyped &&
          isWellFormed &&
          (operationName === null || typeof operationName === 'string')
        )
          named++
        return byId(to, init)
      },
    })
    expect(named).toBeGreaterThan(15)
    expect(door.nodes.count).toBe(sent - named)
  })
})
