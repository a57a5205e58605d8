import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { converse, type Door, open, post } from '../../harness/lane-pair.ts'
import { hashOf, OPERATIONS } from '../../harness/tiny-graph.ts'

/** With the safelist in force no subgraph is ever asked for anything but what the manifest's operations ask for. */

const RUNS = 400
const KNOWN = Object.entries(OPERATIONS).filter(([name]) => name !== 'Slow')
const VARIABLES = {
  id: 'product_1',
  first: 2,
  code: 'BAD_ID',
  text: 'a',
  input: { campaignId: 'a', orderId: 'a' },
}

/** What may be done to a text, most of which makes another operation of it. */
const CHANGES: readonly ((text: string) => string)[] = [
  text => text,
  text => `# ${text}\n${text}`,
  text => text.replaceAll(' ', ' ,\n'),
  text => text.replace('{', '{ __typename '),
  text => text.replace('{', '{ more: who '),
  text => text.replace(/\}\s*$/, '... on Query { who } }'),
  text => text.replace(/query (\w+)/, 'query Other$1'),
  text => text.replace(/(query|mutation) \w+/, '$1'),
  text => text.replace('query', 'mutation'),
  text => text.replace(/\$(\w+)/g, '$$x$1'),
  text => text.replace(/who/g, 'echo(text: "injected")'),
  text => `${text} query Second { deep { leaf } }`,
  text => `query Second { deep { leaf } } ${text}`,
  text => `${text} fragment Unused on Query { who }`,
  text => text.replace('{', '{ ...F ').concat(' fragment F on Query { deep { leaf } }'),
  text => text.replace('{', '@include(if: true) {'),
  text => text.slice(0, -1),
  text => `${text}}`,
  () => '{ __schema { queryType { name } } deep { leaf } }',
  () => 'query A { __typename } query Second { deep { leaf } }',
  () => '{ ...F } fragment F on Query { __typename ...F deep { leaf } }',
  () => '{ __typename: echo(text: "injected") }',
  () => 'mutation { claim(input: { campaignId: "a" }) { __typename } }',
  () => '{ __schema { queryType { name } } }',
]

const texts = fc
  .tuple(
    fc.constantFrom(...KNOWN.map(([, text]) => text)),
    fc.array(fc.nat(CHANGES.length - 1), { maxLength: 3 }),
  )
  .map(([text, changes]) => changes.reduce((changed, change) => CHANGES[change]!(changed), text))

const named = fc.record({
  text: texts,
  hashed: texts,
  operationName: fc.constantFrom('Who', 'Second', 'A', 'OtherWho'),
  isForeign: fc.boolean(),
  names: fc.constantFrom('text', 'hash', 'document', 'both', 'text and its hash'),
  door: fc.constantFrom('socket', 'post', 'get'),
  hasName: fc.boolean(),
})
type Named = typeof named extends fc.Arbitrary<infer Value> ? Value : never

function bodyOf({ text, hashed, names, operationName, hasName, isForeign }: Named): object {
  const sha256Hash = hashOf(names === 'text and its hash' ? text : hashed)
  const isHashed = names === 'hash' || names === 'both' || names === 'text and its hash'
  const extensions = {
    ...(isForeign ? { somebodys: 1 } : {}),
    ...(isHashed ? { persistedQuery: { version: 1, sha256Hash } } : {}),
  }
  return {
    ...(names === 'text' || names === 'both' || names === 'text and its hash' ? { query: text } : {}),
    ...(names === 'document' ? { documentId: `sha256:${sha256Hash}` } : {}),
    ...(hasName ? { operationName } : {}),
    variables: VARIABLES,
    extensions,
  }
}

let door: Door
/** What the manifest's operations ask subgraphs for. */
let allowed: ReadonlySet<string>

beforeAll(async () => {
  door = await open({ safelist: 'enforce', explorers: false }, true)
  for (const [, text] of KNOWN)
    await door.graph.gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload: { documentId: `sha256:${hashOf(text)}`, variables: VARIABLES },
    })
  allowed = new Set(door.graph.executed)
})
afterAll(() => door.graph.gateway.close())

async function ask(asked: Named): Promise<void> {
  const body = bodyOf(asked)
  const { app } = door.graph.gateway
  if (asked.door === 'socket') await converse(door, [post(JSON.stringify(body))], 1)
  else if (asked.door === 'post') await app.inject({ method: 'POST', url: '/graphql', payload: body })
  else {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(body))
      search.append(name, typeof value === 'string' ? value : JSON.stringify(value))
    await app.inject({
      url: `/graphql?${search}`,
      headers: { 'content-type': 'application/json' },
    })
  }
}

test('whatever is asked, through whichever door', async () => {
  expect(allowed.size).toBeGreaterThan(KNOWN.length / 2)
  let ran = 0
  await fc.assert(
    fc.asyncProperty(named, async asked => {
      door.graph.executed.length = 0
      await ask(asked)
      expect(door.graph.executed.filter(operation => !allowed.has(operation))).toEqual([])
      if (door.graph.executed.length > 0) ran++
    }),
    { numRuns: RUNS, seed: 4 },
  )
  // Not because nothing was run at all.
  expect(ran).toBeGreaterThan(RUNS / 20)
})
