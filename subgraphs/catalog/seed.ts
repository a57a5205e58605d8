import type { Database } from '../database.ts'
import { CATEGORIES, GROUPS, type SeedPlace, SHOPS } from './seed-table.ts'
import { insertSeed, lockIfEmpty, type SeedRows } from './store.ts'

/** Fills an empty catalog with the demonstration one, in one transaction; false when it was not empty. Starters may race. */
export async function seed(database: Database): Promise<boolean> {
  return database.transaction(async transaction => {
    if (!(await lockIfEmpty(transaction))) return false
    await insertSeed(transaction, seedRows())
    return true
  })
}

/** The same rows every time, in the order of the catalog. */
export function seedRows(): SeedRows {
  const products: SeedRows['products'][number][] = []
  const variants: SeedRows['variants'][number][] = []
  for (const group of GROUPS) {
    for (const item of group.items) {
      const [nameZh, nameEn, price] = item.split('|') as [string, string, string]
      const slug = slugOf(nameEn)
      const productId = `product_${slug}`
      products.push({
        id: productId,
        shopId: `shop_${group.shop}`,
        categoryId: `category_${group.category}`,
        nameZh,
        nameEn,
        descriptionZh: `${nameZh}，${group.zh}`,
        descriptionEn: `${nameEn}: ${group.en}`,
      })
      for (const { suffix, zh, en, addedFen } of group.variants) {
        const sku = (suffix === '' ? slug : `${slug}-${suffix}`).toUpperCase()
        const onHand = onHandOf(sku, group.category)
        variants.push({ sku, productId, nameZh: zh, nameEn: en, priceFen: Number(price) + addedFen, onHand })
      }
    }
  }
  return {
    shops: SHOPS.map(place('shop')),
    categories: CATEGORIES.map(place('category')),
    products,
    variants,
  }
}

const place =
  (type: 'shop' | 'category') =>
  ({ slug, zh, en }: SeedPlace) => ({ id: `${type}_${slug}`, nameZh: zh, nameEn: en })

const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll('’', '')
    .replace(/[^a-z0-9]+/g, '-')

/** Drinks are made to order and outlast any crowd; of the rest some are nearly gone, so that every stock level is seen. */
function onHandOf(sku: string, category: string): number {
  if (category === 'milk-tea' || category === 'fruit-tea' || category === 'coffee') return 1_000_000
  let hash = 7
  for (const character of sku) hash = (hash * 31 + character.charCodeAt(0)) % 9_973
  const chance = hash % 100
  if (chance < 3) return 0
  return chance < 8 ? 1 + (hash % 9) : 500 + (hash % 4_500)
}
