import DataLoader from 'dataloader'
import type { Gathering, Queryable } from '../database.ts'
import type { PlaceRow, ProductRow, VariantRow } from './store.ts'
import * as store from './store.ts'

/** Rows asked for in one statement; a list longer than this is read in several. */
const BATCH_MAX = 1_000

export type Owner = 'shop' | 'category'

/** A page of what a shop or a category holds: `limit` rows behind a position. */
export interface OwnerPage {
  readonly id: string
  readonly afterPosition: number | undefined
  readonly limit: number
}

export interface Loaders {
  readonly product: DataLoader<string, ProductRow | null>
  readonly shop: DataLoader<string, PlaceRow | null>
  readonly category: DataLoader<string, PlaceRow | null>
  readonly variant: DataLoader<string, VariantRow | null>
  /** By product, in the order they came. */
  readonly variantsOf: DataLoader<string, readonly VariantRow[]>
  /** By sku: how many can be bought now. */
  readonly available: DataLoader<string, number>
  readonly productsOf: Readonly<Record<Owner, DataLoader<OwnerPage, readonly ProductRow[], string>>>
}

/** For one request: what is asked for in one tick is one statement, and is read once. A writer clears what it changed. */
export function createLoaders(db: Gathering): Loaders {
  const byId = <Row extends { readonly id: string }>(
    readRows: (db: Queryable, ids: readonly string[]) => Promise<Row[]>,
  ): DataLoader<string, Row | null> =>
    new DataLoader(async ids => inOrder(ids, await readRows(db, ids), row => row.id), {
      maxBatchSize: BATCH_MAX,
    })

  return {
    product: byId(store.readProducts),
    shop: byId(store.readShops),
    category: byId(store.readCategories),
    variant: new DataLoader(async skus => inOrder(skus, await store.readVariants(db, skus), row => row.sku), {
      maxBatchSize: BATCH_MAX,
    }),
    variantsOf: new DataLoader(
      async ids => {
        const rows = Map.groupBy(await store.readVariantsOf(db, ids), row => row.productId)
        return ids.map(id => rows.get(id) ?? [])
      },
      { maxBatchSize: BATCH_MAX },
    ),
    available: new DataLoader(
      async skus => {
        const rows = inOrder(skus, await store.readStock(db, skus), row => row.sku)
        return rows.map(row => row?.available ?? 0)
      },
      { maxBatchSize: BATCH_MAX },
    ),
    productsOf: { shop: productsOf(db, 'shop'), category: productsOf(db, 'category') },
  }
}

/** One statement for all owners whose pages begin and end alike, which is all of them unless aliases ask otherwise. */
function productsOf(db: Queryable, owner: Owner): DataLoader<OwnerPage, readonly ProductRow[], string> {
  const ownerIdOf = owner === 'shop' ? (row: ProductRow) => row.shopId : (row: ProductRow) => row.categoryId
  return new DataLoader(
    async pages => {
      const answers = new Map<OwnerPage, readonly ProductRow[]>()
      const alike = Map.groupBy(pages, page => `${page.limit} ${page.afterPosition}`)
      for (const group of alike.values()) {
        const ids = group.map(page => page.id)
        const { afterPosition, limit } = group[0]!
        const rows = Map.groupBy(await store.readProductsOf(db, owner, ids, afterPosition, limit), ownerIdOf)
        for (const page of group) answers.set(page, rows.get(page.id) ?? [])
      }
      return pages.map(page => answers.get(page)!)
    },
    {
      maxBatchSize: BATCH_MAX,
      cacheKeyFn: ({ id, limit, afterPosition }) => `${id} ${limit} ${afterPosition}`,
    },
  )
}

function inOrder<Row>(
  keys: readonly string[],
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): (Row | null)[] {
  const byKey = new Map(rows.map(row => [keyOf(row), row]))
  return keys.map(key => byKey.get(key) ?? null)
}
