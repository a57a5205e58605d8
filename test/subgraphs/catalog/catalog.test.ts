import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clerk, type OpenCatalog, openCatalog, payment } from './open-catalog.ts'

let catalog: OpenCatalog
beforeAll(async () => {
  catalog = await openCatalog({ seed: true })
})
afterAll(() => catalog[Symbol.asyncDispose]())

const PEARL = 'product_pearl-milk-tea'

describe('reading', () => {
  test('a product with all that hangs on it', async () => {
    expect(
      await catalog.data(
        `{ product(id: "${PEARL}") {
          id nameZh nameEn descriptionZh descriptionEn priceFromFen
          shop { id nameZh nameEn } category { id nameZh nameEn }
          variants { sku nameZh nameEn priceFen stock product { id } }
        } }`,
      ),
    ).toEqual({
      product: {
        id: PEARL,
        nameZh: '珍珠奶茶',
        nameEn: 'Pearl Milk Tea',
        descriptionZh: '珍珠奶茶，现煮茶底配鲜牛乳，甜度和冰量可选。',
        descriptionEn: 'Pearl Milk Tea: freshly brewed tea with whole milk; choose sweetness and ice.',
        priceFromFen: 1500,
        shop: { id: 'shop_cloud-tea-garden', nameZh: '云上茶园', nameEn: 'Cloud Tea Garden' },
        category: { id: 'category_milk-tea', nameZh: '奶茶', nameEn: 'Milk Tea' },
        variants: [
          {
            sku: 'PEARL-MILK-TEA-M',
            nameZh: '中杯',
            nameEn: 'Medium',
            priceFen: 1500,
            stock: 'IN_STOCK',
            product: { id: PEARL },
          },
          {
            sku: 'PEARL-MILK-TEA-L',
            nameZh: '大杯',
            nameEn: 'Large',
            priceFen: 1800,
            stock: 'IN_STOCK',
            product: { id: PEARL },
          },
        ],
      },
    })
  })

  test('a product that does not exist is null, a malformed id is a fault', async () => {
    expect(await catalog.data('{ product(id: "product_nothing") { id } }')).toEqual({ product: null })
    expect(await catalog.refusal('{ product(id: "Product_X") { id } }')).toBe(
      'BAD_ID expected product_ and 1 to 64 lower-case letters, digits and dashes, got "Product_X"',
    )
  })

  const ENTITIES = `query($representations: [_Any!]!) { _entities(representations: $representations) {
    ... on Product { id nameEn } ... on Variant { sku priceFen stock } ... on Shop { id nameEn } ... on Category { id nameEn }
  } }`

  test('entities of all types, in order, unknown ones null, in one statement a type', async () => {
    catalog.statements.length = 0
    const { _entities } = await catalog.data<{ _entities: unknown[] }>(ENTITIES, {
      representations: [
        { __typename: 'Variant', sku: 'PEARL-MILK-TEA-L' },
        { __typename: 'Product', id: PEARL },
        { __typename: 'Variant', sku: 'NOTHING' },
        { __typename: 'Shop', id: 'shop_year-of-plenty' },
        { __typename: 'Variant', sku: 'PEARL-MILK-TEA-M' },
        { __typename: 'Category', id: 'category_coffee' },
        { __typename: 'Product', id: 'product_nothing' },
        { __typename: 'Variant', sku: 'PEARL-MILK-TEA-L' },
      ],
    })
    const large = { sku: 'PEARL-MILK-TEA-L', priceFen: 1800, stock: 'IN_STOCK' }
    expect(_entities).toEqual([
      large,
      { id: PEARL, nameEn: 'Pearl Milk Tea' },
      null,
      { id: 'shop_year-of-plenty', nameEn: 'Year of Plenty' },
      { sku: 'PEARL-MILK-TEA-M', priceFen: 1500, stock: 'IN_STOCK' },
      { id: 'category_coffee', nameEn: 'Coffee' },
      null,
      large,
    ])
    expect(catalog.statements.toSorted()).toEqual([
      'categories_by_id',
      'products',
      'shops_by_id',
      'stock',
      'variants',
    ])
  })

  test('one malformed representation fails alone', async () => {
    const answer = await catalog.execute(ENTITIES, {
      representations: [
        { __typename: 'Product', id: PEARL },
        { __typename: 'Variant', sku: 'pearl' },
        { __typename: 'Shop', id: 'shop_year-of-plenty' },
      ],
    })
    expect(answer.data).toEqual({
      _entities: [
        { id: PEARL, nameEn: 'Pearl Milk Tea' },
        null,
        { id: 'shop_year-of-plenty', nameEn: 'Year of Plenty' },
      ],
    })
    expect(answer.errors).toEqual([
      {
        message: 'expected a sku of 1 to 64 capitals, digits and dashes, got "pearl"',
        path: ['_entities', 1],
        extensions: { code: 'BAD_ID' },
      },
    ])
  })

  test.each(['shop', 'category'] as const)('the pages of every %s joined are its products', async owner => {
    const list = owner === 'shop' ? 'shops(first: 50) { edges { node { id } } }' : 'categories { id }'
    const found = await catalog.data<{
      shops?: { edges: { node: { id: string } }[] }
      categories?: { id: string }[]
    }>(`{ ${list} }`)
    const owners = found.categories ?? found.shops!.edges.map(edge => edge.node)
    const type = owner === 'shop' ? 'Shop' : 'Category'
    for (const { id } of owners) {
      const ids: string[] = []
      let after: string | null = null
      do {
        const answer: { _entities: [{ products: Products }] } = await catalog.data(
          `query($r: [_Any!]!, $after: String) { _entities(representations: $r) { ... on ${type} {
            products(first: 7, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } }
          } } }`,
          { r: [{ __typename: type, id }], after },
        )
        const { edges, pageInfo }: Products = answer._entities[0].products
        ids.push(...edges.map(edge => edge.node.id))
        after = pageInfo.hasNextPage ? pageInfo.endCursor : null
      } while (after !== null)
      const rows = await catalog.database.query<{ id: string }>(
        { name: `test_of_${owner}`, text: `SELECT id FROM product WHERE ${owner}_id = $1 ORDER BY position` },
        [id],
      )
      expect(ids).toEqual(rows.map(row => row.id))
      expect(ids.length).toBeGreaterThan(0)
    }
  })

  interface Products {
    readonly edges: readonly { readonly node: { readonly id: string } }[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
  }

  test('the pages of twelve shops are one statement', async () => {
    catalog.statements.length = 0
    await catalog.data('{ shops { edges { node { products(first: 3) { edges { node { nameEn } } } } } } }')
    expect(catalog.statements).toEqual(['shops', 'products_of_shop'])
  })

  test('pages of different sizes under aliases are kept apart', async () => {
    const { shops } = await catalog.data<{ shops: { edges: [{ node: Record<'a' | 'b' | 'c', Products> }] } }>(
      `{ shops(first: 1) { edges { node {
        a: products(first: 1) { ...P } b: products(first: 3) { ...P } c: products(first: 1) { ...P }
      } } } }
      fragment P on ProductConnection { edges { node { id } } }`,
    )
    const { a, b, c } = shops.edges[0].node
    expect([a.edges.length, b.edges.length, c.edges.length]).toEqual([1, 3, 1])
  })

  test.each([
    '{ shops(first: 0) { edges { cursor } } }',
    '{ shops(first: 51) { edges { cursor } } }',
    '{ shops(after: "WyJhIl0") { edges { cursor } } }',
    '{ categories { products(first: 51) { edges { cursor } } } }',
    '{ categories { products(after: "x") { edges { cursor } } } }',
  ])('refuses %s', async operation => {
    expect(await catalog.refusal(operation)).toMatch(/^BAD_INPUT (first|after) expects/)
  })
})

describe('priceVariants', () => {
  const PRICES =
    'query($skus: [ID!]!) { priceVariants(skus: $skus) { sku nameZh nameEn priceFen available } }'

  test('answers in the order asked for and leaves out what does not exist', async () => {
    const skus = ['PEARL-MILK-TEA-L', 'NOTHING', 'PEARL-MILK-TEA-M', 'PEARL-MILK-TEA-L']
    const { priceVariants } = await catalog.data<{ priceVariants: object[] }>(PRICES, { skus }, payment)
    const large = {
      sku: 'PEARL-MILK-TEA-L',
      nameZh: '大杯',
      nameEn: 'Large',
      priceFen: 1800,
      available: 1_000_000,
    }
    const medium = { ...large, sku: 'PEARL-MILK-TEA-M', nameZh: '中杯', nameEn: 'Medium', priceFen: 1500 }
    expect(priceVariants).toEqual([large, medium, large])
    expect(await catalog.data(PRICES, { skus: [] }, payment)).toEqual({ priceVariants: [] })
  })

  test.each([
    [['pearl'], 'BAD_ID expected a sku of 1 to 64 capitals, digits and dashes, got "pearl"'],
    [Array.from({ length: 101 }, () => 'A'), 'BAD_INPUT skus expects at most 100, got 101'],
  ])('refuses %#', async (skus, message) => {
    expect(await catalog.refusal(PRICES, { skus }, payment)).toBe(message)
  })
})

describe('upsertProduct', () => {
  const UPSERT = `mutation($input: UpsertProductInput!) {
    result: upsertProduct(input: $input) {
      __typename
      ... on ShopperMessage { code severity messageZh messageEn retryable retryAfterMs }
      ... on ProductSaved { product { id nameEn priceFromFen shop { id } variants { sku priceFen stock } } }
    }
  }`
  const variant = { sku: 'NEW-TEA', nameZh: '标准', nameEn: 'Standard', priceFen: 900, onHand: 3 }
  const input = {
    id: 'product_new-tea',
    nameZh: '新茶',
    nameEn: 'New Tea',
    descriptionZh: '新。',
    descriptionEn: 'New.',
    shopId: 'shop_jasmine-corner',
    categoryId: 'category_fruit-tea',
    variants: [variant],
  }
  const upsert = async (given: object): Promise<Record<string, unknown>> =>
    (await catalog.data<{ result: Record<string, unknown> }>(UPSERT, { input: given }, clerk)).result

  const contents = async (): Promise<object[]> =>
    catalog.database.query({
      name: 'test_contents',
      text: `SELECT (SELECT jsonb_agg(p ORDER BY id) FROM product p)::text AS p,
                    (SELECT jsonb_agg(v ORDER BY sku) FROM variant v)::text AS v,
                    (SELECT jsonb_agg(s ORDER BY sku) FROM stock s)::text AS s`,
    })

  test('adds a product, which is found at once', async () => {
    expect(await upsert(input)).toEqual({
      __typename: 'ProductSaved',
      code: 'PRODUCT_SAVED',
      severity: 'SUCCESS',
      messageZh: '商品「新茶」已保存。',
      messageEn: 'The product "New Tea" is saved.',
      retryable: false,
      retryAfterMs: null,
      product: {
        id: 'product_new-tea',
        nameEn: 'New Tea',
        priceFromFen: 900,
        shop: { id: 'shop_jasmine-corner' },
        variants: [{ sku: 'NEW-TEA', priceFen: 900, stock: 'LOW' }],
      },
    })
    expect(await catalog.data('{ searchProducts(query: "新茶") { edges { node { id } } } }')).toEqual({
      searchProducts: { edges: [{ node: { id: 'product_new-tea' } }] },
    })
  })

  test('changes a product: names are found anew, unnamed variants and known stock stay', async () => {
    const second = { ...variant, sku: 'NEW-TEA-2', onHand: 50 }
    await upsert({ ...input, variants: [variant, second] })
    const result = await upsert({
      ...input,
      nameZh: '老茶',
      shopId: 'shop_cloud-tea-garden',
      variants: [{ ...variant, priceFen: 800, onHand: 999 }],
    })
    expect(result.product).toMatchObject({
      priceFromFen: 800,
      shop: { id: 'shop_cloud-tea-garden' },
      variants: [
        { sku: 'NEW-TEA', priceFen: 800, stock: 'LOW' },
        { sku: 'NEW-TEA-2', priceFen: 900, stock: 'IN_STOCK' },
      ],
    })
    const found = await catalog.data(
      '{ a: searchProducts(query: "老茶") { edges { node { id } } } b: searchProducts(query: "新茶") { edges { cursor } } }',
    )
    expect(found).toEqual({ a: { edges: [{ node: { id: 'product_new-tea' } }] }, b: { edges: [] } })
  })

  test('without onHand a new variant is out of stock', async () => {
    const { variants: _, ...bare } = { ...input, id: 'product_bare' }
    const fields = Object.entries(bare).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    const operation = `mutation { upsertProduct(input: { ${fields.join(', ')}, variants: [
      { sku: "BARE", nameZh: "标准", nameEn: "Standard", priceFen: 900 }
    ] }) { ... on ProductSaved { product { variants { sku stock } } } } }`
    expect(await catalog.data(operation, {}, clerk)).toEqual({
      upsertProduct: { product: { variants: [{ sku: 'BARE', stock: 'OUT' }] } },
    })
    const { onHand: __, ...unstocked } = { ...variant, sku: 'BARE-2' }
    expect(await upsert({ ...bare, variants: [unstocked] })).toMatchObject({
      __typename: 'ProductSaved',
      product: { variants: [{ sku: 'BARE' }, { sku: 'BARE-2', stock: 'OUT' }] },
    })
  })

  const many = (count: number, from = 0): object[] =>
    Array.from({ length: count }, (_, index) => ({ ...variant, sku: `MANY-${from + index}` }))

  test.each<[string, object, string]>([
    ['no variants', { variants: [] }, 'A product needs 1 to 20 variants, got 0.'],
    ['21 variants', { variants: many(21) }, 'A product needs 1 to 20 variants, got 21.'],
    ['a sku twice', { variants: [variant, variant] }, 'The sku NEW-TEA is named twice.'],
    ['a blank name', { nameEn: ' ' }, 'nameEn must have 1 to 120 characters and not be blank, got 1.'],
    [
      'a long name',
      { nameZh: '茶'.repeat(121) },
      'nameZh must have 1 to 120 characters and not be blank, got 121.',
    ],
    [
      'a long description',
      { descriptionEn: 'x'.repeat(2001) },
      'descriptionEn must have 1 to 2000 characters and not be blank, got 2001.',
    ],
    [
      'a price of nothing',
      { variants: [{ ...variant, priceFen: 0 }] },
      'The price of NEW-TEA must be 1 to 1000000000 fen, got 0.',
    ],
    [
      'a negative stock',
      { variants: [{ ...variant, onHand: -1 }] },
      'The stock of NEW-TEA must be 0 to 1000000000, got -1.',
    ],
    [
      'an unknown shop',
      { shopId: 'shop_nowhere' },
      'There is no shop shop_nowhere or no category category_fruit-tea.',
    ],
    [
      'an unknown category',
      { categoryId: 'category_nothing' },
      'There is no shop shop_jasmine-corner or no category category_nothing.',
    ],
    [
      'the sku of another product, after one of its own',
      {
        variants: [
          { ...variant, sku: 'AAA' },
          { ...variant, sku: 'PEARL-MILK-TEA-L' },
        ],
      },
      'The sku PEARL-MILK-TEA-L belongs to another product.',
    ],
  ])('%s is ProductRefused, and nothing changes', async (_, change, message) => {
    const before = await contents()
    expect(await upsert({ ...input, ...change })).toMatchObject({
      code: 'PRODUCT_REFUSED',
      severity: 'ERROR',
      messageEn: message,
      messageZh: expect.stringMatching(/\p{Script=Han}/u),
      retryable: false,
    })
    expect(await contents()).toEqual(before)
  })

  test('variants may not add up to more than 20', async () => {
    const id = 'product_many'
    expect(await upsert({ ...input, id, variants: many(20) })).toMatchObject({ code: 'PRODUCT_SAVED' })
    const before = await contents()
    expect(await upsert({ ...input, id, variants: many(1, 20) })).toMatchObject({
      messageEn: 'A product has at most 20 variants, this one would have 21.',
    })
    expect(await contents()).toEqual(before)
  })

  test.each<[string, object, string]>([
    [
      'a product id in capitals',
      { id: 'product_NEW' },
      'BAD_ID expected product_ and 1 to 64 lower-case letters, digits and dashes, got "product_NEW"',
    ],
    [
      'the id of a shop',
      { id: 'shop_new' },
      'BAD_ID expected product_ and 1 to 64 lower-case letters, digits and dashes, got "shop_new"',
    ],
    [
      'a malformed sku',
      { variants: [{ ...variant, sku: '-A' }] },
      'BAD_ID expected a sku of 1 to 64 capitals, digits and dashes, got "-A"',
    ],
    [
      'a NUL',
      { nameZh: '茶\0' },
      'BAD_INPUT nameZh expects well-formed text, got a NUL or half a surrogate pair',
    ],
    [
      'half a surrogate pair',
      { variants: [{ ...variant, nameEn: '\udc00' }] },
      'BAD_INPUT nameEn of NEW-TEA expects well-formed text, got a NUL or half a surrogate pair',
    ],
  ])('%s is a fault', async (_, change, message) => {
    const before = await contents()
    expect(await catalog.refusal(UPSERT, { input: { ...input, ...change } }, clerk)).toBe(message)
    expect(await contents()).toEqual(before)
  })

  test('two clerks who save products with the same new skus: one is refused, neither waits for ever', async () => {
    const skus = many(10, 100)
    const results = await Promise.all([
      upsert({ ...input, id: 'product_left', variants: skus }),
      upsert({ ...input, id: 'product_right', variants: skus.toReversed() }),
    ])
    expect(results.map(result => result.code).toSorted()).toEqual(['PRODUCT_REFUSED', 'PRODUCT_SAVED'])
  })

  test('needs the scope', async () => {
    expect(await catalog.refusal(UPSERT, { input })).toBe(
      'UNAUTHENTICATED a token with the scope catalog:write is needed, the request had none',
    )
    expect(await catalog.refusal(UPSERT, { input }, payment)).toBe(
      'FORBIDDEN the scope catalog:write is needed, the token has none',
    )
  })
})

test('a second start on the same database finds the first one’s data', async () => {
  const products = { name: 'test_products', text: 'SELECT count(*) AS count FROM product' }
  await using own = await openCatalog({ seed: true })
  const before = await own.database.query(products)
  await own.database.migrate(new URL('../../../subgraphs/catalog/migrations/', import.meta.url))
  expect(await own.database.query(products)).toEqual(before)
})
