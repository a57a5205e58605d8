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
  /** The shopper whose token this is; null for a caller without a shopper's token. */
  readonly me?: Maybe<Shopper>;
  /** One of the shopper's orders; null when the shopper has no such order. */
  readonly order?: Maybe<Order>;
};

/** Everything that can be read. */
export type QueryOrderArgs = {
  id: Scalars['ID']['input'];
};

/** Everything that can be changed. */
export type Mutation = {
  /** Prices a basket, with a coupon or without, and keeps the price for ten minutes. Nothing is reserved yet. */
  readonly quoteOrder: QuoteOrderResult;
  /** Orders what was quoted: stock and coupon are held, and the order waits 15 minutes for payment. */
  readonly placeOrder: PlaceOrderResult;
  /** Pays an order. This spends money. */
  readonly payOrder: PayOrderResult;
  /** Cancels an order that is not paid; what it held is given back. */
  readonly cancelOrder: CancelOrderResult;
  /** Refunds a paid order in full: the money, the stock, and the coupon if it is still valid. */
  readonly refundOrder: RefundOrderResult;
};

/** Everything that can be changed. */
export type MutationQuoteOrderArgs = {
  input: QuoteOrderInput;
};

/** Everything that can be changed. */
export type MutationPlaceOrderArgs = {
  input: PlaceOrderInput;
};

/** Everything that can be changed. */
export type MutationPayOrderArgs = {
  input: PayOrderInput;
};

/** Everything that can be changed. */
export type MutationCancelOrderArgs = {
  input: CancelOrderInput;
};

/** Everything that can be changed. */
export type MutationRefundOrderArgs = {
  input: RefundOrderInput;
};

/** A person who shops. Visible to that person and to operators. */
export type Shopper = {
  readonly id: Scalars['ID']['output'];
  /** Orders, newest first. */
  readonly orders: OrderConnection;
};

/** A person who shops. Visible to that person and to operators. */
export type ShopperOrdersArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

export type Coupon = {
  readonly id: Scalars['ID']['output'];
};

export type Variant = {
  readonly sku: Scalars['ID']['output'];
};

/** A price that is kept until it expires. */
export type Quote = {
  /** Begins with `quote_`; what placeOrder asks for. */
  readonly id: Scalars['ID']['output'];
  /** What was priced. */
  readonly lines: ReadonlyArray<OrderLine>;
  /** The lines together. */
  readonly subtotalFen: Scalars['Fen']['output'];
  /** What the coupon takes off; 0 without one. */
  readonly discountFen: Scalars['Fen']['output'];
  /** subtotalFen - discountFen */
  readonly payableFen: Scalars['Fen']['output'];
  /** The coupon that was counted; null without one. */
  readonly coupon?: Maybe<Coupon>;
  /** The price holds before this instant. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** SHA-256 of what was quoted, in lower-case hex, so that both sides can tell that it has not changed. */
  readonly sha256: Scalars['String']['output'];
};

/** What a shopper has ordered. */
export type Order = {
  /** Begins with `order_`. */
  readonly id: Scalars['ID']['output'];
  /** How far it has come. */
  readonly state: OrderState;
  /** What was ordered. */
  readonly lines: ReadonlyArray<OrderLine>;
  /** The lines together. */
  readonly subtotalFen: Scalars['Fen']['output'];
  /** What the coupon takes off; 0 without one. */
  readonly discountFen: Scalars['Fen']['output'];
  /** subtotalFen - discountFen */
  readonly payableFen: Scalars['Fen']['output'];
  /** The coupon it was placed with; null without one. */
  readonly coupon?: Maybe<Coupon>;
  /** The payment that succeeded, else the latest; null when there was none. */
  readonly payment?: Maybe<Payment>;
  /** The refund; null when there is none. */
  readonly refund?: Maybe<Refund>;
  /** When it was placed. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When an unpaid order is cancelled. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** When it was paid; null until then. */
  readonly paidAt?: Maybe<Scalars['DateTime']['output']>;
  /** Null unless the order is CANCELLED. */
  readonly cancelReason?: Maybe<CancelReason>;
};

/** A variant and how many of it. */
export type OrderLine = {
  /** The variant's sku. */
  readonly sku: Scalars['ID']['output'];
  /** Product and variant in Chinese, as they were when quoted. */
  readonly nameZh: Scalars['String']['output'];
  /** Product and variant in English, as they were when quoted. */
  readonly nameEn: Scalars['String']['output'];
  /** How many. */
  readonly quantity: Scalars['Int']['output'];
  /** Price of one, as it was when quoted. */
  readonly unitPriceFen: Scalars['Fen']['output'];
  /** unitPriceFen × quantity */
  readonly totalFen: Scalars['Fen']['output'];
  /** The variant as it is now; null while it cannot be read. */
  readonly variant?: Maybe<Variant>;
};

/** CREATED → AWAITING_PAYMENT → PAID → REFUNDED; CANCELLED before it is paid. */
export type OrderState =
  /** Accepted; stock and coupon are being held. */
  | 'CREATED'
  /** Stock and coupon are held until it is paid, cancelled or expires. */
  | 'AWAITING_PAYMENT'
  /** Paid, or nothing was due. */
  | 'PAID'
  /** Given up; what it held is given back. */
  | 'CANCELLED'
  /** Paid back in full. */
  | 'REFUNDED';

/** Why an order was cancelled. */
export type CancelReason =
  /** Cancelled by the shopper. */
  | 'SHOPPER'
  /** Not paid in time. */
  | 'EXPIRED'
  /** The stock could not be held. */
  | 'OUT_OF_STOCK'
  /** The coupon could not be held. */
  | 'COUPON_NOT_USABLE';

/** One attempt to pay an order. */
export type Payment = {
  /** Begins with `payment_`. */
  readonly id: Scalars['ID']['output'];
  /** How the provider says it stands. */
  readonly state: PaymentState;
  /** How much. */
  readonly amountFen: Scalars['Fen']['output'];
  /** The provider's name. */
  readonly provider: Scalars['String']['output'];
  /** When it was begun. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When it succeeded; null until then. */
  readonly paidAt?: Maybe<Scalars['DateTime']['output']>;
};

/** Alipay's trade states. */
export type PaymentState =
  /** Begun, not paid yet. */
  | 'WAIT_BUYER_PAY'
  /** Paid, refundable. */
  | 'TRADE_SUCCESS'
  /** Paid, no longer refundable. */
  | 'TRADE_FINISHED'
  /** Declined, timed out, or refunded in full. */
  | 'TRADE_CLOSED';

/** The return of an order's money. */
export type Refund = {
  /** Begins with `refund_`. */
  readonly id: Scalars['ID']['output'];
  /** Whether the money is back. */
  readonly state: RefundState;
  /** How much. */
  readonly amountFen: Scalars['Fen']['output'];
  /** When it was begun. */
  readonly createdAt: Scalars['DateTime']['output'];
};

/** Whether the money of a refund is back. */
export type RefundState =
  /** The provider has yet to confirm it. */
  | 'PENDING'
  /** The money is back. */
  | 'SUCCEEDED';

/** A page of orders. */
export type OrderConnection = {
  /** The page, in order. */
  readonly edges: ReadonlyArray<OrderEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** An order in a page. */
export type OrderEdge = {
  /** Its place in the list, to be given as `after`. */
  readonly cursor: Scalars['String']['output'];
  /** The order. */
  readonly node: Order;
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

/** A basket. */
export type QuoteOrderInput = {
  /** 1 to 20 lines, each sku once. */
  readonly lines: ReadonlyArray<QuoteLineInput>;
  /** A coupon of the wallet whose state is ISSUED, by its id; leave out to pay without one. */
  readonly couponId?: InputMaybe<Scalars['ID']['input']>;
};

/** A variant and how many of it. */
export type QuoteLineInput = {
  /** The variant's sku, as search_products shows it. */
  readonly sku: Scalars['ID']['input'];
  /** 1 to 99. */
  readonly quantity: Scalars['Int']['input'];
};

/** What came of asking for a price. */
export type QuoteOrderResult = OrderQuoted | VariantUnavailable | CouponNotUsable;

/** The price, kept until the quote expires. */
export type OrderQuoted = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The quote. */
  readonly quote: Quote;
};

/** A variant does not exist or there are not enough of it. */
export type VariantUnavailable = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** Which variant. */
  readonly sku: Scalars['ID']['output'];
  /** How many can be had; 0 when it does not exist. */
  readonly available: Scalars['Int']['output'];
};

/** The coupon cannot be used on this basket. */
export type CouponNotUsable = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** Why not. */
  readonly reason: CouponNotUsableReason;
};

/** Why a coupon cannot be used. */
export type CouponNotUsableReason =
  /** The shopper has no such coupon. */
  | 'NOT_FOUND'
  /** Its time has ended. */
  | 'EXPIRED'
  /** Used, revoked, or held for another order. */
  | 'NOT_AVAILABLE'
  /** The basket does not reach the coupon's minimum. */
  | 'BELOW_MINIMUM';

/** Which quote to order. */
export type PlaceOrderInput = {
  /** The quote's id, as quote_order gave it: begins with `quote_`. */
  readonly quoteId: Scalars['ID']['input'];
  /** Leave out: it is derived, from the quote's id. At most 128 characters. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};

/** What came of placing an order. */
export type PlaceOrderResult = OrderPlaced | OrderPending | QuoteNotFound | QuoteExpired | VariantUnavailable | CouponNotUsable | IdempotencyConflict;

/** The order stands. It awaits payment, or is PAID at once when nothing is due. */
export type OrderPlaced = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The order as it is now. */
  readonly order: Order;
  /** True when an earlier request with this key had placed it. */
  readonly replayed: Scalars['Boolean']['output'];
};

/** The order is accepted and still being settled; ask for its status. */
export type OrderPending = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** What to ask the status of. */
  readonly orderId: Scalars['ID']['output'];
};

/** The shopper has no quote with this id. */
export type QuoteNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** The price holds no longer; ask for a new quote. */
export type QuoteExpired = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** The key was used before with other input. */
export type IdempotencyConflict = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** Which order to pay, and how. */
export type PayOrderInput = {
  /** The order's id, as place_order and my_orders show it: begins with `order_`. */
  readonly orderId: Scalars['ID']['input'];
  /** Leave out unless the shopper's app gave one; the built-in sandbox provider takes any, and declines `sandbox-decline`. */
  readonly paymentToken?: InputMaybe<Scalars['String']['input']>;
  /** Leave out: it is derived, from the order and the attempt. At most 128 characters. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};

/** What came of paying an order. */
export type PayOrderResult = OrderPaid | OrderPending | PaymentDeclined | OrderNotFound | OrderStateConflict | SpendingLimitExceeded | IdempotencyConflict;

/** Paid. The coupon is redeemed and the stock committed, now or within moments. */
export type OrderPaid = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The order as it is now. */
  readonly order: Order;
  /** True when an earlier request with this key had paid it. */
  readonly replayed: Scalars['Boolean']['output'];
};

/** The provider refused the payment. The order still awaits one. */
export type PaymentDeclined = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The order as it is now. */
  readonly order: Order;
};

/** The shopper has no order with this id. */
export type OrderNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** The order's state does not allow this. */
export type OrderStateConflict = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The state it is in. */
  readonly state: OrderState;
};

/** The token's mandate does not allow a payment this large. */
export type SpendingLimitExceeded = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The most that one payment may be. */
  readonly limitFen: Scalars['Fen']['output'];
};

/** Which order to cancel. */
export type CancelOrderInput = {
  /** The order's id, as place_order and my_orders show it: begins with `order_`. */
  readonly orderId: Scalars['ID']['input'];
  /** Leave out: it is derived, from the order's id. At most 128 characters. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};

/** What came of cancelling an order. */
export type CancelOrderResult = OrderCancelled | OrderPending | OrderNotFound | OrderStateConflict | IdempotencyConflict;

/** The order is cancelled; what it held is given back, now or within moments. */
export type OrderCancelled = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The order as it is now. */
  readonly order: Order;
  /** True when an earlier request with this key had cancelled it. */
  readonly replayed: Scalars['Boolean']['output'];
};

/** Which order to refund, and why. */
export type RefundOrderInput = {
  /** The order's id, as place_order and my_orders show it: begins with `order_`. */
  readonly orderId: Scalars['ID']['input'];
  /** For the record; at most 500 characters. */
  readonly reason?: InputMaybe<Scalars['String']['input']>;
  /** Leave out: it is derived, from the order's id. At most 128 characters. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};

/** What came of refunding an order. */
export type RefundOrderResult = OrderRefunded | OrderPending | OrderNotFound | OrderStateConflict | IdempotencyConflict;

/** The order is refunded. */
export type OrderRefunded = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The order as it is now. */
  readonly order: Order;
  /** True when an earlier request with this key had refunded it. */
  readonly replayed: Scalars['Boolean']['output'];
};
