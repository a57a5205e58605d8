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
  /** For the payment service: the terms of a shopper's coupon, null when the shopper has no such coupon. */
  readonly checkCoupon?: Maybe<CouponTerms>
  readonly _entities: ReadonlyArray<Maybe<_Entity>>
  readonly _service: _Service
}

export type QueryCheckCouponArgs = {
  shopperId: Scalars['ID']['input']
  couponId: Scalars['ID']['input']
}

export type Query_EntitiesArgs = {
  representations: ReadonlyArray<Scalars['_Any']['input']>
}

export type Mutation = {
  /**
   * Claims the shopper's coupon of a campaign: one a shopper and campaign, however often it is asked for. Asking again
   * after a lost answer returns the coupon that was issued.
   */
  readonly claimCoupon: ClaimCouponResult
  /** Takes an unused coupon back, for good. */
  readonly revokeCoupon: RevokeCouponResult
  /** For the payment service: holds a coupon for an order. Idempotent by order. */
  readonly reserveCoupon: CouponHold
  /** For the payment service: gives a held coupon back to its shopper. Idempotent by order. */
  readonly releaseCoupon: CouponHold
  /** For the payment service: spends a held coupon on a paid order. Idempotent by order. */
  readonly redeemCoupon: CouponHold
  /** For the payment service: takes a redemption back after a full refund. Idempotent by order. */
  readonly returnCoupon: CouponHold
  /** For the campaign service: opens issuance with its terms. Idempotent by (campaign, version). */
  readonly openIssuance: IssuanceAcknowledgement
  /** For the campaign service: pauses or resumes issuance. Idempotent by (campaign, version); older versions are ignored. */
  readonly setIssuance: IssuanceAcknowledgement
  /** For the campaign service: closes issuance for good. Idempotent by (campaign, version). */
  readonly closeIssuance: IssuanceAcknowledgement
}

export type MutationClaimCouponArgs = {
  input: ClaimCouponInput
}

export type MutationRevokeCouponArgs = {
  input: RevokeCouponInput
}

export type MutationReserveCouponArgs = {
  input: ReserveCouponInput
}

export type MutationReleaseCouponArgs = {
  input: CouponOrderInput
}

export type MutationRedeemCouponArgs = {
  input: RedeemCouponInput
}

export type MutationReturnCouponArgs = {
  input: CouponOrderInput
}

export type MutationOpenIssuanceArgs = {
  input: OpenIssuanceInput
}

export type MutationSetIssuanceArgs = {
  input: SetIssuanceInput
}

export type MutationCloseIssuanceArgs = {
  input: CloseIssuanceInput
}

/** A person who shops. Visible to that person and to operators. */
export type Shopper = {
  readonly id: Scalars['ID']['output']
  /** The wallet, newest coupon first. */
  readonly coupons: CouponConnection
}

/** A person who shops. Visible to that person and to operators. */
export type ShopperCouponsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>
  after?: InputMaybe<Scalars['String']['input']>
  state?: InputMaybe<CouponState>
}

/** A promise of money off one order, held by one shopper. */
export type Coupon = {
  readonly id: Scalars['ID']['output']
  readonly campaign?: Maybe<Campaign>
  readonly state: CouponState
  readonly faceFen: Scalars['Fen']['output']
  /** Smallest order that it may be used on. */
  readonly minSpendFen: Scalars['Fen']['output']
  readonly issuedAt: Scalars['DateTime']['output']
  /** Valid before this instant, which itself is outside. */
  readonly validUntil: Scalars['DateTime']['output']
  /** The order that holds it or was paid with it. */
  readonly orderId?: Maybe<Scalars['ID']['output']>
  readonly redeemedAt?: Maybe<Scalars['DateTime']['output']>
}

export type CouponState =
  /** In the wallet, ready to use. */
  | 'ISSUED'
  /** Held for an order that is not paid yet. */
  | 'RESERVED'
  /** Used on a paid order. */
  | 'REDEEMED'
  /** Its time ended unused. */
  | 'EXPIRED'
  /** Taken back by an operator. */
  | 'REVOKED'
  /** The order was refunded after the coupon's time had ended. */
  | 'RETURNED'

export type CouponConnection = {
  readonly edges: ReadonlyArray<CouponEdge>
  readonly pageInfo: PageInfo
}

export type CouponEdge = {
  readonly cursor: Scalars['String']['output']
  readonly node: Coupon
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

export type Campaign = {
  readonly id: Scalars['ID']['output']
  /** How issuance stands; null until the campaign is activated. */
  readonly issuance?: Maybe<Issuance>
}

/** A campaign's budget as coupons: available + liability + expense + returned = allotted, at every moment. */
export type Issuance = {
  readonly state: IssuanceState
  /** How many coupons the budget pays for. */
  readonly limit: Scalars['Int']['output']
  readonly issued: Scalars['Int']['output']
  readonly remaining: Scalars['Int']['output']
  readonly allottedFen: Scalars['Fen']['output']
  readonly availableFen: Scalars['Fen']['output']
  /** Face value of coupons in wallets, not yet used. */
  readonly liabilityFen: Scalars['Fen']['output']
  /** Spent on paid orders. */
  readonly expenseFen: Scalars['Fen']['output']
  /** Expired, revoked, unused or unissued. */
  readonly returnedFen: Scalars['Fen']['output']
  readonly faceFen: Scalars['Fen']['output']
  readonly minSpendFen: Scalars['Fen']['output']
  readonly opensAt: Scalars['DateTime']['output']
  readonly closesAt: Scalars['DateTime']['output']
  readonly validUntil: Scalars['DateTime']['output']
  /** The operator's words while paused; null otherwise. */
  readonly noticeZh?: Maybe<Scalars['String']['output']>
  readonly noticeEn?: Maybe<Scalars['String']['output']>
  /** The last change of the campaign that issuance has obeyed. */
  readonly version: Scalars['Int']['output']
}

export type IssuanceState = 'OPEN' | 'PAUSED' | 'CLOSED'

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

export type ClaimCouponInput = {
  readonly campaignId: Scalars['ID']['input']
  /** A kept place's token, when an earlier answer gave one. */
  readonly placeToken?: InputMaybe<Scalars['String']['input']>
}

export type ClaimCouponResult =
  | CouponIssued
  | CouponAlreadyIssued
  | IssuancePaused
  | BudgetExhausted
  | NotEligible
  | CampaignNotOpen

/** The coupon is in the wallet. */
export type CouponIssued = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly coupon: Coupon
}

/** The shopper had claimed it before; this is that coupon. */
export type CouponAlreadyIssued = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly coupon: Coupon
}

/** An operator has paused issuance. Coupons already issued keep working. */
export type IssuancePaused = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  /** The operator's words. */
  readonly noticeZh: Scalars['String']['output']
  readonly noticeEn: Scalars['String']['output']
  /** Coupons already issued stay valid until this instant. */
  readonly issuedValidUntil: Scalars['DateTime']['output']
}

/** Every coupon of the campaign has been issued. */
export type BudgetExhausted = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

/** This shopper cannot have a coupon of this campaign. */
export type NotEligible = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly reason: NotEligibleReason
}

export type NotEligibleReason =
  /** The shopper's coupon of this campaign was revoked. */
  'COUPON_REVOKED'

/** There is no such campaign, or it is outside its window. */
export type CampaignNotOpen = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly reason: CampaignNotOpenReason
  /** When it opens; null unless it is still to open. */
  readonly opensAt?: Maybe<Scalars['DateTime']['output']>
}

export type CampaignNotOpenReason = 'UNKNOWN_CAMPAIGN' | 'NOT_YET_OPEN' | 'CLOSED'

export type RevokeCouponInput = {
  readonly couponId: Scalars['ID']['input']
  /** For the record; at most 500 characters. */
  readonly reason: Scalars['String']['input']
}

export type RevokeCouponResult = CouponRevoked | CouponNotFound | CouponStateConflict

export type CouponRevoked = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly coupon: Coupon
}

export type CouponNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
}

/** The coupon's state does not allow this change. */
export type CouponStateConflict = ShopperMessage & {
  readonly code: Scalars['String']['output']
  readonly severity: MessageSeverity
  readonly messageZh: Scalars['String']['output']
  readonly messageEn: Scalars['String']['output']
  readonly retryable: Scalars['Boolean']['output']
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>
  readonly state: CouponState
}

/** What the payment service needs to know of a coupon. */
export type CouponTerms = {
  readonly couponId: Scalars['ID']['output']
  readonly state: CouponState
  /** Null when the coupon can be used now. */
  readonly refusal?: Maybe<CouponRefusal>
  readonly faceFen: Scalars['Fen']['output']
  readonly minSpendFen: Scalars['Fen']['output']
  readonly validUntil: Scalars['DateTime']['output']
}

export type CouponRefusal = 'NOT_FOUND' | 'EXPIRED' | 'NOT_AVAILABLE' | 'BELOW_MINIMUM'

/** How a coupon stands towards an order. */
export type CouponHold = {
  readonly couponId: Scalars['ID']['output']
  readonly orderId: Scalars['ID']['output']
  /** The coupon's state now. */
  readonly state?: Maybe<CouponState>
  /** Null when the order has what it asked for. */
  readonly refusal?: Maybe<CouponRefusal>
  readonly faceFen: Scalars['Fen']['output']
}

export type ReserveCouponInput = {
  readonly shopperId: Scalars['ID']['input']
  readonly couponId: Scalars['ID']['input']
  readonly orderId: Scalars['ID']['input']
  /** The order's total before the coupon; it must reach the coupon's minimum. */
  readonly subtotalFen: Scalars['Fen']['input']
}

export type CouponOrderInput = {
  readonly shopperId: Scalars['ID']['input']
  readonly couponId: Scalars['ID']['input']
  readonly orderId: Scalars['ID']['input']
}

export type RedeemCouponInput = {
  readonly shopperId: Scalars['ID']['input']
  readonly couponId: Scalars['ID']['input']
  readonly orderId: Scalars['ID']['input']
  /** The order's total before the coupon; what the face exceeds it by is returned. */
  readonly subtotalFen: Scalars['Fen']['input']
}

export type OpenIssuanceInput = {
  readonly campaignId: Scalars['ID']['input']
  readonly version: Scalars['Int']['input']
  readonly limit: Scalars['Int']['input']
  readonly faceFen: Scalars['Fen']['input']
  readonly minSpendFen: Scalars['Fen']['input']
  readonly opensAt: Scalars['DateTime']['input']
  readonly closesAt: Scalars['DateTime']['input']
  readonly validUntil: Scalars['DateTime']['input']
}

export type SetIssuanceInput = {
  readonly campaignId: Scalars['ID']['input']
  readonly version: Scalars['Int']['input']
  readonly paused: Scalars['Boolean']['input']
  readonly noticeZh?: InputMaybe<Scalars['String']['input']>
  readonly noticeEn?: InputMaybe<Scalars['String']['input']>
}

export type CloseIssuanceInput = {
  readonly campaignId: Scalars['ID']['input']
  readonly version: Scalars['Int']['input']
}

export type IssuanceAcknowledgement = {
  readonly campaignId: Scalars['ID']['output']
  /** The version held now: at least the one that was sent. */
  readonly version: Scalars['Int']['output']
  readonly state: IssuanceState
  /** What was never issued and has been returned, once closed; 0 before. */
  readonly unissuedFen: Scalars['Fen']['output']
}

export type Link__Purpose =
  /** `SECURITY` features provide metadata necessary to securely resolve fields. */
  | 'SECURITY'
  /** `EXECUTION` features provide metadata necessary for operation execution. */
  | 'EXECUTION'

export type _Service = {
  readonly sdl?: Maybe<Scalars['String']['output']>
}

export type _Entity = Campaign | Coupon | Shopper
