import type { GraphQLResolverMap } from '@apollo/subgraph'
import { Fault } from '../../protocol/fault.ts'
import { requireScope, requireService } from '../authorize.ts'
import { type Connection, connectionOf, type PageArguments, pageOf } from '../connection.ts'
import type { Database } from '../database.ts'
import type { RequestContext } from '../subgraph.ts'
import type { Loaders, Owner } from './loaders.ts'
import { catalogId, skuOf, stockLevelOf } from './product.ts'
import type {
  MutationCommitStockArgs,
  MutationReserveStockArgs,
  MutationSetStockArgs,
  MutationUpsertProductArgs,
  QueryPriceVariantsArgs,
  QueryProductArgs,
  QuerySearchProductsArgs,
  QueryShopsArgs,
  StockLevel,
  VariantPrice,
} from './schema.generated.ts'
import { queryGramsOf } from './search.ts'
import type { Stock } from './stock.ts'
import type { FoundRow, PlaceRow, ProductRow, VariantRow } from './store.ts'
import * as store from './store.ts'

/** The catalog's own part of a request's context. */
export interface CatalogContext {
  readonly loaders: Loaders
  readonly database: Database
  readonly stock: Stock
}

type Context = RequestContext & CatalogContext

const FIRST_MAX = 50
const PRICED_MAX = 100

export const resolvers: GraphQLResolverMap<Context> = {
  Query: {
    searchProducts,
    product: (_: unknown, { id }: QueryProductArgs, { loaders }: Context) =>
      loaders.product.load(catalogId('product', id)),
    categories: (_: unknown, __: unknown, { database }: Context) => store.readAllCategories(database),
    shops: async (_: unknown, args: QueryShopsArgs, { database }: Context) => {
      const page = pageOf(args, 20, FIRST_MAX, ['number'])
      const rows = await store.readShopsAfter(database, page.after?.[0] as number | undefined, page.limit + 1)
      return connectionOf(
        rows,
        page,
        row => [row.position],
        row => row,
      )
    },
    priceVariants,
  },

  Mutation: {
    async setStock(_: unknown, { input }: MutationSetStockArgs, { caller, stock, loaders }: Context) {
      requireScope(caller, 'catalog:write')
      const result = await stock.set(input)
      if (result.sku !== undefined) loaders.available.clear(result.sku)
      return result
    },
    async upsertProduct(
      _: unknown,
      { input }: MutationUpsertProductArgs,
      { caller, stock, loaders }: Context,
    ) {
      requireScope(caller, 'catalog:write')
      const result = await stock.upsertProduct(input)
      if (result.productId === undefined) return result
      loaders.product.clear(result.productId)
      loaders.variantsOf.clear(result.productId)
      for (const { sku } of input.variants) {
        loaders.variant.clear(sku)
        loaders.available.clear(sku)
      }
      return result
    },
    reserveStock: (_: unknown, { input }: MutationReserveStockArgs, { caller, stock }: Context) => {
      requireService(caller, 'payment')
      return stock.reserve(input.orderId, input.lines)
    },
    releaseStock: settlement((stock, orderId) => stock.release(orderId)),
    commitStock: settlement((stock, orderId) => stock.commit(orderId)),
    returnStock: settlement((stock, orderId) => stock.giveBack(orderId)),
  },

  // Resolvers of their own: graphql-jit awaits what a resolver returns, and no promise inside a plain value.
  StockSet: {
    variant: ({ sku }: { sku: string }, _: unknown, { loaders }: Context) => loaders.variant.load(sku),
  },
  ProductSaved: {
    product: ({ productId }: { productId: string }, _: unknown, { loaders }: Context) =>
      loaders.product.load(productId),
  },

  Product: {
    __resolveReference: async ({ id }: { id: string }, { loaders }: Context) =>
      loaders.product.load(catalogId('product', id)),
    shop: ({ shopId }: ProductRow, _: unknown, { loaders }: Context) => loaders.shop.load(shopId),
    category: ({ categoryId }: ProductRow, _: unknown, { loaders }: Context) =>
      loaders.category.load(categoryId),
    variants: ({ id }: ProductRow, _: unknown, { loaders }: Context) => loaders.variantsOf.load(id),
    priceFromFen: async ({ id }: ProductRow, _: unknown, { loaders }: Context): Promise<number> =>
      Math.min(...(await loaders.variantsOf.load(id)).map(variant => variant.priceFen)),
  },

  Variant: {
    __resolveReference: async ({ sku }: { sku: string }, { loaders }: Context) =>
      loaders.variant.load(skuOf(sku)),
    stock: async ({ sku }: VariantRow, _: unknown, { loaders }: Context): Promise<StockLevel> =>
      stockLevelOf(await loaders.available.load(sku)),
    product: ({ productId }: VariantRow, _: unknown, { loaders }: Context) => loaders.product.load(productId),
  },

  Shop: {
    __resolveReference: async ({ id }: { id: string }, { loaders }: Context) =>
      loaders.shop.load(catalogId('shop', id)),
    products: productsOf('shop'),
  },

  Category: {
    __resolveReference: async ({ id }: { id: string }, { loaders }: Context) =>
      loaders.category.load(catalogId('category', id)),
    products: productsOf('category'),
  },
}

/**
 * Products that hold everything asked for; where there are none, those that hold some. Which of the two a list is, its
 * cursors say, so that a product added between two pages cannot turn one list into the other.
 */
async function searchProducts(
  _: unknown,
  args: QuerySearchProductsArgs,
  { database }: Context,
): Promise<Connection<FoundRow>> {
  const page = pageOf(args, 10, FIRST_MAX, ['number', 'number', 'string'])
  const grams = queryGramsOf(args.query)
  const filter = {
    grams,
    categoryId: args.categoryId == null ? null : catalogId('category', args.categoryId),
    shopId: args.shopId == null ? null : catalogId('shop', args.shopId),
    limit: page.limit + 1,
  }
  const after = page.after as readonly [matched: number, gramCount: number, id: string] | undefined
  let rows: FoundRow[] = []
  if (grams.length > 0) {
    const [matched, gramCount, id] = after ?? [grams.length, undefined, undefined]
    const cursor = gramCount === undefined ? undefined : { matched, gramCount, id }
    if (matched >= grams.length) rows = await store.searchAll(database, filter, cursor)
    const isPartial = after === undefined ? rows.length === 0 && grams.length > 1 : matched < grams.length
    if (isPartial) rows = await store.searchSome(database, filter, cursor)
  }
  return connectionOf(
    rows,
    page,
    row => [row.matched, row.gramCount, row.id],
    row => row,
  )
}

async function priceVariants(
  _: unknown,
  { skus }: QueryPriceVariantsArgs,
  { caller, loaders }: Context,
): Promise<VariantPrice[]> {
  requireService(caller, 'payment')
  if (skus.length > PRICED_MAX) {
    throw new Fault('BAD_INPUT', `skus expects at most ${PRICED_MAX}, got ${skus.length}`)
  }
  for (const sku of skus) skuOf(sku)
  const [variants, available] = await Promise.all([
    loaders.variant.loadMany(skus),
    loaders.available.loadMany(skus),
  ])
  const prices: VariantPrice[] = []
  for (const [index, variant] of variants.entries()) {
    const count = available[index]
    if (variant instanceof Error) throw variant
    if (count instanceof Error) throw count
    if (variant !== null) prices.push({ ...variant, available: count! })
  }
  return prices
}

function settlement(settle: (stock: Stock, orderId: string) => ReturnType<Stock['release']>) {
  return (_: unknown, { orderId }: MutationCommitStockArgs, { caller, stock }: Context) => {
    requireService(caller, 'payment')
    return settle(stock, orderId)
  }
}

function productsOf(owner: Owner) {
  return async (
    { id }: PlaceRow,
    args: PageArguments,
    { loaders }: Context,
  ): Promise<Connection<ProductRow>> => {
    const page = pageOf(args, 10, FIRST_MAX, ['number'])
    const afterPosition = page.after?.[0] as number | undefined
    const rows = await loaders.productsOf[owner].load({ id, afterPosition, limit: page.limit + 1 })
    return connectionOf(
      rows,
      page,
      row => [row.position],
      row => row,
    )
  }
}
