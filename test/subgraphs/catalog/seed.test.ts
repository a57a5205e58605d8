import { describe, expect, test } from 'vitest'
import { catalogId, problemOf, skuOf } from '../../../subgraphs/catalog/product.ts'
import { seed, seedRows } from '../../../subgraphs/catalog/seed.ts'
import { openCatalog } from './open-catalog.ts'

const rows = seedRows()

describe('the demonstration catalog', () => {
  test('has 200 products or more in a dozen shops and a dozen categories, none of them empty', () => {
    expect(rows.products.length).toBeGreaterThanOrEqual(200)
    expect(rows.shops).toHaveLength(12)
    expect(rows.categories).toHaveLength(12)
    expect(new Set(rows.products.map(product => product.shopId))).toEqual(
      new Set(rows.shops.map(shop => shop.id)),
    )
    expect(new Set(rows.products.map(product => product.categoryId))).toEqual(
      new Set(rows.categories.map(category => category.id)),
    )
  })

  test('is the same every time', () => {
    expect(seedRows()).toEqual(rows)
  })

  test('names nothing twice, in neither language', () => {
    for (const values of [
      rows.products.map(product => product.id),
      rows.products.map(product => product.nameZh),
      rows.products.map(product => product.nameEn),
      rows.variants.map(variant => variant.sku),
      rows.shops.map(shop => shop.id),
      rows.categories.map(category => category.id),
    ]) {
      expect(values.filter((value, index) => values.indexOf(value) !== index)).toEqual([])
    }
  })

  test('keeps every rule that upsertProduct would hold it to, with 1 to 3 variants a product', () => {
    for (const product of rows.products) {
      const variants = rows.variants.filter(variant => variant.productId === product.id)
      expect(variants.length).toBeGreaterThanOrEqual(1)
      expect(variants.length).toBeLessThanOrEqual(3)
      expect(problemOf({ ...product, variants })).toBeUndefined()
    }
    for (const { id } of rows.shops) catalogId('shop', id)
    for (const { id } of rows.categories) catalogId('category', id)
    for (const { sku } of rows.variants) skuOf(sku)
  })

  test('says in Chinese what is Chinese and in English what is English', () => {
    for (const { nameZh, nameEn } of [
      ...rows.products,
      ...rows.shops,
      ...rows.categories,
      ...rows.variants,
    ]) {
      expect(nameZh).toMatch(/\p{Script=Han}/u)
      expect(nameEn).not.toMatch(/\p{Script=Han}/u)
    }
  })

  test('prices are plausible: 8 yuan to 1,400, milk tea 10 to 28', () => {
    const categoryOf = new Map(rows.products.map(product => [product.id, product.categoryId]))
    for (const { priceFen, productId } of rows.variants) {
      const [low, high] = categoryOf.get(productId) === 'category_milk-tea' ? [1_000, 2_800] : [800, 140_000]
      expect(priceFen).toBeGreaterThanOrEqual(low!)
      expect(priceFen).toBeLessThanOrEqual(high!)
    }
  })

  test('shows every stock level', () => {
    const onHand = rows.variants.map(variant => variant.onHand)
    expect(onHand.some(count => count === 0)).toBe(true)
    expect(onHand.some(count => count > 0 && count < 10)).toBe(true)
    expect(onHand.some(count => count >= 10)).toBe(true)
  })

  test('a 25-yuan coupon pays for one pearl milk tea and not for two', () => {
    const prices = rows.variants.filter(variant => variant.productId === 'product_pearl-milk-tea')
    expect(prices.map(({ sku, priceFen }) => [sku, priceFen])).toEqual([
      ['PEARL-MILK-TEA-M', 1_500],
      ['PEARL-MILK-TEA-L', 1_800],
    ])
  })
})

describe('seed', () => {
  test('fills an empty catalog once, however many starters race', async () => {
    await using catalog = await openCatalog({ seed: false })
    const filled = await Promise.all(Array.from({ length: 6 }, () => seed(catalog.database)))
    expect(filled.filter(Boolean)).toHaveLength(1)
    expect(await seed(catalog.database)).toBe(false)
    expect(
      await catalog.database.query({
        name: 'test_counts',
        text: `SELECT (SELECT count(*) FROM product) AS products, (SELECT count(*) FROM variant) AS variants,
                      (SELECT count(*) FROM stock) AS stocks`,
      }),
    ).toEqual([
      { products: rows.products.length, variants: rows.variants.length, stocks: rows.variants.length },
    ])
  })

  test('leaves a catalog alone that has a shop of its own', async () => {
    await using catalog = await openCatalog({ seed: false })
    await catalog.database.query({
      name: 'test_shop',
      text: `INSERT INTO shop (id, name_zh, name_en) VALUES ('shop_own', '自家', 'Own')`,
    })
    expect(await seed(catalog.database)).toBe(false)
    expect(await catalog.data('{ shops { edges { node { id } } } }')).toEqual({
      shops: { edges: [{ node: { id: 'shop_own' } }] },
    })
  })

  test('the order of the table is the order of the catalog', async () => {
    await using catalog = await openCatalog({ seed: true })
    const found = await catalog.data<{
      shops: { edges: { node: { id: string } }[] }
      categories: { id: string }[]
    }>('{ shops(first: 50) { edges { node { id } } } categories { id } }')
    expect(found.shops.edges.map(edge => edge.node.id)).toEqual(rows.shops.map(shop => shop.id))
    expect(found.categories.map(category => category.id)).toEqual(
      rows.categories.map(category => category.id),
    )
  })
})
