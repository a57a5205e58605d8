import { describe, expect, test } from 'vitest'
import { createCachePolicies } from '../../../../gateway/cache/policy/policy.ts'
import type { PolicyTable } from '../../../../gateway/cache/policy/policy-table.ts'
import { annotated, fetchOf } from './annotated-graph.ts'

const SHOP = `
  type Query {
    product(id: ID!, filter: Filter, list: [Filter!], ids: [ID!] = ["d1", "d2"]): Product @cacheControl(maxAge: 60, scope: PUBLIC)
    products(first: Int = 10): [Product!]! @cacheControl(maxAge: 30, scope: PUBLIC)
    node(id: ID!): Node @cacheControl(maxAge: 20, scope: PUBLIC)
    any: [Any!]! @cacheControl(maxAge: 20, scope: PUBLIC)
    me: Shopper
    secret: Int @authenticated
    half: Half
    mine: Int @cacheControl(maxAge: 5)
    sealed: Sealed
    plain: Plain @cacheControl(maxAge: 5, scope: PUBLIC)
  }
  type Mutation {
    rename(input: RenameInput!): RenameResult
    setStock(sku: ID!, level: Int): Product
    claim(input: RenameInput!): Claimed
    forget(tags: [String!]): Boolean
  }
  input RenameInput { id: ID!  to: Target = {shop: "s0"}  many: [Target!] }
  input Target { shop: ID = "s1" }
  input Filter { shop: ID  inner: Filter }
  union RenameResult = Renamed | Refused
  type Renamed { product: Product! }
  type Refused { why: String }
  type Claimed { coupon: Coupon  product: Product }
  interface Node @cacheControl(maxAge: 20, scope: PUBLIC) { id: ID! }
  type Product implements Node @key(fields: "id") @cacheControl(maxAge: 60, scope: PUBLIC) {
    id: ID!  name: String  shop: Shop  stock: Int @cacheControl(maxAge: 5, scope: PUBLIC)  coupon: Coupon
  }
  type Shop implements Node @key(fields: "id") @cacheControl(maxAge: 300, scope: PUBLIC) { id: ID!  name: String }
  type Pair @key(fields: "a b") @cacheControl(maxAge: 60, scope: PUBLIC) { a: ID!  b: ID! }
  type Coupon @key(fields: "id") { id: ID!  product: Product @cacheControl(maxAge: 0) }
  type Shopper @key(fields: "id") { id: ID!  name: String }
  type Half { open: Int  shut: Int @authenticated }
  type Sealed @policy(policies: [["p"]]) { a: Int }
  union Any @cacheControl(maxAge: 20, scope: PUBLIC) = Product | Shop
  interface Plain @cacheControl(maxAge: 5, scope: PUBLIC) { text: String }
  type Note implements Plain @cacheControl(maxAge: 5, scope: PUBLIC) { text: String }
  type Memo implements Plain @cacheControl(maxAge: 5, scope: PUBLIC) { text: String }
  enum Level { LOW }
`
const supergraph = annotated({ shop: SHOP })

describe('a table that cannot be kept to', () => {
  const wrong = (table: PolicyTable): string => {
    try {
      createCachePolicies(supergraph, table)
    } catch (error) {
      const [title, ...problems] = (error as Error).message.split('\n')
      expect(title).toBe("The cache's policies are not right:")
      return problems.join('\n')
    }
    return 'nothing'
  }

  test.each<[string, PolicyTable, string]>([
    [
      'a field that is none',
      { 'Query.nope': {} },
      'Query.nope: expected a field of the supergraph, whose Query has no field nope',
    ],
    [
      'a field of no type',
      { 'Nope.a': {} },
      'Nope.a: expected a field of the supergraph, which has no type Nope',
    ],
    [
      'a type that is none',
      { Nope: {} },
      'Nope: expected a field such as Query.campaign, or a type, of the supergraph, got neither',
    ],
    [
      'a path',
      { 'Query.product.id': {} },
      'Query.product.id: expected a field such as Query.campaign, or a type, of the supergraph, got neither',
    ],
    [
      'a union',
      { Any: { freshMs: 1 } },
      'Any: expected an object or interface type, got a type that is a union',
    ],
    ['an enum', { Level: {} }, 'Level: expected an object or interface type, got a type that is an enum'],
    [
      'a field of an input object',
      { 'Filter.shop': {} },
      'Filter.shop: expected an object or interface type, got a type that is an input object',
    ],
    [
      'freshness of a mutation',
      { 'Mutation.rename': { freshMs: 0, scope: 'PUBLIC' } },
      'Mutation.rename: expected no freshMs on a mutation, which is never kept\nMutation.rename: expected no scope on a mutation, which is never kept',
    ],
    [
      'references of a mutation',
      { 'Mutation.rename': { references: ['a'] } },
      'Mutation.rename: expected no references on a mutation, which is never kept',
    ],
    [
      'invalidates of a query',
      { 'Query.product': { invalidates: ['a'] } },
      'Query.product: expected invalidates on a field of Mutation only',
    ],
    [
      'invalidates of a type',
      { Mutation: { invalidates: ['a'] } },
      'Mutation: expected invalidates on a field of Mutation only',
    ],
    [
      'references of a field within',
      { 'Product.name': { references: ['a'] } },
      'Product.name: expected references on a root field or an entity type only, got a field of another type',
    ],
    [
      'references of a type without a key',
      { Refused: { references: ['a'] } },
      'Refused: expected references on a root field or an entity type only, got a type without a key',
    ],
    [
      'PUBLIC under a guard',
      { 'Query.secret': { scope: 'PUBLIC' } },
      'Query.secret: expected no scope PUBLIC on what only some callers may see',
    ],
    [
      'PUBLIC on what returns a guarded type',
      { 'Query.sealed': { scope: 'PUBLIC' } },
      'Query.sealed: expected no scope PUBLIC on what only some callers may see',
    ],
    [
      'PUBLIC on a guarded type',
      { Sealed: { scope: 'PUBLIC' } },
      'Sealed: expected no scope PUBLIC on what only some callers may see',
    ],
    [
      'PUBLIC where the schema says otherwise',
      { 'Query.mine': { scope: 'PUBLIC' } },
      'Query.mine: expected no scope PUBLIC where the schema says PRIVATE',
    ],
    [
      'an argument that is none',
      { 'Query.product': { references: ['P:{args.nope}'] } },
      'Query.product: references "P:{args.nope}": expected {args.nope} to lead to a scalar, nope is not an argument of Query.product',
    ],
    [
      'a member that is none',
      { 'Query.product': { references: ['P:{args.filter.nope}'] } },
      'Query.product: references "P:{args.filter.nope}": expected {args.filter.nope} to lead to a scalar, nope is not a field of Filter',
    ],
    [
      'a path beyond a scalar',
      { 'Query.product': { references: ['P:{args.id.x}'] } },
      'Query.product: references "P:{args.id.x}": expected {args.id.x} to lead to a scalar, x is not a field of ID',
    ],
    [
      'an input object',
      { 'Query.product': { references: ['P:{args.filter}'] } },
      'Query.product: references "P:{args.filter}": expected {args.filter} to lead to a scalar, got the input type Filter',
    ],
    [
      'a result that is none',
      { 'Query.product': { references: ['P:{result.shop.nope}'] } },
      'Query.product: references "P:{result.shop.nope}": expected {result.shop.nope} to lead to a scalar, nope is not a field of Shop',
    ],
    [
      'an object for a tag',
      { 'Query.product': { references: ['P:{result.shop}'] } },
      'Query.product: references "P:{result.shop}": expected {result.shop} to lead to a scalar, got the type Shop',
    ],
    [
      'of an entity what it has not',
      { Shop: { references: ['P:{args.nope}'] } },
      'Shop: references "P:{args.nope}": expected {args.nope} to lead to a scalar, nope is not a field of Shop',
    ],
    [
      'references without a prefix',
      { 'Query.product': { references: ['{args.id}'] } },
      'Query.product: references "{args.id}": expected a prefix and a colon before the first placeholder, such as shop:{args.id}',
    ],
    [
      'a placeholder from nowhere',
      { 'Query.product': { references: ['P:{env.PATH}'] } },
      'Query.product: references "P:{env.PATH}": expected placeholders such as {args.id} or {result.shop.id}, got {env.PATH}',
    ],
    [
      'a blank',
      { 'Query.product': { references: ['a b'] } },
      'Query.product: references "a b": expected visible characters without blanks, { } or * beside placeholders',
    ],
    [
      'a brace too many',
      { 'Query.product': { references: ['a}'] } },
      'Query.product: references "a}": expected visible characters without blanks, { } or * beside placeholders',
    ],
    [
      'two wrong keys',
      { 'Query.a': {}, 'Query.b': {} },
      'Query.a: expected a field of the supergraph, whose Query has no field a\nQuery.b: expected a field of the supergraph, whose Query has no field b',
    ],
  ])('is refused: %s', (_, table, message) => {
    expect(wrong(table)).toBe(message)
  })

  test('does not keep others from starting', () => {
    expect(
      wrong({
        'Query.product': {
          references: ['P:{args.filter.inner.shop}', 'P:{args.ids}', 'P:{result.shop.id}', 'all'],
        },
        'Query.me': { scope: 'PUBLIC', freshMs: 5 },
        Product: { references: ['shop:{result.shop.id}', 'p:{args.id}'], freshMs: 9 },
        Node: { staleMs: 1 },
        // Of it only what is under no guard is opened.
        Half: { scope: 'PUBLIC' },
        'Mutation.rename': { invalidates: ['{args.input.to.shop}', 'Product:{result.product.id}', 'all'] },
      }),
    ).toBe('nothing')
  })
})

describe('a fetch', () => {
  const policies = createCachePolicies(supergraph)
  const brief = (text: string, table?: PolicyTable): unknown => {
    const policy = (table ? createCachePolicies(supergraph, table) : policies).ofRoot(fetchOf(text))
    return policy && [policy.scope, policy.freshMs, policy.staleMs]
  }

  test.each<[string, string, unknown]>([
    ['is as fresh as the strictest of it', '{ product(id: 1) { id name } }', ['PUBLIC', 60_000, 60_000]],
    ['counts a field within', '{ product(id: 1) { id shop { name } stock } }', ['PUBLIC', 5_000, 50_000]],
    ['counts its other root fields', '{ product(id: 1) { id } products { id } }', ['PUBLIC', 30_000, 60_000]],
    ['is PRIVATE by one field', '{ product(id: 1) { id } mine }', ['PRIVATE', 5_000, 50_000]],
    ['is not kept with what is unannotated', '{ product(id: 1) { id coupon { id } } }', undefined],
    ['is not kept without fields', '{ __typename }', undefined],
    [
      'of entities is none of root fields',
      '{ _entities(representations: []) { ... on Product { name } } }',
      undefined,
    ],
    ['that changes something is not kept', 'mutation { setStock(sku: 1) { id } }', undefined],
  ])('%s', (_, text, expected) => {
    expect(brief(text)).toEqual(expected)
  })

  test('obeys the table before the schema', () => {
    const text = '{ product(id: 1) { id name } }'
    expect(brief(text, { 'Query.product': { freshMs: 0 } })).toBeUndefined()
    expect(brief(text, { 'Query.product': { freshMs: 100 } })).toEqual(['PUBLIC', 100, 1000])
    expect(brief(text, { Product: { freshMs: 200, staleMs: 0 } })).toEqual(['PUBLIC', 200, 0])
    expect(brief(text, { 'Product.name': { scope: 'PRIVATE' } })).toEqual(['PRIVATE', 60_000, 60_000])
    expect(brief('{ me { name } }', { 'Query.me': { freshMs: 7 }, 'Shopper.name': { freshMs: 8 } })).toEqual([
      'PRIVATE',
      7,
      70,
    ])
    expect(
      brief('{ me { name } }', {
        'Query.me': { freshMs: 7, scope: 'PUBLIC' },
        Shopper: { freshMs: 8, scope: 'PUBLIC' },
      }),
    ).toEqual(['PUBLIC', 7, 70])
  })

  test('is counted by its root fields, or by the types of its entities', () => {
    expect(
      policies.ofRoot(fetchOf('{ a: product(id: 1) { id } b: product(id: 2) { id } products { id } }'))
        ?.fields,
    ).toEqual(['Query.product', 'Query.products'])
    const entities = fetchOf(
      'query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { stock } ... on Shop { name } } }',
    )
    expect(policies.ofEntities(entities, '_entities')).toMatchObject({
      fields: ['Product', 'Shop'],
      freshMs: 5_000,
      scope: 'PUBLIC',
    })
  })

  test('of several lists of entities has a policy for each', () => {
    const batch = fetchOf(
      'query($a: [_Any!]!) { p: _entities(representations: $a) { ... on Product { stock } } s: _entities(representations: $a) { ... on Shop { name } } m: _entities(representations: $a) { ... on Shopper { name } } }',
    )
    expect(policies.ofEntities(batch, 'p')?.freshMs).toBe(5_000)
    expect(policies.ofEntities(batch, 's')?.freshMs).toBe(300_000)
    expect(policies.ofEntities(batch, 'm')).toBeUndefined()
    expect(policies.ofEntities(batch, '_entities')).toBeUndefined()
  })

  test('may keep something PRIVATE only where the schema or the table has it', () => {
    expect(policies.keepsPrivate).toBe(true)
    expect(createCachePolicies(supergraph, { 'Query.mine': { freshMs: 0 } }).keepsPrivate).toBe(false)
  })
})

describe('tags of an answer', () => {
  const tagsOf = (text: string, data: unknown, variables = {}, table?: PolicyTable): string[] =>
    createCachePolicies(supergraph, table).ofRoot(fetchOf(text))!.tagsOf(data, variables).sort()

  test('are its types and its entities by their keys, under whatever names they are asked for', () => {
    expect(
      tagsOf('{ p: products { ...F shop { n: name i: id } } } fragment F on Product { key: id }', {
        p: [
          { key: '1', shop: { n: 'a', i: 's1' } },
          { key: 2, shop: null },
        ],
      }),
    ).toEqual(['Product', 'Product:1', 'Product:2', 'Shop', 'Shop:s1'])
  })

  test('are the types also where nothing was found', () => {
    expect(tagsOf('{ product(id: 1) { shop { id } } }', { product: null })).toEqual(['Product', 'Shop'])
  })

  test('say "any of them" where an entity is shown without its key', () => {
    expect(tagsOf('{ product(id: 1) { name } }', { product: { name: 'a' } })).toEqual([
      'Product',
      'Product:*',
    ])
  })

  test('know an object of an interface by its __typename', () => {
    const text = '{ node(id: 1) { __typename id ... on Shop { name } } }'
    expect(tagsOf(text, { node: { __typename: 'Product', id: '1' } })).toEqual([
      'Node',
      'Product',
      'Product:1',
      'Shop',
    ])
    expect(tagsOf(text, { node: { __typename: 'Shop', id: '1', name: '' } })).toEqual([
      'Node',
      'Shop',
      'Shop:1',
    ])
  })

  test('know an object that is no entity by its __typename too', () => {
    expect(tagsOf('{ plain { __typename text } }', { plain: { __typename: 'Note', text: '' } })).toEqual([
      'Note',
      'Plain',
    ])
    expect(tagsOf('{ plain { text } }', { plain: { text: '' } })).toEqual(['Memo', 'Note', 'Plain'])
  })

  test.each([
    ['query($s: Boolean!) { plain { ... @skip(if: $s) { __typename } text } }'],
    ['query($s: Boolean!) { plain { __typename @skip(if: $s) text } }'],
    ['query($s: Boolean!) { plain { text ...F @skip(if: $s) } } fragment F on Plain { __typename }'],
    ['query($s: Boolean!) { plain @skip(if: $s) { __typename } plain { text } }'],
    ['query($s: Boolean!) { plain { __typename @skip(if: $s) text __typename @include(if: $s) } }'],
  ])('count every type that an object may be that may not say it: %s', text => {
    expect(tagsOf(text, { plain: { text: '' } }, { s: true })).toEqual(['Memo', 'Note', 'Plain'])
  })

  test('name whatever an object may be that does not say it', () => {
    expect(tagsOf('{ node(id: 1) { id } }', { node: { id: '1' } })).toEqual([
      'Node',
      'Product',
      'Product:1',
      'Shop',
      'Shop:1',
    ])
  })

  test('know the objects of a union', () => {
    const text = '{ any { __typename ... on Product { id } ... on Shop { name } } }'
    expect(
      tagsOf(text, {
        any: [
          { __typename: 'Product', id: '7' },
          { __typename: 'Shop', name: '' },
        ],
      }),
    ).toEqual(['Any', 'Product', 'Product:7', 'Shop', 'Shop:*'])
  })

  test('are of at most 64 keys, those of the commonest type first become one', () => {
    const answer = { products: Array.from({ length: 64 }, (_, i) => ({ id: `p${i}`, shop: { id: 's1' } })) }
    const text = '{ products { id shop { id } } }'
    expect(tagsOf(text, { products: answer.products.slice(1) })).toHaveLength(63 + 1 + 2)
    expect(tagsOf(text, answer)).toEqual(['Product', 'Product:*', 'Shop', 'Shop:s1'])
  })

  test.each([['x'.repeat(250)], ['a b'], ['\u0000'], ['*'], ['']])(
    'stand for all keys where one is no tag: %j',
    key => {
      expect(tagsOf('{ product(id: 1) { id } }', { product: { id: key } })).toEqual(['Product', 'Product:*'])
    },
  )

  test('of an entity come from its representation too, whether it is found or not', () => {
    const fetch = fetchOf(
      'query($r: [_Any!]!) { e: _entities(representations: $r) { ... on Product { name shop { id } } ... on Shop { name } } }',
    )
    const policy = createCachePolicies(supergraph).ofEntities(fetch, 'e')!
    const representation = { __typename: 'Product', id: 'p1' }
    expect(policy.tagsOf({ name: 'a', shop: { id: 's1' } }, {}, representation).sort()).toEqual([
      'Product',
      'Product:p1',
      'Shop',
      'Shop:s1',
    ])
    expect(policy.tagsOf(null, {}, representation).sort()).toEqual(['Product', 'Product:p1', 'Shop'])
    expect(policy.tagsOf(null, {}, { __typename: 'Shop', id: 1 }).sort()).toEqual(['Shop', 'Shop:1'])
  })

  test('are of each item of a list in the text, whether written there or sent', () => {
    const table = { 'Query.product': { references: ['l:{args.list.shop}'] } }
    const text = 'query($s: ID) { product(id: 1, list: [{shop: "a"}, {shop: $s}]) { id } }'
    expect(tagsOf(text, { product: null }, { s: 'b' }, table)).toEqual(['Product', 'l', 'l:a', 'l:b'])
  })

  test('of an entity with a key of several fields are its type alone', () => {
    const fetch = fetchOf('query($r: [_Any!]!) { _entities(representations: $r) { ... on Pair { a b } } }')
    const policy = createCachePolicies(supergraph).ofEntities(fetch, '_entities')!
    expect(policy.tagsOf({ a: '1', b: '2' }, {}, { __typename: 'Pair', a: '1', b: '2' })).toEqual(['Pair'])
  })

  test('include what the table adds to a root field', () => {
    const references = [
      'P:{args.id}',
      'shop:{result.shop.id}',
      'f:{args.filter.inner.shop}-{args.ids}',
      'l:{args.list.shop}',
      'all',
    ]
    const table = { 'Query.product': { references } }
    expect(
      tagsOf(
        'query($id: ID!, $s: ID, $l: [Filter!]) { a: product(id: $id, filter: {inner: {shop: $s}}, list: $l) { shop { s: id } } b: product(id: 12345678901234567890) { shop { s: id } } }',
        { a: { shop: { s: 's1' } }, b: null },
        { id: 'p1', s: 'x', l: [{ shop: 'l1' }, { shop: null }, { shop: 'l2' }] },
        table,
      ).filter(tag => !/^(Product|Shop)/.test(tag)),
    ).toEqual([
      'P',
      'P:12345678901234567890',
      'P:p1',
      'all',
      'f',
      'f:x-d1',
      'f:x-d2',
      'l',
      'l:l1',
      'l:l2',
      'shop',
      'shop:s1',
    ])
  })

  test('include what the table adds to an entity type, wherever the entity is shown', () => {
    const table = { Product: { references: ['of:{result.shop.id}', 'by:{args.id}'] } }
    expect(
      tagsOf('{ products { id shop { id } } }', { products: [{ id: '1', shop: { id: 's1' } }] }, {}, table),
    ).toEqual(['Product', 'Product:1', 'Shop', 'Shop:s1', 'by', 'by:1', 'of', 'of:s1'])
    const fetch = fetchOf(
      'query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { shop { id } } } }',
    )
    const policy = createCachePolicies(supergraph, table).ofEntities(fetch, '_entities')!
    expect(policy.tagsOf({ shop: { id: 's1' } }, {}, { __typename: 'Product', id: '1' }).sort()).toEqual([
      'Product',
      'Product:1',
      'Shop',
      'Shop:s1',
      'by',
      'by:1',
      'of',
      'of:s1',
    ])
  })
})

describe('references to what an answer does not show', () => {
  const root: PolicyTable = { 'Query.product': { references: ['of:{result.shop.id}-{args.id}'] } }
  const entity: PolicyTable = { Product: { references: ['of:{result.shop.id}', 'by:{args.id}'] } }
  const rootTags = (text: string, data: unknown, table: PolicyTable): string[] =>
    createCachePolicies(supergraph, table)
      .ofRoot(fetchOf(text))!
      .tagsOf(data, {})
      .filter(tag => /^(of|by)/.test(tag))
      .sort()

  test.each<[string, string, unknown, PolicyTable, string[]]>([
    ['a field', '{ product(id: 1) { id } }', { product: { id: '1' } }, root, ['of', 'of:*']],
    [
      'a field of it',
      '{ product(id: 1) { shop { name } } }',
      { product: { shop: { name: '' } } },
      root,
      ['of', 'of:*'],
    ],
    [
      'what was skipped',
      '{ product(id: 1) { id shop @skip(if: true) { id } } }',
      { product: { id: '1' } },
      root,
      ['of', 'of:*'],
    ],
    [
      'an entity within',
      '{ products { name } }',
      { products: [{ name: '' }] },
      entity,
      ['by', 'by:*', 'of', 'of:*'],
    ],
    [
      'the shop of one type of two',
      '{ any { __typename ... on Shop { id } ... on Product { id } } }',
      { any: [{ __typename: 'Product', id: '1' }] },
      entity,
      ['by', 'by:1', 'of', 'of:*'],
    ],
  ])('are to any: %s', (_, text, data, table, tags) => {
    expect(rootTags(text, data, table)).toEqual(tags)
  })

  test.each<[string, string, unknown, PolicyTable]>([
    ['what is not there', '{ product(id: 1) { shop { id } } }', { product: { shop: null } }, root],
    ['nor what was not found', '{ product(id: 1) { id } }', { product: null }, root],
    ['of none of them', '{ products { name } }', { products: [] }, entity],
  ])('are to none: %s', (_, text, data, table) => {
    expect(rootTags(text, data, table)).toEqual([])
  })

  test('are to any of an entity that was asked for by another key', () => {
    const fetch = fetchOf(
      'query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { name } } }',
    )
    const policy = createCachePolicies(supergraph, entity).ofEntities(fetch, '_entities')!
    const tags = policy.tagsOf({ name: '' }, {}, { __typename: 'Product', sku: '1' })
    expect(tags.sort()).toEqual(['Product', 'Product:*', 'by', 'by:*', 'of', 'of:*'])
  })
})

describe('objects of an interface with a key', () => {
  const policies = createCachePolicies(
    annotated({
      shop: `
        type Query { book: Book @cacheControl(maxAge: 60, scope: PUBLIC) }
        interface Media @key(fields: "id") { id: ID! }
        type Book implements Media @key(fields: "id") @key(fields: "isbn") @cacheControl(maxAge: 60, scope: PUBLIC) { id: ID!  isbn: ID! }`,
      stars: `
        type Mutation { rate: Media }
        type Media @interfaceObject @key(fields: "id") { id: ID!  stars: Int @cacheControl(maxAge: 60, scope: PUBLIC) }`,
    }),
    { Media: { references: ['m:{result.id}'] } },
  )

  test('are known by its key too, and by what it refers to', () => {
    const book = policies.ofRoot(fetchOf('{ book { id isbn } }'))!
    expect(book.tagsOf({ book: { id: '1', isbn: '2' } }, {}).sort()).toEqual([
      ...['Book', 'Book:1', 'Book:2', 'Media', 'Media:1'],
      ...['m', 'm:1'],
    ])
  })

  test('are any of them by a subgraph that does not know which', () => {
    const fetch = fetchOf('query($r: [_Any!]!) { _entities(representations: $r) { ... on Media { stars } } }')
    const kept = policies.ofEntities(fetch, '_entities')!
    // By an isbn too, which nobody told.
    expect(kept.tagsOf({ stars: 1 }, {}, { __typename: 'Media', id: '1' }).sort()).toEqual([
      ...['Book', 'Book:*', 'Media', 'Media:1'],
      ...['m', 'm:*'],
    ])
    const rated = policies.ofMutation(fetchOf('mutation { rate { id stars } }', 'stars'))!
    expect(rated({}, { rate: { id: '1', stars: 2 } }).sort()).toEqual(['Book:1', 'Media:1'])
  })
})

describe('what a mutation makes void', () => {
  const ofMutation = (text: string, table?: PolicyTable) =>
    createCachePolicies(supergraph, table).ofMutation(fetchOf(text))

  test('is what of its answer may be kept', () => {
    const text =
      'mutation($i: RenameInput!) { r: rename(input: $i) { __typename ... on Renamed { product { id name shop { id } } } } }'
    const data = { r: { __typename: 'Renamed', product: { id: 'p1', name: 'a', shop: { id: 's1' } } } }
    // The shop is only referred to by a product: nothing is said of it.
    expect(ofMutation(text)!({}, data)).toEqual(['Product:p1'])
    // What a mutation answers with is what it has changed, however little of it is shown.
    const changed = ofMutation('mutation { setStock(sku: 1) { id } }')!
    expect(changed({}, { setStock: { id: 'p1' } })).toEqual(['Product:p1'])
    expect(ofMutation(text)!({}, { r: { __typename: 'Refused' } })).toEqual([])
    expect(ofMutation(text)!({}, { r: null })).toEqual([])
    expect(ofMutation(text)!({}, undefined)).toEqual([])
  })

  test('is nothing where nothing of its answer may be kept', () => {
    expect(ofMutation('mutation { claim(input: {id: 1}) { coupon { id } } }')).toBeUndefined()
    expect(ofMutation('mutation { claim(input: {id: 1}) { coupon { id product { id } } } }')).toBeUndefined()
    expect(ofMutation('mutation { forget }')).toBeUndefined()
    expect(ofMutation('{ product(id: 1) { id } }')).toBeUndefined()
  })

  test('is an entity of which nothing may be kept but what it leads to', () => {
    const policies = createCachePolicies(
      annotated({
        shop: `
          type Mutation { move: Product }
          type Product @key(fields: "id") { id: ID!  shop: Shop }
          type Shop @cacheControl(maxAge: 60, scope: PUBLIC) { name: String }`,
        other: 'type Query { any: Product }  type Product @key(fields: "id", resolvable: false) { id: ID! }',
      }),
    )
    const fetch = fetchOf(
      'query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { shop { name } } } }',
    )
    const kept = policies
      .ofEntities(fetch, '_entities')!
      .tagsOf({ shop: null }, {}, { __typename: 'Product', id: '1' })
    const voided = policies.ofMutation(fetchOf('mutation { move { id } }'))!({}, { move: { id: '1' } })
    expect(kept).toContain('Product:1')
    expect(voided).toEqual(['Product:1'])
  })

  test('is an object of an interface that leads to it', () => {
    const policies = createCachePolicies(
      annotated({
        shop: `
          type Query { node: Node @cacheControl(maxAge: 60, scope: PUBLIC) }
          type Mutation { touch: Item }
          interface Node { id: ID! }
          type Item implements Node @key(fields: "id") { id: ID! }`,
      }),
    )
    const kept = policies
      .ofRoot(fetchOf('{ node { __typename } }'))!
      .tagsOf({ node: { __typename: 'Item' } }, {})
    expect(kept).toContain('Item:*')
    expect(policies.ofMutation(fetchOf('mutation { touch { id } }'))!({}, { touch: { id: '1' } })).toEqual([
      'Item:1',
    ])
  })

  test('is nothing where the table says so', () => {
    const text = 'mutation { claim(input: {id: 1}) { product { id name } } }'
    expect(ofMutation(text)!({}, { claim: { product: { id: '1', name: '' } } })).toEqual(['Product:1'])
    expect(ofMutation(text, { 'Mutation.claim': { invalidates: [] } })).toBeUndefined()
  })

  test('is what the table adds, from arguments also where nobody knows what became of it', () => {
    const text = 'mutation($i: RenameInput!) { rename(input: $i) { ... on Renamed { product { id } } } }'
    const table = {
      'Mutation.rename': {
        invalidates: [
          'Product:{args.input.id}',
          'Product:{result.product.id}',
          'Shop:{args.input.to.shop}',
          'Shop:{args.input.many.shop}',
          'all',
        ],
      },
    }
    const i = { id: 'p1', many: [{ shop: 'm1' }, {}] }
    const invalidations = ofMutation(text, table)!
    const byArguments = ['Product:p1', 'Shop:m1', 'Shop:s0', 'Shop:s1', 'all']
    expect(invalidations({ i }, undefined).sort()).toEqual(byArguments)
    expect(invalidations({ i }, { rename: { product: { id: 'p2' } } }).sort()).toEqual([
      'Product:p1',
      'Product:p2',
      ...byArguments.slice(1),
    ])
    expect(invalidations({ i }, { rename: null }).sort()).toEqual(byArguments)
    expect(invalidations({ i }, {})).toEqual([])
  })

  test('may be named by its caller, a hundred tags at a time', () => {
    const forget = ofMutation('mutation($tags: [String!]) { forget(tags: $tags) }', {
      'Mutation.forget': { invalidates: ['{args.tags}'] },
    })!
    const named = (...tags: unknown[]): string[] => forget({ tags }, { forget: true })
    expect(named('Product', 'Product:1', 'Shop:*', 'campaigns')).toEqual([
      'Product',
      'Shop:*',
      'campaigns',
      'Product:1',
    ])
    const hundred = Array.from({ length: 100 }, (_, i) => `Product:${i}`)
    expect(named(...hundred)).toEqual(hundred)
    expect(named(...hundred, 'Product:100')).toEqual(['*'])
    expect(named('*', 'Product:1')).toEqual(['*'])
    expect(named({ no: 'scalar' })).toEqual(['*'])
    // What is no tag voids what carries all of its prefix for that very reason, and nothing else.
    expect(named('a b', 'x'.repeat(257), ' ', 'a b:c')).toEqual([])
    expect(named('Product:a b', `Shop:${'x'.repeat(256)}`, 'campaigns')).toEqual([
      'campaigns',
      'Product:*',
      'Shop:*',
    ])
    expect(named()).toEqual([])
    expect(forget({}, { forget: true })).toEqual([])
  })

  test('is all of a prefix where a key is no tag, or where there are too many', () => {
    const forget = ofMutation('mutation($tags: [String!]) { forget(tags: $tags) }', {
      'Mutation.forget': { invalidates: ['Product:{args.tags}'] },
    })!
    expect(forget({ tags: ['a b', 'c'] }, undefined)).toEqual(['Product:*'])
    expect(forget({ tags: Array(101).fill('a') }, undefined)).toEqual(['Product:*'])
  })
})

test('what is kept by one table is not found by another', () => {
  const hashBy = (table?: PolicyTable): string => createCachePolicies(supergraph, table).schemaHashOf('shop')
  expect(hashBy({})).toBe(hashBy())
  expect(hashBy({ Product: { references: ['all'] } })).not.toBe(hashBy())
})

test('a subgraph that the supergraph lacks has no hash', () => {
  expect(() => createCachePolicies(supergraph).schemaHashOf('nope')).toThrow(
    'expected a subgraph of the supergraph, got nope',
  )
})

test('fragments that spread one another twice are looked at once, not 2^40 times', () => {
  const chain = Array.from(
    { length: 40 },
    (_, i) =>
      `fragment F${i} on Node { id ...F${i + 1} ... on Product { ...F${i + 1} shop { ...F${i + 1} } } }`,
  )
  const fetch = fetchOf(`{ node(id: 1) { ...F0 } } ${chain.join(' ')} fragment F40 on Node { __typename id }`)
  const policy = createCachePolicies(supergraph).ofRoot(fetch)!
  const node = { __typename: 'Product', id: '1', shop: { __typename: 'Shop', id: 's1' } }
  expect(policy.tagsOf({ node }, {}).sort()).toEqual(['Node', 'Product', 'Product:1', 'Shop', 'Shop:s1'])
})
