// Generated from schema.graphql by `npm run schema`. Do not edit.
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** An amount of money in fen (1 yuan = 100 fen, CNY): an integer from -(2^53-1) to 2^53-1; fractions are refused. */
  Fen: { input: number; output: number; }
  /** An instant as RFC 3339 in UTC with milliseconds, such as 2027-02-28T16:00:00.000Z. */
  DateTime: { input: Date; output: Date; }
};

/** Everything that can be read. */
export type Query = {
  /**
   * Products whose names contain the words asked for, Chinese or English, best match first. Products that contain them
   * all come alone; only when there are none, those that contain some.
   */
  readonly searchProducts: ProductConnection;
  /** One product; null when there is none with this id. */
  readonly product?: Maybe<Product>;
  /** All categories, in the catalog's order. */
  readonly categories: ReadonlyArray<Category>;
  /** Shops, in the catalog's order. */
  readonly shops: ShopConnection;
  /** For the payment service: names and prices, in the order asked for; skus that do not exist are left out. */
  readonly priceVariants: ReadonlyArray<VariantPrice>;
};

/** Everything that can be read. */
export type QuerySearchProductsArgs = {
  query: Scalars['String']['input'];
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
  categoryId?: InputMaybe<Scalars['ID']['input']>;
  shopId?: InputMaybe<Scalars['ID']['input']>;
};

/** Everything that can be read. */
export type QueryProductArgs = {
  id: Scalars['ID']['input'];
};

/** Everything that can be read. */
export type QueryShopsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** Everything that can be read. */
export type QueryPriceVariantsArgs = {
  skus: ReadonlyArray<Scalars['ID']['input']>;
};

/** Everything that can be changed. */
export type Mutation = {
  /** Sets how many of a variant are on hand, reservations included. */
  readonly setStock: SetStockResult;
  /** Adds a product with its variants, or changes one. */
  readonly upsertProduct: UpsertProductResult;
  /** For the payment service: holds stock for an order, all lines or none. Idempotent by order. */
  readonly reserveStock: StockHold;
  /** For the payment service: gives held stock back. Idempotent by order. */
  readonly releaseStock: StockHold;
  /** For the payment service: takes held stock off the shelf. Idempotent by order. */
  readonly commitStock: StockHold;
  /** For the payment service: puts committed stock back after a refund. Idempotent by order. */
  readonly returnStock: StockHold;
};

/** Everything that can be changed. */
export type MutationSetStockArgs = {
  input: SetStockInput;
};

/** Everything that can be changed. */
export type MutationUpsertProductArgs = {
  input: UpsertProductInput;
};

/** Everything that can be changed. */
export type MutationReserveStockArgs = {
  input: ReserveStockInput;
};

/** Everything that can be changed. */
export type MutationReleaseStockArgs = {
  orderId: Scalars['ID']['input'];
};

/** Everything that can be changed. */
export type MutationCommitStockArgs = {
  orderId: Scalars['ID']['input'];
};

/** Everything that can be changed. */
export type MutationReturnStockArgs = {
  orderId: Scalars['ID']['input'];
};

/** Something a shop sells, in one or more variants. */
export type Product = {
  /** Begins with `product_`. */
  readonly id: Scalars['ID']['output'];
  /** Name in Chinese. */
  readonly nameZh: Scalars['String']['output'];
  /** Name in English. */
  readonly nameEn: Scalars['String']['output'];
  /** A sentence or two in Chinese. */
  readonly descriptionZh: Scalars['String']['output'];
  /** A sentence or two in English. */
  readonly descriptionEn: Scalars['String']['output'];
  /** Who sells it. */
  readonly shop: Shop;
  /** Where it belongs. */
  readonly category: Category;
  /** What can be bought of it. */
  readonly variants: ReadonlyArray<Variant>;
  /** The cheapest variant's price. */
  readonly priceFromFen: Scalars['Fen']['output'];
};

/** One thing that can be bought: a size or kind of a product. */
export type Variant = {
  /** The stock-keeping unit: what orders and stock name it by. */
  readonly sku: Scalars['ID']['output'];
  /** What tells it from its siblings, in Chinese. */
  readonly nameZh: Scalars['String']['output'];
  /** What tells it from its siblings, in English. */
  readonly nameEn: Scalars['String']['output'];
  /** Price of one. */
  readonly priceFen: Scalars['Fen']['output'];
  /** Whether it can be had; the exact number is not published. */
  readonly stock: StockLevel;
  /** What it is a variant of. */
  readonly product: Product;
};

/** How much is left, reservations taken off. */
export type StockLevel =
  /** Ten or more are left. */
  | 'IN_STOCK'
  /** Fewer than ten are left. */
  | 'LOW'
  /** None is left. */
  | 'OUT';

/** A seller. */
export type Shop = {
  /** Begins with `shop_`. */
  readonly id: Scalars['ID']['output'];
  /** Name in Chinese. */
  readonly nameZh: Scalars['String']['output'];
  /** Name in English. */
  readonly nameEn: Scalars['String']['output'];
  /** What the shop sells, in the order of the catalog. */
  readonly products: ProductConnection;
};

/** A seller. */
export type ShopProductsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** A kind of product. */
export type Category = {
  /** Begins with `category_`. */
  readonly id: Scalars['ID']['output'];
  /** Name in Chinese. */
  readonly nameZh: Scalars['String']['output'];
  /** Name in English. */
  readonly nameEn: Scalars['String']['output'];
  /** What the category holds, in the order of the catalog. */
  readonly products: ProductConnection;
};

/** A kind of product. */
export type CategoryProductsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** A page of products. */
export type ProductConnection = {
  /** The page, in order. */
  readonly edges: ReadonlyArray<ProductEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** A product in a page. */
export type ProductEdge = {
  /** Its place in the list, to be given as `after`. */
  readonly cursor: Scalars['String']['output'];
  /** The product. */
  readonly node: Product;
};

/** A page of shops. */
export type ShopConnection = {
  /** The page, in order. */
  readonly edges: ReadonlyArray<ShopEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** A shop in a page. */
export type ShopEdge = {
  /** Its place in the list, to be given as `after`. */
  readonly cursor: Scalars['String']['output'];
  /** The shop. */
  readonly node: Shop;
};

/** Where a page stands in its list. */
export type PageInfo = {
  /** True when more follow this page. */
  readonly hasNextPage: Scalars['Boolean']['output'];
  /** True when `after` was given: something comes before this page. */
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  /** Cursor of the page's first edge; null on an empty page. */
  readonly startCursor?: Maybe<Scalars['String']['output']>;
  /** Cursor of the page's last edge, to be given as `after`; null on an empty page. */
  readonly endCursor?: Maybe<Scalars['String']['output']>;
};

/** How a message should be taken. */
export type MessageSeverity =
  /** It worked. */
  | 'SUCCESS'
  /** Nothing went wrong, and nothing was done. */
  | 'INFO'
  /** It did not work now and may work later. */
  | 'WARNING'
  /** It did not work and will not, unless something changes. */
  | 'ERROR';

/** An outcome in words, for a person in front of a chatbot and for the program that speaks to them. */
export type ShopperMessage = {
  /** A stable name for the outcome, in capitals. */
  readonly code: Scalars['String']['output'];
  /** How to take it. */
  readonly severity: MessageSeverity;
  /** One sentence in Chinese. */
  readonly messageZh: Scalars['String']['output'];
  /** One sentence in English. */
  readonly messageEn: Scalars['String']['output'];
  /** True when asking again, unchanged, may succeed. */
  readonly retryable: Scalars['Boolean']['output'];
  /** How long to wait before asking again, in milliseconds; null when there is nothing to wait for. */
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** A variant and how many there are of it. */
export type SetStockInput = {
  /** The variant's sku. */
  readonly sku: Scalars['ID']['input'];
  /** 0 to 1,000,000,000; not below what is reserved. */
  readonly onHand: Scalars['Int']['input'];
};

/** What came of setting stock. */
export type SetStockResult = StockSet | VariantNotFound | StockBelowReserved;

/** The stock is set. */
export type StockSet = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The variant as it is now. */
  readonly variant: Variant;
};

/** There is no variant with this sku. */
export type VariantNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** More is reserved for orders than would be on hand. */
export type StockBelowReserved = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** How many are reserved for orders now. */
  readonly reserved: Scalars['Int']['output'];
};

/** A product and its variants. */
export type UpsertProductInput = {
  /** product_ and lower-case letters, digits and dashes. */
  readonly id: Scalars['ID']['input'];
  /** Name in Chinese. */
  readonly nameZh: Scalars['String']['input'];
  /** Name in English. */
  readonly nameEn: Scalars['String']['input'];
  /** In Chinese. */
  readonly descriptionZh: Scalars['String']['input'];
  /** In English. */
  readonly descriptionEn: Scalars['String']['input'];
  /** Who sells it; must exist. */
  readonly shopId: Scalars['ID']['input'];
  /** Where it belongs; must exist. */
  readonly categoryId: Scalars['ID']['input'];
  /** 1 to 20. Variants that are not named stay as they are. */
  readonly variants: ReadonlyArray<UpsertVariantInput>;
};

/** A variant of the product. */
export type UpsertVariantInput = {
  /** Its sku; not one of another product. */
  readonly sku: Scalars['ID']['input'];
  /** What tells it from its siblings, in Chinese. */
  readonly nameZh: Scalars['String']['input'];
  /** What tells it from its siblings, in English. */
  readonly nameEn: Scalars['String']['input'];
  /** Price of one. */
  readonly priceFen: Scalars['Fen']['input'];
  /** Stock of a variant that is new; ignored for one that exists. */
  readonly onHand?: Scalars['Int']['input'];
};

/** What came of saving a product. */
export type UpsertProductResult = ProductSaved | ProductRefused;

/** The product is saved. */
export type ProductSaved = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The product as it is now. */
  readonly product: Product;
};

/** Something in the product does not hold; the message says what. */
export type ProductRefused = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

export type VariantPrice = {
  readonly sku: Scalars['ID']['output'];
  readonly nameZh: Scalars['String']['output'];
  readonly nameEn: Scalars['String']['output'];
  readonly priceFen: Scalars['Fen']['output'];
  readonly available: Scalars['Int']['output'];
};

export type StockHold = {
  readonly orderId: Scalars['ID']['output'];
  readonly state: StockHoldState;
  /** The lines that could not be held, when the state is REFUSED. */
  readonly short: ReadonlyArray<StockShort>;
};

export type StockHoldState =
  | 'HELD'
  | 'REFUSED'
  | 'RELEASED'
  | 'COMMITTED'
  | 'RETURNED'
  /** There is no reservation for the order. */
  | 'NONE';

export type StockShort = {
  readonly sku: Scalars['ID']['output'];
  readonly available: Scalars['Int']['output'];
};

export type ReserveStockInput = {
  readonly orderId: Scalars['ID']['input'];
  /** Each sku once. */
  readonly lines: ReadonlyArray<StockLineInput>;
};

export type StockLineInput = {
  readonly sku: Scalars['ID']['input'];
  readonly quantity: Scalars['Int']['input'];
};
