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
  /** The shopper whose token this is; null for anyone else. */
  readonly me?: Maybe<Shopper>
  /** One of the shopper's orders; null when the shopper has no such order. */
  readonly order?: Maybe<Order>
  readonly _entities: ReadonlyArray<Maybe<_Entity>>
  readonly _service: _Service
}

export type QueryOrderArgs = {
  id: Scalars['ID']['input']
}

export type Query_EntitiesArgs = {
  representations: ReadonlyArray<Scalars['_Any']['input']>
}

export type Mutation = {
  /** Prices a basket, with a coupon or without, and keeps the price for ten minutes. Nothing is reserved yet. */
  readonly quoteOrder: QuoteOrderResult
  /** Orders what was quoted: stock and coupon are held, and the order waits 15 minutes for payment. */
  readonly placeOrder: PlaceOrderResult
  /** Pays an order. This spends money. */
  readonly payOrder: PayOrderResult
  /** Cancels an order that is not paid; what it held is given back. */
  readonly cancelOrder: CancelOrderResult
  /** Refunds a paid order in full: the money, the stock, and the coupon if it is still valid. */
  readonly refundOrder: RefundOrderResult
}

export type MutationQuoteOrderArgs = {
  input: QuoteOrderInput
}

export type MutationPlaceOrderArgs = {
  input: PlaceOrderInput
}

export type MutationPayOrderArgs = {
  input: PayOrderInput
}

export type MutationCancelOrderArgs = {
  input: CancelOrderInput
}

export type MutationRefundOrderArgs = {
  input: RefundOrderInput
}

/** A person who shops. Visible to that person and to operators. */
export type Shopper = {
  readonly id: Scalars['ID']['output']
  /** Orders, newest first. */
  readonly orders: OrderConnection
}

/** A person who shops. Visible to that person and to operators. */
export type ShopperOrdersArgs = {
  first?: InputMaybe<Scalars['Int']['input']>
  after?: InputMaybe<Scalars['String']['input']>
}

export type Coupon = {
  readonly id: Scalars['ID']['output']
}

export type Variant = {
  readonly sku: Scalars['ID']['output']
}

/** A price that is kept until it expires. */
export type Quote = {
  readonly id: Scalars['ID']['output']
  readonly lines: ReadonlyArray<OrderLine>
  readonly subtotalFen: Scalars['Fen']['output']
  readonly discountFen: Scalars['Fen']['output']
  /** subtotalFen - discountFen */
  readonly payableFen: Scalars['Fen']['output']
  readonly coupon?: Maybe<Coupon>
  readonly expiresAt: Scalars['DateTime']['output']
  /** SHA-256 of what was quoted, in lower-case hex, so that both sides can tell that it has not changed. */
  readonly sha256: Scalars['String']['output']
}

export type Order = {
  readonly id: Scalars['ID']['output']
  readonly state: OrderState
  readonly lines: ReadonlyArray<OrderLine>
  readonly subtotalFen: Scalars['Fen']['output']
  readonly discountFen: Scalars['Fen']['output']
  /** subtotalFen - discountFen */
  readonly payableFen: Scalars['Fen']['output']
  readonly coupon?: Maybe<Coupon>
  /** The payment that succeeded, else the latest; null when there was none. */
  readonly payment?: Maybe<Payment>
  readonly refund?: Maybe<Refund>
  readonly createdAt: Scalars['DateTime']['output']
  /** When an unpaid order is cancelled. */
  readonly expiresAt: Scalars['DateTime']['output']
  readonly paidAt?: Maybe<Scalars['DateTime']['output']>
  /** Null unless the order is CANCELLED. */
  readonly cancelReason?: Maybe<CancelReason>
}

export type OrderLine = {
  readonly sku: Scalars['ID']['output']
  /** As it was when quoted. */
  readonly nameZh: Scalars['String']['output']
  readonly nameEn: Scalars['String']['output']
  readonly quantity: Scalars['Int']['output']
  readonly unitPriceFen: Scalars['Fen']['output']
  readonly totalFen: Scalars['Fen']['output']
  readonly variant?: Maybe<Variant>
}

export type OrderState =
  /** Accepted; stock and coupon are being held. */
  'CREATED' | 'AWAITING_PAYMENT' | 'PAID' | 'CANCELLED' | 'REFUNDED'

export type CancelReason =
  /** Cancelled by the shopper. */
  | 'SHOPPER'
  /** Not paid in time. */
  | 'EXPIRED'
  | 'OUT_OF_STOCK'
  | 'COUPON_NOT_USABLE'

export type Payment = {
  readonly id: Scalars['ID']['output']
  readonly state: PaymentState
  readonly amountFen: Scalars['Fen']['output']
  /** The provider's name. */
  readonly provider: Scalars['String']['output']
  readonly createdAt: Scalars['DateTime']['output']
  readonly paidAt?: Maybe<Scalars['DateTime']['output']>
}

/** Alipay's trade states. */
export type PaymentState =
  | 'WAIT_BUYER_PAY'
  /** Paid, refundable. */
  | 'TRADE_SUCCESS'
  /** Paid, no longer refundable. */
  | 'TRADE_FINISHED'
  /** Declined, timed out, or refunded in full. */
  | 'TRADE_CLOSED'

export type Refund = {
  readonly id: Scalars['ID']['output']
  readonly state: RefundState
  readonly amountFen: Scalars['Fen']['output']
  readonly createdAt: Scalars['DateTime']['output']
}

export type RefundState = 'PENDING' | 'SUCCEEDED'

export type OrderConnection = {
  readonly edges: ReadonlyArray<OrderEdge>
  readonly pageInfo: PageInfo
}

export type OrderEdge = {
  readonly cursor: Scalars['String']['output']
  readonly node: Order
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

export type QuoteOrderInput = {
  /** 1 to 20 lines, each sku once. */
  readonly lines: ReadonlyArray<QuoteLineInput>
  /** A coupon from the wallet. */
  readonly couponId?: InputMaybe<Scalars['ID']['input']>
}

export type QuoteLineInput = {
  readonly sku: Scalars['ID']['input']
  /** 1 to 99. */
  readonly quantity: Scalars['Int']['input']
}

export type QuoteOrderResult = OrderQuoted | VariantUnavailable | CouponNotUsable

export type OrderQuoted = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly quote: Quote
}

/** A variant does not exist or there are not enough of it. */
export type VariantUnavailable = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly sku: Scalars['ID']['output']
  readonly available: Scalars['Int']['output']
}

export type CouponNotUsable = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly reason: CouponNotUsableReason
}

export type CouponNotUsableReason =
  /** The shopper has no such coupon. */
  | 'NOT_FOUND'
  | 'EXPIRED'
  /** Used, revoked, or held for another order. */
  | 'NOT_AVAILABLE'
  /** The basket does not reach the coupon's minimum. */
  | 'BELOW_MINIMUM'

export type PlaceOrderInput = {
  readonly quoteId: Scalars['ID']['input']
  /** At most 128 characters; the quote's id when absent. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>
}

export type PlaceOrderResult =
  | OrderPlaced
  | OrderPending
  | QuoteNotFound
  | QuoteExpired
  | VariantUnavailable
  | CouponNotUsable
  | IdempotencyConflict

/** The order stands. It awaits payment, or is PAID at once when nothing is due. */
export type OrderPlaced = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly order: Order
  /** True when an earlier request with this key had placed it. */
  readonly replayed: Scalars['Boolean']['output']
}

/** The order is accepted and still being settled; ask for its status. */
export type OrderPending = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly orderId: Scalars['ID']['output']
}

export type QuoteNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

export type QuoteExpired = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

/** The key was used before with other input. */
export type IdempotencyConflict = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

export type PayOrderInput = {
  readonly orderId: Scalars['ID']['input']
  /** The provider's payment credential. The sandbox provider declines `sandbox-decline` and accepts the rest. */
  readonly paymentToken?: InputMaybe<Scalars['String']['input']>
  /** At most 128 characters; derived from the order and attempt when absent. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>
}

export type PayOrderResult =
  | OrderPaid
  | OrderPending
  | PaymentDeclined
  | OrderNotFound
  | OrderStateConflict
  | SpendingLimitExceeded
  | IdempotencyConflict

/** Paid. The coupon is redeemed and the stock committed, now or within moments. */
export type OrderPaid = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly order: Order
  readonly replayed: Scalars['Boolean']['output']
}

export type PaymentDeclined = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly order: Order
}

export type OrderNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

/** The order's state does not allow this. */
export type OrderStateConflict = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly state: OrderState
}

/** The token's mandate does not allow a payment this large. */
export type SpendingLimitExceeded = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly limitFen: Scalars['Fen']['output']
}

export type CancelOrderInput = {
  readonly orderId: Scalars['ID']['input']
  /** At most 128 characters; the order's id when absent. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>
}

export type CancelOrderResult =
  | OrderCancelled
  | OrderPending
  | OrderNotFound
  | OrderStateConflict
  | IdempotencyConflict

export type OrderCancelled = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly order: Order
  readonly replayed: Scalars['Boolean']['output']
}

export type RefundOrderInput = {
  readonly orderId: Scalars['ID']['input']
  /** For the record; at most 500 characters. */
  readonly reason?: InputMaybe<Scalars['String']['input']>
  /** At most 128 characters; the order's id when absent. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>
}

export type RefundOrderResult =
  | OrderRefunded
  | OrderPending
  | OrderNotFound
  | OrderStateConflict
  | IdempotencyConflict

export type OrderRefunded = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly order: Order
  readonly replayed: Scalars['Boolean']['output']
}

export type Link__Purpose =
  /** `SECURITY` features provide metadata necessary to securely resolve fields. */
  | 'SECURITY'
  /** `EXECUTION` features provide metadata necessary for operation execution. */
  | 'EXECUTION'

export type _Service = {
  readonly sdl?: Maybe<Scalars['String']['output']>
}

export type _Entity = Coupon | Order | Payment | Quote | Refund | Shopper | Variant
