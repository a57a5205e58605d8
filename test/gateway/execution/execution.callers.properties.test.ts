import assert from 'node:assert/strict'
import { buildSubgraphSchema } from '@apollo/subgraph'
import fc from 'fast-check'
import { type DocumentNode, execute, parse } from 'graphql'
import { test } from 'vitest'
import { createCachePolicies } from '../../../gateway/cache/policy/policy.ts'
import { compileOperation } from '../../../gateway/execution/operation.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { SharingClient } from '../../../protocol/sharing-client.ts'
import type { SubgraphClient } from '../../../protocol/subgraph-client.ts'
import { keptFetches } from '../cache/fetches/kept-fetches.ts'
import { shopper } from '../cache/fetches/scripted-fetch.ts'
import { annotated } from '../cache/policy/annotated-graph.ts'
import { deepFreeze, type Resolvers } from './world.ts'

/** What a schema says of one field. */
const HINTS = {
  everybodys: '@cacheControl(maxAge: 60, scope: PUBLIC)',
  callers: '@cacheControl(maxAge: 60, scope: PRIVATE)',
  'callers, by default': '@cacheControl(maxAge: 60)',
  'everybodys, not kept': '@cacheControl(maxAge: 0, scope: PUBLIC)',
  nobodySaid: '',
} as const
type Hint = keyof typeof HINTS

/** Query.* and, of items, one subgraph's fields and another's. */
const FIELDS = ['text', 'other', 'item', 'items', 'a0', 'a1', 'b0', 'b1', 'b2'] as const
type Hints = Readonly<Record<(typeof FIELDS)[number], Hint>>

const CALLERS: readonly Caller[] = [shopper('alice'), shopper('alice', 'partner'), shopper('bob'), ANONYMOUS]

/** Alike for the same shopper through another client it is not: a program sees what it may see. */
const nameOf = (caller: Caller): string => `${caller.shopperId ?? caller.kind} by ${caller.client}`
const PUBLIC: readonly Hint[] = ['everybodys', 'everybodys, not kept']
const toldTo = (hint: Hint, caller: Caller): string => (PUBLIC.includes(hint) ? 'everybody' : nameOf(caller))

function sdlsOf(hints: Hints): Record<'a' | 'b', string> {
  const field = (name: keyof Hints, type: string, args = '') =>
    `${name}${args}: ${type} ${HINTS[hints[name]]}`
  return {
    a: `type Query { ${field('text', 'String', '(n: Int)')} ${field('other', 'String')} ${field('item', 'Item')} ${field('items', '[Item!]')} }
      type Item @key(fields: "id") { id: ID! @cacheControl(maxAge: 60, scope: PUBLIC) ${field('a0', 'String')} ${field('a1', 'String')} }`,
    b: `type Item @key(fields: "id") { id: ID! @cacheControl(maxAge: 60, scope: PUBLIC) ${field('b0', 'String')} ${field('b1', 'String', '(n: Int)')} ${field('b2', 'String')} }`,
  }
}

/** What a subgraph is to itself: what is said of its fields is for the gateway. */
const typeDefsOf = (sdl: string): DocumentNode =>
  parse(
    `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
    ${sdl.replaceAll(/@cacheControl\([^)]*\)/g, '')}`,
  )

/** Every value names whom it is for, and every field that is not PUBLIC is for its caller alone. */
function clientsOf(hints: Hints): Map<string, SubgraphClient> {
  const told = (name: keyof Hints) => (_source: unknown, _args: unknown, caller: Caller) =>
    `${name} for ${toldTo(hints[name], caller)}`
  const leaves = (names: readonly (keyof Hints)[]) =>
    Object.fromEntries(names.map(name => [name, told(name)]))
  const resolvers: Record<'a' | 'b', Resolvers> = {
    a: {
      Query: {
        ...leaves(['text', 'other']),
        item: () => ({ id: 'item' }),
        items: (_source: unknown, _args: unknown, caller: Caller) =>
          [1, 2].map(n => ({ id: `${n} for ${toldTo(hints.items, caller)}` })),
      },
      Item: leaves(['a0', 'a1']),
    },
    b: { Item: { ...leaves(['b0', 'b1', 'b2']), __resolveReference: ({ id }: { id: string }) => ({ id }) } },
  }
  const sdls = sdlsOf(hints)
  return new Map(
    (['a', 'b'] as const).map(name => {
      const schema = buildSubgraphSchema([{ typeDefs: typeDefsOf(sdls[name]), resolvers: resolvers[name] }])
      const client: SubgraphClient = {
        name,
        async execute({ operation, variables, caller }) {
          const document = parse(operation)
          const result = await execute({ schema, document, variableValues: variables, contextValue: caller })
          return deepFreeze(JSON.parse(JSON.stringify(result)))
        },
        ready: async () => {},
        close: async () => {},
      }
      return [name, new SharingClient(client)]
    }),
  )
}

const ITEM_FIELDS = ['id', 'a0', 'a1', 'b0', 'b1', 'b2']
const subset = (names: readonly string[]) => fc.subarray([...names], { minLength: 1 })
const query = fc
  .record({
    root: fc.subarray(['text', 'other', 'one: text(n: 1)', 'item', 'items', 'again: item'], { minLength: 1 }),
    item: subset(ITEM_FIELDS),
    items: subset([...ITEM_FIELDS, 'n: b1(n: $n)']),
  })
  .map(({ root, item, items }) => {
    const selected = root.map(field => {
      if (field === 'items') return `items { ${items.join(' ')} }`
      return field.endsWith('item') ? `${field} { ${item.join(' ')} }` : field
    })
    return `query ($n: Int) { ${selected.join(' ')} }`
  })
const asked = fc.record({ text: query, caller: fc.constantFrom(...CALLERS), n: fc.constantFrom(1, 2) })
const step = fc.record({
  together: fc.array(asked, { minLength: 1, maxLength: 5 }),
  forwardMs: fc.constantFrom(0, 0, 30_000, 60_000, 120_000),
})
const hints = fc.record(
  Object.fromEntries(FIELDS.map(name => [name, fc.constantFrom(...(Object.keys(HINTS) as Hint[]))])),
) as fc.Arbitrary<Hints>

/** Every value names its field, or is an id of `items`, and says whom it is for. */
function rightly(data: unknown, caller: Caller, hinted: Hints): void {
  JSON.stringify(data, (_key, value) => {
    const told = typeof value === 'string' ? /^(\w+) for (.*)$/.exec(value) : null
    const name = told?.[1] as keyof Hints | undefined
    const hint = name !== undefined && name in hinted ? hinted[name] : hinted.items
    if (told !== null) assert.equal(told[2], toldTo(hint, caller))
    return value
  })
}

test('shoppers never see one another, whatever is kept of them, asks together, and is stale', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(hints, fc.array(step, { minLength: 2, maxLength: 5 }), async (hinted, steps) => {
      const supergraph = loadSupergraph(annotated(sdlsOf(hinted)).sdl)
      const clients = clientsOf(hinted)
      const { caching, clock, watch } = keptFetches({ policies: createCachePolicies(supergraph) })
      for (const { together, forwardMs } of steps) {
        clock.forward(forwardMs)
        await Promise.all(
          together.map(async ({ text, caller, n }) => {
            const operation = compileOperation(supergraph, parse(text))
            const { data, errors } = await operation.execute({
              variables: operation.coerceVariables({ n }),
              caller,
              deadlineMs: deadlineIn(10_000),
              priority: 'BROWSE',
              clients,
              cache: caching.begin(),
            })
            assert.deepEqual(errors, [])
            rightly(data, caller, hinted)
          }),
        )
      }
      assert.deepEqual(watch.errors, [])
    }),
    { seed: 20_261_121, numRuns: 100 },
  )
})
