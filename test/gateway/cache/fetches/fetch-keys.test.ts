import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../../../gateway/cache/canonical.ts'
import { askedOf, baseOf, createEntityKeyOf, keyOf } from '../../../../gateway/cache/fetches/fetch-keys.ts'
import { ANONYMOUS } from '../../../../protocol/caller.ts'
import { asker, fetchOf, product, shopper } from './scripted-fetch.ts'

const FETCH = fetchOf('{ top { name } }')

/** Everything that an answer depends on. */
interface What {
  readonly service: string
  readonly schemaHash: string
  readonly rootKey: string | undefined
  readonly operation: string
  readonly variables: Record<string, unknown>
  readonly headers: Record<string, string> | undefined
  readonly caller: string | undefined
  readonly representation: object | undefined
}

function keyFor({
  service,
  schemaHash,
  rootKey,
  operation,
  variables,
  headers,
  caller,
  representation,
}: What) {
  const fetch = { ...FETCH, service, operation }
  const asked = askedOf(
    fetch,
    asker({
      caller: caller === undefined ? ANONYMOUS : shopper(caller),
      headersFor: headers && (() => headers),
    }),
    variables,
    caller === undefined ? 'PUBLIC' : 'PRIVATE',
  )!
  const base = baseOf(fetch, schemaHash, rootKey)
  return representation === undefined
    ? keyOf('Query.top', base, asked)
    : createEntityKeyOf()('Product', base, asked, representation)!
}

/** Few letters, and those that stand between parts. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '#', '"', ' ', '{', '}', ':'), maxLength: 4 })
const some = fc.dictionary(
  text,
  fc.oneof(text, fc.integer({ max: 2, min: 0 }), fc.constant('x'.repeat(300))),
  { maxKeys: 2 },
)
const what: fc.Arbitrary<What> = fc.record({
  service: text,
  schemaHash: text,
  rootKey: fc.option(text, { nil: undefined }),
  operation: text,
  variables: some,
  headers: fc.option(fc.dictionary(text, text, { maxKeys: 2 }), { nil: undefined }),
  caller: fc.option(text, { nil: undefined }),
  representation: fc.option(some, { nil: undefined }),
})

/** Whether both stand for the same: written out, each part by itself. */
const sameAs = (one: What): string =>
  JSON.stringify([
    one.service,
    one.schemaHash,
    one.rootKey ?? null,
    one.operation,
    canonicalJson(one.variables),
    one.headers === undefined ? null : canonicalJson(one.headers),
    one.caller ?? null,
    one.representation === undefined ? null : canonicalJson(one.representation),
  ])

test('two keys are equal exactly when everything that they stand for is', () => {
  fc.assert(
    fc.property(
      what,
      what,
      fc.subarray([
        'service',
        'operation',
        'variables',
        'headers',
        'caller',
        'representation',
        'rootKey',
        'schemaHash',
      ] as const),
      (one, other, copied) => {
        // Two that differ in everything say little: most of it is made the same.
        const near = { ...one }
        for (const name of copied) Object.assign(near, { [name]: other[name] })
        expect(keyFor(one) === keyFor(near)).toBe(sameAs(one) === sameAs(near))
      },
    ),
    { seed: 5, numRuns: 5_000 },
  )
})

describe('keys', () => {
  test('begin with what their metrics go by', () => {
    expect(keyOf('Query.top', 'b'.repeat(22), '{}\n\n')).toMatch(/^Query\.top b{22}\{/)
  })

  test('are short, whatever they stand for', () => {
    const long = { id: 'x'.repeat(10_000) }
    const asked = askedOf(FETCH, asker(), long, 'PUBLIC')!
    expect(keyOf('Query.top', baseOf(FETCH, 'h', undefined), asked).length).toBeLessThan(300)
    const key = createEntityKeyOf()('Product', baseOf(FETCH, 'h', 'a'), asked, long)!
    expect(key.length).toBeLessThan(300)
  })

  test('show neither a caller nor the headers that a subgraph is shown', () => {
    const by = asker({ caller: shopper('alice'), headersFor: () => ({ authorization: 'Bearer secret' }) })
    expect(askedOf(FETCH, by, {}, 'PRIVATE')).not.toMatch(/alice|secret|authorization/)
  })

  test("are a caller's own only if the answer is", () => {
    const of = (caller: ReturnType<typeof shopper>, scope: 'PUBLIC' | 'PRIVATE') =>
      askedOf(FETCH, asker({ caller }), {}, scope)
    expect(of(shopper('alice'), 'PUBLIC')).toBe(of(shopper('bob'), 'PUBLIC'))
    expect(of(shopper('alice'), 'PRIVATE')).not.toBe(of(shopper('bob'), 'PRIVATE'))
    expect(of(shopper('alice'), 'PRIVATE')).toBe(of({ ...shopper('alice') }, 'PRIVATE'))
  })
})

test('one writer writes each representation as any other writer would', () => {
  const representation = fc.oneof(
    fc.nat(3).map(id => product(String(id))),
    fc.nat(3).map(id => ({ id: String(id), __typename: 'Product' })),
    fc.record({
      __typename: fc.constant('Product'),
      id: fc.nat(2),
      price: fc.option(fc.record({ fen: fc.nat(2) })),
    }),
    fc.constant({}),
    fc.constant({ __typename: 'Product', at: new Date(0) }),
    fc.constant({ __typename: 'Product', id: undefined }),
    fc.constant({ __typename: 'Product', id: 1n }),
  )
  const given = fc.tuple(
    fc.constantFrom('Product', 'Seller'),
    fc.constantFrom('{}\n\n', '{"a":1}\n\n'),
    representation,
  )
  fc.assert(
    fc.property(fc.array(given, { minLength: 2, maxLength: 12 }), all => {
      const one = createEntityKeyOf()
      for (const [label, asked, each] of all)
        expect(one(label, 'b'.repeat(22), asked, each)).toBe(
          createEntityKeyOf()(label, 'b'.repeat(22), asked, each),
        )
    }),
    { seed: 5, numRuns: 500 },
  )
})
