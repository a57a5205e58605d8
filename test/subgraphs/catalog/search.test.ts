import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gramsOf, QUERY_GRAMS_MAX, queryGramsOf } from '../../../subgraphs/catalog/search.ts'
import { type OpenCatalog, openCatalog } from './open-catalog.ts'

let catalog: OpenCatalog
beforeAll(async () => {
  catalog = await openCatalog({ seed: true })
})
afterAll(() => catalog[Symbol.asyncDispose]())

interface Found {
  readonly searchProducts: {
    readonly edges: readonly {
      readonly cursor: string
      readonly node: { readonly id: string; readonly nameZh: string; readonly nameEn: string }
    }[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
  }
}

const SEARCH = `query($query: String!, $first: Int, $after: String, $categoryId: ID, $shopId: ID) {
  searchProducts(query: $query, first: $first, after: $after, categoryId: $categoryId, shopId: $shopId) {
    edges { cursor node { id nameZh nameEn } }
    pageInfo { hasNextPage endCursor }
  }
}`

async function namesFor(query: string, more: object = {}): Promise<string[]> {
  const { searchProducts } = await catalog.data<Found>(SEARCH, { query, first: 50, ...more })
  return searchProducts.edges.map(edge => `${edge.node.nameZh} ${edge.node.nameEn}`)
}

describe('gramsOf', () => {
  test.each([
    ['珍珠奶茶', '珍 珠 奶 茶 珍珠 珠奶 奶茶'],
    ['Pearl Milk Tea', 'pearl milk tea'],
    ['Ｔｅａ　２４', 'tea 24'],
    ['Crème Brûlée', 'creme brulee'],
    ['STRASSE ẞ Ø', 'strasse ß ø'],
    ['T-shirt, 3L', 't shirt 3l'],
    ['电饭煲 3 升', '3 电 饭 煲 电饭 饭煲 升'],
    ['橙C美式', '橙 c 美 式 美式'],
    ['奶茶、咖啡・茶', '奶 茶 奶茶 咖 啡 咖啡'],
    ['𠮷野家', '𠮷 野 家 𠮷野 野家'],
    ['ｶﾞﾗｽ', 'ガ ラ ス ガラ ラス'],
    ['밀크티', '밀 크 티 밀크 크티'],
    ['Μέλι ΟΔΟΣ', 'μελι οδοσ'],
    ['Чай', 'чаи'],
    ['ชา', 'ช า ชา'],
    ['🧋 … — !?', ''],
    ['\u{d800}\u{0}', ''],
    ['', ''],
  ])('%j gives %j', (text, grams) => {
    expect(gramsOf(text).toSorted()).toEqual(grams.split(' ').filter(Boolean).toSorted())
  })

  test('is what the SQL function gives, on random text of all scripts', async () => {
    const grams = async (texts: readonly string[]): Promise<string[][]> => {
      const rows = await catalog.database.query<{ grams: string[] }>(
        {
          name: 'test_grams',
          text: 'SELECT grams(value) AS grams FROM unnest($1::text[]) WITH ORDINALITY AS t (value, n) ORDER BY n',
        },
        [texts],
      )
      return rows.map(row => row.grams)
    }
    // Node and PostgreSQL each bring a Unicode of their own: what only one of them knows is left out.
    const unassigned = await catalog.database.query<{ point: number }>({
      name: 'test_unassigned',
      text: `SELECT point FROM generate_series(1, 1114111) AS point
              WHERE point NOT BETWEEN 55296 AND 57343 AND NOT unicode_assigned(chr(point))`,
    })
    const disputed = new Set(
      unassigned.map(row => String.fromCodePoint(row.point)).filter(one => /\P{Cn}/u.test(one)),
    )
    const between = (from: number, to: number): fc.Arbitrary<string> =>
      fc.integer({ min: from, max: to }).map(point => String.fromCodePoint(point))
    const character = fc.oneof(
      between(0x20, 0x17f),
      between(0x300, 0x52f),
      between(0x530, 0x1fff),
      between(0x2000, 0x33ff),
      between(0x3400, 0x9fff),
      between(0xa000, 0xd7ff),
      between(0xf900, 0xffef),
      between(0x1b000, 0x1b16f),
      between(0x20000, 0x2a6df),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter(text => text !== '\0'),
      fc.constantFrom('ς', 'Σ', 'İ', 'ı', 'ß', 'ẞ', 'ǅ', '々', 'ー', '・', 'が', 'ｶﾞ', '각', '한'),
    )
    const text = fc
      .array(
        character.filter(one => !disputed.has(one)),
        { maxLength: 12 },
      )
      .map(parts => parts.join(''))
    const texts = fc.array(text, { minLength: 50, maxLength: 50 })
    await fc.assert(
      fc.asyncProperty(texts, async values => {
        const found = await grams(values)
        expect(found.map(list => list.toSorted())).toEqual(values.map(value => gramsOf(value).toSorted()))
      }),
      { numRuns: 60 },
    )
  })
})

describe('queryGramsOf', () => {
  test('looks for pairs alone where there are pairs', () => {
    expect(queryGramsOf('珍珠奶茶 tea 茶')).toEqual(['tea', '珍珠', '珠奶', '奶茶', '茶'])
  })

  test('looks for a bounded number', () => {
    const all = String.fromCodePoint(...Array.from({ length: 100 }, (_, index) => 0x4e00 + index))
    expect(queryGramsOf(all)).toHaveLength(QUERY_GRAMS_MAX)
  })

  test.each([
    ['nothing', '', 'query expects 1 to 100 characters, got 0'],
    ['101 characters', '茶'.repeat(101), 'query expects 1 to 100 characters, got 101'],
    [
      '101 characters outside the basic plane',
      '𠮷'.repeat(101),
      'query expects 1 to 100 characters, got 202',
    ],
    ['a NUL', 'a\0', 'query expects well-formed text, got a NUL or half a surrogate pair'],
    ['half a pair', '\ud800', 'query expects well-formed text, got a NUL or half a surrogate pair'],
  ])('refuses %s', async (_, query, message) => {
    expect(await catalog.refusal(SEARCH, { query })).toBe(`BAD_INPUT ${message}`)
  })

  test('counts characters, not code units: 100 outside the basic plane are not too many', async () => {
    expect(await namesFor('𠮷'.repeat(100))).toEqual([])
  })
})

describe('searchProducts', () => {
  test.each([
    ['奶茶', '珍珠奶茶 Pearl Milk Tea'],
    ['tea', '珍珠奶茶 Pearl Milk Tea'],
    ['TEA pearl', '珍珠奶茶 Pearl Milk Tea'],
    ['ｐｅａｒｌ　ｍｉｌｋ', '珍珠奶茶 Pearl Milk Tea'],
    ['珍珠 milk', '珍珠奶茶 Pearl Milk Tea'],
    ['电饭煲', '智能电饭煲 3 升 Smart Rice Cooker 3 L'],
    ['rice cooker', '智能电饭煲 3 升 Smart Rice Cooker 3 L'],
    ['饭', '扬州炒饭 Yangzhou Fried Rice'],
  ])('%s finds %s', async (query, name) => {
    expect(await namesFor(query)).toContain(name)
  })

  test('products that hold everything asked for come alone', async () => {
    const names = await namesFor('珍珠奶茶')
    expect(names).toEqual(['珍珠奶茶 Pearl Milk Tea', '黑糖珍珠奶茶 Brown Sugar Pearl Milk Tea'])
  })

  test('the more of a name was asked for, the earlier it comes', async () => {
    // 珍珠奶茶 has 7 grams and 3 words; 黑糖珍珠奶茶 11 and 5.
    expect((await namesFor('pearl'))[0]).toBe('珍珠奶茶 Pearl Milk Tea')
  })

  test('where nothing holds everything, what holds most comes first', async () => {
    // 好喝 喝的 的珍 珍珠 珠奶 奶茶: three of six are in 珍珠奶茶, one is in the other milk teas.
    const names = await namesFor('好喝的珍珠奶茶')
    expect(names.slice(0, 2)).toEqual(['珍珠奶茶 Pearl Milk Tea', '黑糖珍珠奶茶 Brown Sugar Pearl Milk Tea'])
    expect(names.length).toBeGreaterThan(15)
  })

  test.each(['…', '!?', '🧋', ' ', '量子计算机', 'xyzzy'])('%j finds nothing', async query => {
    expect((await catalog.data<Found>(SEARCH, { query })).searchProducts).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, endCursor: null },
    })
  })

  test('keeps to a category and to a shop', async () => {
    expect(await namesFor('milk tea', { categoryId: 'category_coffee' })).toEqual([
      '鸳鸯奶茶咖啡 Yuanyang Coffee Milk Tea',
    ])
    expect(await namesFor('奶茶', { shopId: 'shop_jasmine-corner' })).toHaveLength(5)
    expect(await namesFor('奶茶', { shopId: 'shop_jasmine-corner', categoryId: 'category_coffee' })).toEqual(
      [],
    )
    expect(await namesFor('奶茶', { shopId: 'shop_nowhere' })).toEqual([])
  })

  test('pages joined are the whole list, in order, nothing twice, whatever their sizes', async () => {
    const queries = fc.constantFrom(
      '奶茶',
      'tea',
      'gift box',
      '好喝的珍珠奶茶',
      'best milk tea with rice',
      'hot coffee cake',
    )
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(queries, sizes, async (query, pageSizes) => {
        const ids: string[] = []
        let after: string | null = null
        for (let page = 0, more = true; more; page++) {
          const first = pageSizes[page % pageSizes.length]!
          const { searchProducts }: Found = await catalog.data<Found>(SEARCH, { query, first, after })
          expect(searchProducts.edges.length).toBeLessThanOrEqual(first)
          ids.push(...searchProducts.edges.map(edge => edge.node.id))
          more = searchProducts.pageInfo.hasNextPage
          after = searchProducts.pageInfo.endCursor
        }
        const rows = await catalog.database.query<{ id: string }>(
          {
            name: 'test_whole_list',
            text: `WITH matched AS (
                     SELECT id, cardinality(grams) AS size, cardinality(ARRAY(
                       SELECT unnest(grams) INTERSECT SELECT unnest($1::text[]))) AS count FROM product)
                   SELECT id FROM matched
                    WHERE count > 0
                      AND (count = cardinality($1::text[]) OR NOT EXISTS (SELECT FROM matched WHERE count = cardinality($1::text[])))
                    ORDER BY count DESC, size, id`,
          },
          [queryGramsOf(query)],
        )
        expect(ids).toEqual(rows.map(row => row.id))
        expect(ids.length).toBeGreaterThan(3)
      }),
      { numRuns: 30 },
    )
  })

  test('a full match that comes between two pages does not end a list of partial ones', async () => {
    await using own = await openCatalog({ seed: true })
    const query = '奶茶 xyzzy'
    const first = await own.data<Found>(SEARCH, { query, first: 5 })
    await own.database.query({
      name: 'test_full_match',
      text: `INSERT INTO product (id, shop_id, category_id, name_zh, name_en, description_zh, description_en)
             SELECT 'product_new', shop_id, category_id, '奶茶', 'Xyzzy', '', '' FROM product LIMIT 1`,
    })
    const after = first.searchProducts.pageInfo.endCursor
    const second = await own.data<Found>(SEARCH, { query, first: 5, after })
    expect(second.searchProducts.edges).toHaveLength(5)
    const again = await own.data<Found>(SEARCH, { query, first: 5 })
    expect(again.searchProducts.edges.map(edge => edge.node.id)).toEqual(['product_new'])
  })

  test('behind the last full match comes nothing, and no partial one', async () => {
    const query = 'pearl milk tea'
    const { searchProducts } = await catalog.data<Found>(SEARCH, { query })
    expect(searchProducts.edges).toHaveLength(2)
    const after = searchProducts.pageInfo.endCursor
    expect((await catalog.data<Found>(SEARCH, { query, after })).searchProducts.edges).toEqual([])
  })

  test('reads one page with its shops and variants in three statements', async () => {
    catalog.statements.length = 0
    await catalog.data(
      '{ searchProducts(query: "奶茶", first: 20) { edges { node { priceFromFen shop { nameZh } variants { sku } } } } }',
    )
    expect(catalog.statements.toSorted()).toEqual(['search_all', 'shops_by_id', 'variants_of'])
  })

  test('uses the index on grams once the catalog is large', async () => {
    await using own = await openCatalog({ seed: true })
    await own.database.query({
      name: 'test_many',
      text: `INSERT INTO product (id, shop_id, category_id, name_zh, name_en, description_zh, description_en)
             SELECT 'product_n' || n, shop_id, category_id, '第' || n || '号', 'Number ' || n, '', ''
               FROM (SELECT * FROM product LIMIT 1) AS p, generate_series(1, 5000) AS n`,
    })
    const plan = await own.database.query<{ 'QUERY PLAN': string }>({
      name: 'test_plan',
      text: `EXPLAIN SELECT id FROM product WHERE grams @> ARRAY['奶茶']`,
    })
    expect(plan.map(row => row['QUERY PLAN']).join('\n')).toContain('product_grams')
  })

  test.each([
    [{ first: 0 }, 'BAD_INPUT first expects 1 to 50, got 0'],
    [{ first: -1 }, 'BAD_INPUT first expects 1 to 50, got -1'],
    [{ first: 51 }, 'BAD_INPUT first expects 1 to 50, got 51'],
    [{ after: 'x' }, 'BAD_INPUT after expects a cursor of this list, got "x"'],
    [
      { categoryId: 'shop_jasmine-corner' },
      'BAD_ID expected category_ and 1 to 64 lower-case letters, digits and dashes, got "shop_jasmine-corner"',
    ],
    [
      { shopId: `shop_${'x'.repeat(1000)}` },
      `BAD_ID expected shop_ and 1 to 64 lower-case letters, digits and dashes, got "shop_${'x'.repeat(59)}"… (1005 characters)`,
    ],
  ])('refuses %j', async (args, message) => {
    expect(await catalog.refusal(SEARCH, { query: '奶茶', ...args })).toBe(message)
  })
})
