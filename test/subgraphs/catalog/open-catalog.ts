import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import type { SubgraphAnswer } from '../../../protocol/subgraph-client.ts'
import { createCatalogSubgraph } from '../../../subgraphs/catalog/subgraph.ts'
import { Database, type Queryable, type Statement } from '../../../subgraphs/database.ts'
import { createTestDatabase, silent } from '../../harness/postgres.ts'

export const payment: Caller = { kind: 'service', client: 'payment', scopes: [], tier: 'developer' }
export const clerk: Caller = {
  kind: 'operator',
  client: 'back-office',
  scopes: ['catalog:write'],
  tier: 'developer',
}

/** A catalog on a database of its own. `statements` are the names of those run, in order: what was batched shows here. */
export interface OpenCatalog extends AsyncDisposable {
  readonly database: Database
  readonly statements: string[]
  execute(operation: string, variables?: object, caller?: Caller): Promise<SubgraphAnswer>
  /** The answer's data; throws its first error. */
  data<Data = Record<string, never>>(operation: string, variables?: object, caller?: Caller): Promise<Data>
  /** The first error as `CODE message`. */
  refusal(operation: string, variables?: object, caller?: Caller): Promise<string>
}

export async function openCatalog(options: { readonly seed: boolean }): Promise<OpenCatalog> {
  const owned = await createTestDatabase()
  const statements: string[] = []
  const database = new (class extends Database {
    override query<Row extends object>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
      statements.push(statement.name)
      return super.query<Row>(statement, values)
    }
  })({ connection: owned.connection, schema: 'catalog', log: silent })
  const catalog = createCatalogSubgraph({
    database,
    seed: options.seed,
    logger: silent,
    clientOf: name => {
      throw new Error(`the catalog calls nobody, got ${name}`)
    },
  })
  await catalog.start()
  statements.length = 0

  const execute: OpenCatalog['execute'] = (operation, variables = {}, caller = ANONYMOUS) =>
    catalog.execute({
      kind: /^\s*mutation/.test(operation) ? 'mutation' : 'query',
      operation,
      variables: variables as Record<string, unknown>,
      caller,
      deadlineMs: deadlineIn(10_000),
      priority: 'BROWSE',
    })
  return {
    database,
    statements,
    execute,
    async data<Data>(operation: string, variables?: object, caller?: Caller): Promise<Data> {
      const answer = await execute(operation, variables, caller)
      if (answer.errors !== undefined) throw new Error(JSON.stringify(answer.errors))
      return answer.data as Data
    },
    async refusal(operation, variables, caller) {
      const error = (await execute(operation, variables, caller)).errors?.[0]
      return `${error?.extensions?.code} ${error?.message}`
    },
    async [Symbol.asyncDispose]() {
      await catalog.close()
      await owned.close()
    },
  }
}

/** One shop, one category, and variants with this many on hand, a product each: `SKU` belongs to `product_sku`. */
export async function addVariants(db: Queryable, onHand: Readonly<Record<string, number>>): Promise<void> {
  const skus = Object.keys(onHand)
  await db.query({
    name: 'test_places',
    text: `WITH s AS (INSERT INTO shop (id, name_zh, name_en) VALUES ('shop_test', '店', 'Shop') ON CONFLICT DO NOTHING)
           INSERT INTO category (id, name_zh, name_en) VALUES ('category_test', '类', 'Kind') ON CONFLICT DO NOTHING`,
  })
  await db.query(
    {
      name: 'test_variants',
      text: `WITH p AS (
               INSERT INTO product (id, shop_id, category_id, name_zh, name_en, description_zh, description_en)
               SELECT 'product_' || lower(sku), 'shop_test', 'category_test', sku, sku, sku, sku FROM unnest($1::text[]) AS sku
             ), v AS (
               INSERT INTO variant (sku, product_id, name_zh, name_en, price_fen)
               SELECT sku, 'product_' || lower(sku), sku, sku, 100 FROM unnest($1::text[]) AS sku
             )
             INSERT INTO stock (sku, on_hand) SELECT * FROM unnest($1::text[], $2::integer[])`,
    },
    [skus, Object.values(onHand)],
  )
}

/** Every sku's stock as `on hand/reserved`. */
export async function shelf(db: Queryable): Promise<Record<string, string>> {
  const rows = await db.query<{ sku: string; text: string }>({
    name: 'test_shelf',
    text: `SELECT sku, on_hand || '/' || reserved AS text FROM stock ORDER BY sku`,
  })
  return Object.fromEntries(rows.map(row => [row.sku, row.text]))
}

/** Empties every table, which is some ten times faster than a new database. */
export async function empty(db: Queryable): Promise<void> {
  await db.query({
    name: 'test_empty',
    text: `DO $$ BEGIN
             DELETE FROM reservation; DELETE FROM stock; DELETE FROM variant;
             DELETE FROM product; DELETE FROM category; DELETE FROM shop;
           END $$`,
  })
}
