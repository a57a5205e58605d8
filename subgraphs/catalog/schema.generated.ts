// Generated from schema.graphql by `npm run schema`. Do not edit.
export type Maybe<T> = T | null
export type InputMaybe<T> = Maybe<T>
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string }
  String: { input: string; output: string }
  Boolean: { input: boolean; output: boolean }
  Int: { input: number; output: number }
  Float: { input: number; output: number }
  /** An amount of money in fen (1 yuan = 100 fen, CNY): an integer from -(2^53-1) to 2^53-1; fractions are refused. */
  Fen: { input: number; output: number }
  /** An instant as RFC 3339 in UTC with milliseconds, such as 2027-02-28T16:00:00.000Z. */
  DateTime: { input: Date; output: Date }
  link__Import: { input: unknown; output: unknown }
  federation__FieldSet: { input: string; output: string }
  federation__Scope: { input: unknown; output: unknown }
  federation__Policy: { input: unknown; output: unknown }
  federation__ContextFieldValue: { input: unknown; output: unknown }
  _Any: { input: unknown; output: unknown }
}

export type CacheControl__Scope = 'PUBLIC' | 'PRIVATE'

export type Query = {
  /**
   * Products whose names contain the words asked for, Chinese or English, best match first. Products that contain them
   * all come alone; only when there are none, those that contain some.
   */
  readonly searchProducts: ProductConnection
  readonly product?: Maybe<Product>
  readonly categories: ReadonlyArray<Category>
  readonly shops: ShopConnection
  /** For the payment service: names and prices, in the order asked for; skus that do not exist are left out. */
  readonly priceVariants: ReadonlyArray<VariantPrice>
  readonly _entities: ReadonlyArray<Maybe<_Entity>>
  readonly _service: _Service
}

export type QuerySearchProductsArgs = {
  query: Scalars['String']['input']
  first?: InputMaybe<Scalars['Int']['input']>
  after?: InputMaybe<Scalars['String']['input']>
  categoryId?: InputMaybe<Scalars['ID']['input']>
  shopId?: InputMaybe<Scalars['ID']['input']>
}

export type QueryProductArgs = {
  id: Scalars['ID']['input']
}

export type QueryShopsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>
  after?: InputMaybe<Scalars['String']['input']>
}

export type QueryPriceVariantsArgs = {
  skus: ReadonlyArray<Scalars['ID']['input']>
}

export type Query_EntitiesArgs = {
  representations: ReadonlyArray<Scalars['_Any']['input']>
}

export type Mutation = {
  /** Sets how many of a variant are on hand, reservations included. */
  readonly setStock: SetStockResult
  /** Adds a product with its variants, or changes one. */
  readonly upsertProduct: UpsertProductResult
  /** For the payment service: holds stock for an order, all lines or none. Idempotent by order. */
  readonly reserveStock: StockHold
  /** For the payment service: gives held stock back. Idempotent by order. */
  readonly releaseStock: StockHold
  /** For the payment service: takes held stock off the shelf. Idempotent by order. */
  readonly commitStock: StockHold
  /** For the payment service: puts committed stock back after a refund. Idempotent by order. */
  readonly returnStock: StockHold
}

export type MutationSetStockArgs = {
  input: SetStockInput
}

export type MutationUpsertProductArgs = {
  input: UpsertProductInput
}

export type MutationReserveStockArgs = {
  input: ReserveStockInput
}

export type MutationReleaseStockArgs = {
  orderId: Scalars['ID']['input']
}

export type MutationCommitStockArgs = {
  orderId: Scalars['ID']['input']
}

export type MutationReturnStockArgs = {
  orderId: Scalars['ID']['input']
}

export type Product = {
  readonly id: Scalars['ID']['output']
  readonly nameZh: Scalars['String']['output']
  readonly nameEn: Scalars['String']['output']
  readonly descriptionZh: Scalars['String']['output']
  readonly descriptionEn: Scalars['String']['output']
  readonly shop: Shop
  readonly category: Category
  readonly variants: ReadonlyArray<Variant>
  /** The cheapest variant's price. */
  readonly priceFromFen: Scalars['Fen']['output']
}

/** One thing that can be bought: a size or kind of a product. */
export type Variant = {
  readonly sku: Scalars['ID']['output']
  readonly nameZh: Scalars['String']['output']
  readonly nameEn: Scalars['String']['output']
  readonly priceFen: Scalars['Fen']['output']
  readonly stock: StockLevel
  readonly product: Product
}

export type StockLevel =
  | 'IN_STOCK'
  /** Fewer than ten are left. */
  | 'LOW'
  | 'OUT'

export type Shop = {
  readonly id: Scalars['ID']['output']
  readonly nameZh: Scalars['String']['output']
  readonly nameEn: Scalars['String']['output']
  /** What the shop sells, in the order of the catalog. */
  readonly products: ProductConnection
}

export type ShopProductsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>
  after?: InputMaybe<Scalars['String']['input']>
}

export type Category = {
  readonly id: Scalars['ID']['output']
  readonly nameZh: Scalars['String']['output']
  readonly nameEn: Scalars['String']['output']
  /** What the category holds, in the order of the catalog. */
  readonly products: ProductConnection
}

export type CategoryProductsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>
  after?: InputMaybe<Scalars['String']['input']>
}

export type ProductConnection = {
  readonly edges: ReadonlyArray<ProductEdge>
  readonly pageInfo: PageInfo
}

export type ProductEdge = {
  readonly cursor: Scalars['String']['output']
  readonly node: Product
}

export type ShopConnection = {
  readonly edges: ReadonlyArray<ShopEdge>
  readonly pageInfo: PageInfo
}

export type ShopEdge = {
  readonly cursor: Scalars['String']['output']
  readonly node: Shop
}

/** Where a page stands in its list. */
export type PageInfo = {
  /** True when more follow this page. */
  readonly hasNextPage: Scalars['Boolean']['output']
  /** True when `after` was given: something comes before this page. */
  readonly hasPreviousPage: Scalars['Boolean']['output']
  /** Cursor of the page's first edge; null on an empty page. */
  readonly startCursor?: Maybe<Scalars['String']['output']>
  /** Cursor of the page's last edge, to be given as `after`; null on an empty page. */
  readonly endCursor?: Maybe<Scalars['String']['output']>
}

/** How a message should be taken. */
export type MessageSeverity =
  /** It worked. */
  | 'SUCCESS'
  /** Nothing went wrong, and nothing was done. */
  | 'INFO'
  /** It did not work now and may work later. */
  | 'WARNING'
  /** It did not work and will not, unless something changes. */
  | 'ERROR'

/** An outcome in words, for a person in front of a chatbot and for the program that speaks to them. */
export type ShopperMessage = {
  /** A stable name for the outcome, in capitals. */
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  /** One sentence in Chinese. */
  readonly messageZh: Scalars['String']['output']
  /** One sentence in English. */
  readonly messageEn: Scalars['String']['output']
  /** True when asking again, unchanged, may succeed. */
  readonly retryable: Scalars['Boolean']['output']
  /** How long to wait before asking again, in milliseconds; null when there is nothing to wait for. */
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

export type SetStockInput = {
  readonly sku: Scalars['ID']['input']
  /** 0 to 1,000,000,000; not below what is reserved. */
  readonly onHand: Scalars['Int']['input']
}

export type SetStockResult = StockSet | VariantNotFound | StockBelowReserved

export type StockSet = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly variant: Variant
}

export type VariantNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

export type StockBelowReserved = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  /** How many are reserved for orders now. */
  readonly reserved: Scalars['Int']['output']
}

export type UpsertProductInput = {
  /** product_ and lower-case letters, digits and dashes. */
  readonly id: Scalars['ID']['input']
  readonly nameZh: Scalars['String']['input']
  readonly nameEn: Scalars['String']['input']
  readonly descriptionZh: Scalars['String']['input']
  readonly descriptionEn: Scalars['String']['input']
  readonly shopId: Scalars['ID']['input']
  readonly categoryId: Scalars['ID']['input']
  /** 1 to 20. Variants that are not named stay as they are. */
  readonly variants: ReadonlyArray<UpsertVariantInput>
}

export type UpsertVariantInput = {
  readonly sku: Scalars['ID']['input']
  readonly nameZh: Scalars['String']['input']
  readonly nameEn: Scalars['String']['input']
  readonly priceFen: Scalars['Fen']['input']
  /** Stock of a variant that is new; ignored for one that exists. */
  readonly onHand?: Scalars['Int']['input']
}

export type UpsertProductResult = ProductSaved | ProductRefused

export type ProductSaved = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly product: Product
}

/** Something in the product does not hold; the message says what. */
export type ProductRefused = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

export type VariantPrice = {
  readonly sku: Scalars['ID']['output']
  readonly nameZh: Scalars['String']['output']
  readonly nameEn: Scalars['String']['output']
  readonly priceFen: Scalars['Fen']['output']
  readonly available: Scalars['Int']['output']
}

export type StockHold = {
  readonly orderId: Scalars['ID']['output']
  readonly state: StockHoldState
  /** The lines that could not be held, when the state is REFUSED. */
  readonly short: ReadonlyArray<StockShort>
}

export type StockHoldState =
  | 'HELD'
  | 'REFUSED'
  | 'RELEASED'
  | 'COMMITTED'
  | 'RETURNED'
  /** There is no reservation for the order. */
  | 'NONE'

export type StockShort = {
  readonly sku: Scalars['ID']['output']
  readonly available: Scalars['Int']['output']
}

export type ReserveStockInput = {
  readonly orderId: Scalars['ID']['input']
  /** Each sku once. */
  readonly lines: ReadonlyArray<StockLineInput>
}

export type StockLineInput = {
  readonly sku: Scalars['ID']['input']
  readonly quantity: Scalars['Int']['input']
}

export type Link__Purpose =
  /** `SECURITY` features provide metadata necessary to securely resolve fields. */
  | 'SECURITY'
  /** `EXECUTION` features provide metadata necessary for operation execution. */
  | 'EXECUTION'

export type _Service = {
  readonly sdl?: Maybe<Scalars['String']['output']>
}

export type _Entity = Category | Product | Shop | Variant
