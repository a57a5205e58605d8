import type { GatheredStatement, Gathering, Queryable, Statement } from '../database.ts'
import type { StockHoldState } from './schema.generated.ts'

/** Every statement of the catalog but the functions for reservations, which are in migrations/. */

export interface ProductRow {
  readonly id: string
  readonly position: number
  readonly shopId: string
  readonly categoryId: string
  readonly nameZh: string
  readonly nameEn: string
  readonly descriptionZh: string
  readonly descriptionEn: string
}

/** A product as found: `matched` of the grams asked for are in its names, which have `gramCount`. */
export interface FoundRow extends ProductRow {
  readonly matched: number
  readonly gramCount: number
}

export interface VariantRow {
  readonly sku: string
  readonly productId: string
  readonly nameZh: string
  readonly nameEn: string
  readonly priceFen: number
}

/** A shop or a category. */
export interface PlaceRow {
  readonly id: string
  readonly position: number
  readonly nameZh: string
  readonly nameEn: string
}

export interface StockRow {
  readonly sku: string
  /** On hand and held by no order. */
  readonly available: number
}

export interface HoldRow {
  readonly state: StockHoldState
  readonly short: readonly StockRow[]
}

export interface SearchFilter {
  readonly grams: readonly string[]
  readonly categoryId: string | null
  readonly shopId: string | null
  /** Rows to read at most. */
  readonly limit: number
}

const PRODUCT = `product.id, product.position, product.shop_id AS "shopId", product.category_id AS "categoryId",
  product.name_zh AS "nameZh", product.name_en AS "nameEn",
  product.description_zh AS "descriptionZh", product.description_en AS "descriptionEn"`
const VARIANT = `sku, product_id AS "productId", name_zh AS "nameZh", name_en AS "nameEn", price_fen AS "priceFen"`
const PLACE = `id, position, name_zh AS "nameZh", name_en AS "nameEn"`

const read = (name: string, text: string): Statement => ({ name, text, readOnly: true })
const write = (name: string, text: string): Statement => ({ name, text })

const SEARCH_ALL = read(
  'search_all',
  `SELECT ${PRODUCT}, cardinality($1::text[]) AS matched, cardinality(grams) AS "gramCount"
     FROM product
    WHERE grams @> $1::text[]
      AND ($2::text IS NULL OR category_id = $2)
      AND ($3::text IS NULL OR shop_id = $3)
      AND ($4::bigint IS NULL OR (cardinality(grams), id) > ($4, $5::text))
    ORDER BY cardinality(grams), id
    LIMIT $6`,
)

/**
 * Products whose names hold every gram, the shortest names first: the more of a name was asked for, the better it
 * matches. By the GIN index on grams; what matches is sorted before it is cut.
 */
export function searchAll(
  db: Queryable,
  { grams, categoryId, shopId, limit }: SearchFilter,
  after: { readonly gramCount: number; readonly id: string } | undefined,
): Promise<FoundRow[]> {
  return db.query(SEARCH_ALL, [grams, categoryId, shopId, after?.gramCount, after?.id, limit])
}

const SEARCH_SOME = read(
  'search_some',
  `SELECT ${PRODUCT}, found.matched, cardinality(grams) AS "gramCount"
     FROM product
    CROSS JOIN LATERAL (
      SELECT count(*)::integer AS matched FROM unnest($1::text[]) AS gram WHERE gram = ANY (grams)
    ) AS found
    WHERE grams && $1::text[]
      AND ($2::text IS NULL OR category_id = $2)
      AND ($3::text IS NULL OR shop_id = $3)
      AND ($4::bigint IS NULL OR (-found.matched, cardinality(grams), id) > (-$4::bigint, $5::bigint, $6::text))
    ORDER BY found.matched DESC, cardinality(grams), id
    LIMIT $7`,
)

/** Products whose names hold any of the grams, most grams first, then as {@link searchAll}. By the same index. */
export function searchSome(
  db: Queryable,
  { grams, categoryId, shopId, limit }: SearchFilter,
  after: { readonly matched: number; readonly gramCount: number; readonly id: string } | undefined,
): Promise<FoundRow[]> {
  return db.query(SEARCH_SOME, [
    grams,
    categoryId,
    shopId,
    after?.matched,
    after?.gramCount,
    after?.id,
    limit,
  ])
}

const PRODUCTS = read('products', `SELECT ${PRODUCT} FROM product WHERE id = ANY ($1::text[])`)

/** By primary key, in no order; ids that do not exist are left out. So are the next two. */
export function readProducts(db: Queryable, ids: readonly string[]): Promise<ProductRow[]> {
  return db.query(PRODUCTS, [ids])
}

const SHOPS_BY_ID = read('shops_by_id', `SELECT ${PLACE} FROM shop WHERE id = ANY ($1::text[])`)

export function readShops(db: Queryable, ids: readonly string[]): Promise<PlaceRow[]> {
  return db.query(SHOPS_BY_ID, [ids])
}

const CATEGORIES_BY_ID = read('categories_by_id', `SELECT ${PLACE} FROM category WHERE id = ANY ($1::text[])`)

export function readCategories(db: Queryable, ids: readonly string[]): Promise<PlaceRow[]> {
  return db.query(CATEGORIES_BY_ID, [ids])
}

/** Of each item's skus, which are read by primary key, those that exist, in no order. */
const bySku = (name: string, table: string, columns: string): GatheredStatement => ({
  name,
  readOnly: true,
  text: `SELECT item.place::integer AS place, found.*
     FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (skus text[])) WITH ORDINALITY AS item (skus, place)
    CROSS JOIN LATERAL unnest(item.skus) AS wanted (sku)
    CROSS JOIN LATERAL (SELECT ${columns} FROM ${table} WHERE ${table}.sku = wanted.sku LIMIT 1) AS found`,
})

const VARIANTS = bySku('variants', 'variant', VARIANT)

/** With those that others ask for. So is the next one. */
export function readVariants(db: Gathering, skus: readonly string[]): Promise<readonly VariantRow[]> {
  return db.gather(VARIANTS, { skus })
}

const STOCK = bySku('stock', 'stock', 'sku, on_hand - reserved AS available')

/** Reads without waiting for whoever holds the row. */
export function readStock(db: Gathering, skus: readonly string[]): Promise<readonly StockRow[]> {
  return db.gather(STOCK, { skus })
}

const VARIANTS_OF = read(
  'variants_of',
  `SELECT ${VARIANT} FROM variant WHERE product_id = ANY ($1::text[]) ORDER BY product_id, position`,
)

/** All variants of these products (each has at most VARIANTS_MAX), in the order they came. Index variant_of_product. */
export function readVariantsOf(db: Queryable, productIds: readonly string[]): Promise<VariantRow[]> {
  return db.query(VARIANTS_OF, [productIds])
}

const productsOf = (owner: 'shop' | 'category'): Statement =>
  read(
    `products_of_${owner}`,
    `SELECT page.*
       FROM unnest($1::text[]) AS owner (id)
      CROSS JOIN LATERAL (
        SELECT ${PRODUCT} FROM product
         WHERE ${owner}_id = owner.id AND ($2::bigint IS NULL OR position > $2)
         ORDER BY position
         LIMIT $3
      ) AS page`,
  )
const PRODUCTS_OF = { shop: productsOf('shop'), category: productsOf('category') } as const

/** The next `limit` products of each owner behind a position. One range of product_of_shop or product_of_category each. */
export function readProductsOf(
  db: Queryable,
  owner: 'shop' | 'category',
  ids: readonly string[],
  afterPosition: number | undefined,
  limit: number,
): Promise<ProductRow[]> {
  return db.query(PRODUCTS_OF[owner], [ids, afterPosition, limit])
}

const ALL_CATEGORIES = read('categories', `SELECT ${PLACE} FROM category ORDER BY position LIMIT 200`)

/** The first 200, which no mutation can add to. Index category_position_key. */
export function readAllCategories(db: Queryable): Promise<PlaceRow[]> {
  return db.query(ALL_CATEGORIES)
}

const SHOPS = read(
  'shops',
  `SELECT ${PLACE} FROM shop WHERE $1::bigint IS NULL OR position > $1 ORDER BY position LIMIT $2`,
)

/** Index shop_position_key. */
export function readShopsAfter(
  db: Queryable,
  position: number | undefined,
  limit: number,
): Promise<PlaceRow[]> {
  return db.query(SHOPS, [position, limit])
}

const MOVE_STOCK: GatheredStatement = {
  name: 'move_stock',
  text: 'SELECT place, state, short FROM move_stock($1::jsonb)',
  // The same few skus are in most batches: a second one would wait for the first.
  lanesMax: 1,
}

/** Holds all lines or none. Locks the order's row, then stock by sku, with those of whoever else asks; see the function. */
export async function reserveStock(
  db: Gathering,
  orderId: string,
  skus: readonly string[],
  quantities: readonly number[],
): Promise<HoldRow> {
  const move = { order_id: orderId, wanted: 'HELD', skus, quantities }
  return (await db.gather<HoldRow>(MOVE_STOCK, move))[0]!
}

/** Ends a reservation. Locks as {@link reserveStock}. */
export async function settleStock(
  db: Gathering,
  orderId: string,
  wanted: 'RELEASED' | 'COMMITTED' | 'RETURNED',
): Promise<HoldRow> {
  return (await db.gather<HoldRow>(MOVE_STOCK, { order_id: orderId, wanted }))[0]!
}

const LOCK_STOCK = write('lock_stock', 'SELECT reserved FROM stock WHERE sku = $1 FOR UPDATE')

/** How many of a sku are reserved, which cannot change until the transaction ends; undefined: no such sku. */
export async function lockStock(db: Queryable, sku: string): Promise<number | undefined> {
  return (await db.query<{ reserved: number }>(LOCK_STOCK, [sku]))[0]?.reserved
}

const SET_STOCK = write('set_stock', 'UPDATE stock SET on_hand = $2 WHERE sku = $1')

/** Of a row that the transaction has locked. */
export async function setStock(db: Queryable, sku: string, onHand: number): Promise<void> {
  await db.query(SET_STOCK, [sku, onHand])
}

const UPSERT_PRODUCT = write(
  'upsert_product',
  `INSERT INTO product (id, shop_id, category_id, name_zh, name_en, description_zh, description_en)
   SELECT $1, shop.id, category.id, $4, $5, $6, $7
     FROM shop, category WHERE shop.id = $2 AND category.id = $3
   ON CONFLICT (id) DO UPDATE SET
     shop_id = EXCLUDED.shop_id, category_id = EXCLUDED.category_id,
     name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en,
     description_zh = EXCLUDED.description_zh, description_en = EXCLUDED.description_en
   RETURNING id`,
)

/** Adds or changes the product's row, and locks it; false when its shop or its category does not exist. */
export async function upsertProduct(db: Queryable, product: Omit<ProductRow, 'position'>): Promise<boolean> {
  const rows = await db.query(UPSERT_PRODUCT, [
    product.id,
    product.shopId,
    product.categoryId,
    product.nameZh,
    product.nameEn,
    product.descriptionZh,
    product.descriptionEn,
  ])
  return rows.length === 1
}

const UPSERT_VARIANT = write(
  'upsert_variant',
  `INSERT INTO variant AS own (sku, product_id, name_zh, name_en, price_fen) VALUES ($1, $2, $3, $4, $5)
   ON CONFLICT (sku) DO UPDATE SET
     name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en, price_fen = EXCLUDED.price_fen
     WHERE own.product_id = EXCLUDED.product_id
   RETURNING sku`,
)

/** Adds or changes one variant; false when the sku is another product's. Callers go by sku, product locked. */
export async function upsertVariant(db: Queryable, variant: VariantRow): Promise<boolean> {
  const { sku, productId, nameZh, nameEn, priceFen } = variant
  return (await db.query(UPSERT_VARIANT, [sku, productId, nameZh, nameEn, priceFen])).length === 1
}

const ADD_STOCK = write(
  'add_stock',
  'INSERT INTO stock (sku, on_hand) VALUES ($1, $2) ON CONFLICT (sku) DO NOTHING',
)

/** The stock of a new sku; that of a known one stays. Takes no lock that a reservation waits for. */
export async function addStock(db: Queryable, sku: string, onHand: number): Promise<void> {
  await db.query(ADD_STOCK, [sku, onHand])
}

const SEED_LOCK = write('seed_lock', 'LOCK TABLE shop IN SHARE ROW EXCLUSIVE MODE')
const HAS_SHOP = read('has_shop', 'SELECT EXISTS (SELECT FROM shop) AS "hasShop"')

/** Whether the catalog is empty, which stays so until the transaction ends: other starters wait here. */
export async function lockIfEmpty(db: Queryable): Promise<boolean> {
  await db.query(SEED_LOCK)
  const rows = await db.query<{ hasShop: boolean }>(HAS_SHOP)
  return !rows[0]!.hasShop
}

const placeRows = (table: 'shop' | 'category'): Statement =>
  write(
    `seed_${table}`,
    `INSERT INTO ${table} (id, name_zh, name_en)
     SELECT id, name_zh, name_en FROM unnest($1::text[], $2::text[], $3::text[])
       WITH ORDINALITY AS row (id, name_zh, name_en, number) ORDER BY number`,
  )
const SEED_PLACES = { shop: placeRows('shop'), category: placeRows('category') } as const
const SEED_PRODUCTS = write(
  'seed_product',
  `INSERT INTO product (id, shop_id, category_id, name_zh, name_en, description_zh, description_en)
   SELECT id, shop_id, category_id, name_zh, name_en, description_zh, description_en
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
       WITH ORDINALITY AS row (id, shop_id, category_id, name_zh, name_en, description_zh, description_en, number)
    ORDER BY number`,
)
const SEED_VARIANTS = write(
  'seed_variant',
  `INSERT INTO variant (sku, product_id, name_zh, name_en, price_fen)
   SELECT sku, product_id, name_zh, name_en, price_fen
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
       WITH ORDINALITY AS row (sku, product_id, name_zh, name_en, price_fen, number)
    ORDER BY number`,
)
const SEED_STOCK = write(
  'seed_stock',
  'INSERT INTO stock (sku, on_hand) SELECT sku, on_hand FROM unnest($1::text[], $2::integer[]) AS row (sku, on_hand)',
)

export interface SeedRows {
  readonly shops: readonly Omit<PlaceRow, 'position'>[]
  readonly categories: readonly Omit<PlaceRow, 'position'>[]
  readonly products: readonly Omit<ProductRow, 'position'>[]
  readonly variants: readonly (VariantRow & { readonly onHand: number })[]
}

/** One statement a table, the order of the rows kept. Call it where {@link lockIfEmpty} said true. */
export async function insertSeed(
  db: Queryable,
  { shops, categories, products, variants }: SeedRows,
): Promise<void> {
  await db.query(SEED_PLACES.shop, columns(shops, ['id', 'nameZh', 'nameEn']))
  await db.query(SEED_PLACES.category, columns(categories, ['id', 'nameZh', 'nameEn']))
  await db.query(
    SEED_PRODUCTS,
    columns(products, ['id', 'shopId', 'categoryId', 'nameZh', 'nameEn', 'descriptionZh', 'descriptionEn']),
  )
  await db.query(SEED_VARIANTS, columns(variants, ['sku', 'productId', 'nameZh', 'nameEn', 'priceFen']))
  await db.query(SEED_STOCK, columns(variants, ['sku', 'onHand']))
}

const columns = <Row>(rows: readonly Row[], names: readonly (keyof Row)[]): unknown[][] =>
  names.map(name => rows.map(row => row[name]))
