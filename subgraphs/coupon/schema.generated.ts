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
  /** For the payment service: the terms of a shopper's coupon, null when the shopper has no such coupon. */
  readonly checkCoupon?: Maybe<CouponTerms>;
};

/** Everything that can be read. */
export type QueryCheckCouponArgs = {
  shopperId: Scalars['ID']['input'];
  couponId: Scalars['ID']['input'];
};

/** Everything that can be changed. */
export type Mutation = {
  /**
   * Claims the shopper's coupon of a campaign: one a shopper and campaign, however often it is asked for. Asking again
   * after a lost answer returns the coupon that was issued.
   */
  readonly claimCoupon: ClaimCouponResult;
  /** Takes an unused coupon back, for good. */
  readonly revokeCoupon: RevokeCouponResult;
  /** For the payment service: holds a coupon for an order. Idempotent by order. */
  readonly reserveCoupon: CouponHold;
  /** For the payment service: gives a held coupon back to its shopper. Idempotent by order. */
  readonly releaseCoupon: CouponHold;
  /** For the payment service: spends a held coupon on a paid order. Idempotent by order. */
  readonly redeemCoupon: CouponHold;
  /** For the payment service: takes a redemption back after a full refund. Idempotent by order. */
  readonly returnCoupon: CouponHold;
  /** For the campaign service: opens issuance with its terms. Idempotent by (campaign, version). */
  readonly openIssuance: IssuanceAcknowledgement;
  /** For the campaign service: pauses or resumes issuance. Idempotent by (campaign, version); older versions are ignored. */
  readonly setIssuance: IssuanceAcknowledgement;
  /** For the campaign service: closes issuance for good. Idempotent by (campaign, version). */
  readonly closeIssuance: IssuanceAcknowledgement;
};

/** Everything that can be changed. */
export type MutationClaimCouponArgs = {
  input: ClaimCouponInput;
};

/** Everything that can be changed. */
export type MutationRevokeCouponArgs = {
  input: RevokeCouponInput;
};

/** Everything that can be changed. */
export type MutationReserveCouponArgs = {
  input: ReserveCouponInput;
};

/** Everything that can be changed. */
export type MutationReleaseCouponArgs = {
  input: CouponOrderInput;
};

/** Everything that can be changed. */
export type MutationRedeemCouponArgs = {
  input: RedeemCouponInput;
};

/** Everything that can be changed. */
export type MutationReturnCouponArgs = {
  input: CouponOrderInput;
};

/** Everything that can be changed. */
export type MutationOpenIssuanceArgs = {
  input: OpenIssuanceInput;
};

/** Everything that can be changed. */
export type MutationSetIssuanceArgs = {
  input: SetIssuanceInput;
};

/** Everything that can be changed. */
export type MutationCloseIssuanceArgs = {
  input: CloseIssuanceInput;
};

/** A person who shops. Visible to that person and to operators. */
export type Shopper = {
  /** The id in their token. */
  readonly id: Scalars['ID']['output'];
  /** The wallet, newest coupon first. */
  readonly coupons: CouponConnection;
};

/** A person who shops. Visible to that person and to operators. */
export type ShopperCouponsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
  state?: InputMaybe<CouponState>;
};

/** A promise of money off one order, held by one shopper. */
export type Coupon = {
  /** Begins with `coupon_`. */
  readonly id: Scalars['ID']['output'];
  /** The campaign that issued it; null while it cannot be read. */
  readonly campaign?: Maybe<Campaign>;
  /** Whether it can be used. */
  readonly state: CouponState;
  /** How much it takes off. */
  readonly faceFen: Scalars['Fen']['output'];
  /** Smallest order that it may be used on. */
  readonly minSpendFen: Scalars['Fen']['output'];
  /** When it was claimed. */
  readonly issuedAt: Scalars['DateTime']['output'];
  /** The coupon is valid before this instant (exclusive, UTC). */
  readonly validUntil: Scalars['DateTime']['output'];
  /** The order that holds it or was paid with it. */
  readonly orderId?: Maybe<Scalars['ID']['output']>;
  /** When it was used; null unless it is REDEEMED or RETURNED. */
  readonly redeemedAt?: Maybe<Scalars['DateTime']['output']>;
};

/** ISSUED ⇄ RESERVED → REDEEMED, and back to ISSUED when the order is refunded in time; every other state is an end. */
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
  | 'RETURNED';

/** A page of coupons. */
export type CouponConnection = {
  /** The page, in order. */
  readonly edges: ReadonlyArray<CouponEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** A coupon in a page. */
export type CouponEdge = {
  /** Its place in the list, to be given as `after`. */
  readonly cursor: Scalars['String']['output'];
  /** The coupon. */
  readonly node: Coupon;
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

export type Campaign = {
  /** Such as `campaign_spring-festival`. */
  readonly id: Scalars['ID']['output'];
  /** How issuance stands; null until the campaign is activated. */
  readonly issuance?: Maybe<Issuance>;
};

/** A campaign's budget as coupons: available + liability + expense + returned = allotted, at every moment. */
export type Issuance = {
  /** Whether coupons can be claimed. */
  readonly state: IssuanceState;
  /** How many coupons the budget pays for. */
  readonly limit: Scalars['Int']['output'];
  /** How many have been issued. */
  readonly issued: Scalars['Int']['output'];
  /** How many are left: limit - issued, and none once it is closed. */
  readonly remaining: Scalars['Int']['output'];
  /** The whole budget. */
  readonly allottedFen: Scalars['Fen']['output'];
  /** Not issued yet. */
  readonly availableFen: Scalars['Fen']['output'];
  /** Face value of coupons in wallets, not yet used. */
  readonly liabilityFen: Scalars['Fen']['output'];
  /** Spent on paid orders. */
  readonly expenseFen: Scalars['Fen']['output'];
  /** Expired, revoked, unused or unissued. */
  readonly returnedFen: Scalars['Fen']['output'];
  /** Face value of one coupon. */
  readonly faceFen: Scalars['Fen']['output'];
  /** Smallest order that a coupon may be used on. */
  readonly minSpendFen: Scalars['Fen']['output'];
  /** When coupons can first be claimed. */
  readonly opensAt: Scalars['DateTime']['output'];
  /** Coupons can be claimed before this instant, which itself is outside. */
  readonly closesAt: Scalars['DateTime']['output'];
  /** Coupons are valid before this instant (exclusive, UTC). */
  readonly validUntil: Scalars['DateTime']['output'];
  /** The operator's words while paused, in Chinese; null otherwise. */
  readonly noticeZh?: Maybe<Scalars['String']['output']>;
  /** The operator's words while paused, in English; null otherwise. */
  readonly noticeEn?: Maybe<Scalars['String']['output']>;
  /** The last change of the campaign that issuance has obeyed. */
  readonly version: Scalars['Int']['output'];
};

/** Whether an operator lets coupons be issued. The window and the budget decide too. */
export type IssuanceState =
  /** Coupons are issued within the window, while the budget lasts. */
  | 'OPEN'
  /** Stopped by an operator, to be resumed. */
  | 'PAUSED'
  /** Over for good. */
  | 'CLOSED';

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

/** Which campaign to claim from. */
export type ClaimCouponInput = {
  /** The campaign's id, such as `campaign_spring-festival`. */
  readonly campaignId: Scalars['ID']['input'];
  /**
   * Leave it out at first. When an answer is a KeptPlace, ask again with its `token` here, at its `admitAt` or shortly after:
   * the shopper is then served in turn. A token that is not right changes nothing.
   */
  readonly placeToken?: InputMaybe<Scalars['String']['input']>;
};

/** What came of claiming a coupon. */
export type ClaimCouponResult = CouponIssued | CouponAlreadyIssued | KeptPlace | IssuancePaused | BudgetExhausted | NotEligible | CampaignNotOpen;

/** The coupon is in the wallet. */
export type CouponIssued = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The new coupon. */
  readonly coupon: Coupon;
};

/** The shopper had claimed it before; this is that coupon. */
export type CouponAlreadyIssued = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The coupon they have. */
  readonly coupon: Coupon;
};

/**
 * More ask than can be served at once: a place in line, kept for this shopper alone. Nothing was done yet. Asking again is
 * admitted from `admitAt` on; asking earlier changes nothing and gives the same place.
 */
export type KeptPlace = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** Proves the place: to be given as `placeToken` when asking again. */
  readonly token: Scalars['String']['output'];
  /** Asking again is admitted from this instant on, for some time. */
  readonly admitAt: Scalars['DateTime']['output'];
  /** How many stand before this place whose turn has not come; 0: this shopper is next. */
  readonly position: Scalars['Int']['output'];
};

/** An operator has paused issuance. Coupons already issued keep working. */
export type IssuancePaused = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The operator's words, in Chinese. */
  readonly noticeZh: Scalars['String']['output'];
  /** The operator's words, in English. */
  readonly noticeEn: Scalars['String']['output'];
  /** Coupons already issued stay valid until this instant. */
  readonly issuedValidUntil: Scalars['DateTime']['output'];
};

/** Every coupon of the campaign has been issued. */
export type BudgetExhausted = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** This shopper cannot have a coupon of this campaign. */
export type NotEligible = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** Why not. */
  readonly reason: NotEligibleReason;
};

/** Why a shopper cannot have a coupon. */
export type NotEligibleReason =
  /** The shopper's coupon of this campaign was revoked. */
  | 'COUPON_REVOKED';

/** There is no such campaign, or it is outside its window. */
export type CampaignNotOpen = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** Why not. */
  readonly reason: CampaignNotOpenReason;
  /** When it opens; null unless it is still to open. */
  readonly opensAt?: Maybe<Scalars['DateTime']['output']>;
};

/** Why nothing can be claimed. */
export type CampaignNotOpenReason =
  /** No campaign with this id was ever activated. */
  | 'UNKNOWN_CAMPAIGN'
  /** Its window is still to open. */
  | 'NOT_YET_OPEN'
  /** Its window has ended, or an operator ended it. */
  | 'CLOSED';

/** Which coupon to take back, and why. */
export type RevokeCouponInput = {
  /** The coupon's id, as the wallet shows it: begins with `coupon_`. */
  readonly couponId: Scalars['ID']['input'];
  /** For the record; at most 500 characters. */
  readonly reason: Scalars['String']['input'];
};

/** What came of taking a coupon back. */
export type RevokeCouponResult = CouponRevoked | CouponNotFound | CouponStateConflict;

/** The coupon is taken back. */
export type CouponRevoked = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The coupon as it is now. */
  readonly coupon: Coupon;
};

/** There is no coupon with this id. */
export type CouponNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** The coupon's state does not allow this change. */
export type CouponStateConflict = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The state it is in. */
  readonly state: CouponState;
};

/** What the payment service needs to know of a coupon. */
export type CouponTerms = {
  readonly couponId: Scalars['ID']['output'];
  readonly state: CouponState;
  /** Null when the coupon can be used now. */
  readonly refusal?: Maybe<CouponRefusal>;
  readonly faceFen: Scalars['Fen']['output'];
  readonly minSpendFen: Scalars['Fen']['output'];
  readonly validUntil: Scalars['DateTime']['output'];
};

export type CouponRefusal =
  | 'NOT_FOUND'
  | 'EXPIRED'
  | 'NOT_AVAILABLE'
  | 'BELOW_MINIMUM';

/** How a coupon stands towards an order. */
export type CouponHold = {
  readonly couponId: Scalars['ID']['output'];
  readonly orderId: Scalars['ID']['output'];
  /** The coupon's state now. */
  readonly state?: Maybe<CouponState>;
  /** Null when the order has what it asked for. */
  readonly refusal?: Maybe<CouponRefusal>;
  readonly faceFen: Scalars['Fen']['output'];
};

export type ReserveCouponInput = {
  readonly shopperId: Scalars['ID']['input'];
  readonly couponId: Scalars['ID']['input'];
  readonly orderId: Scalars['ID']['input'];
  /** The order's total before the coupon; it must reach the coupon's minimum. */
  readonly subtotalFen: Scalars['Fen']['input'];
};

export type CouponOrderInput = {
  readonly shopperId: Scalars['ID']['input'];
  readonly couponId: Scalars['ID']['input'];
  readonly orderId: Scalars['ID']['input'];
};

export type RedeemCouponInput = {
  readonly shopperId: Scalars['ID']['input'];
  readonly couponId: Scalars['ID']['input'];
  readonly orderId: Scalars['ID']['input'];
  /** The order's total before the coupon; what the face exceeds it by is returned. */
  readonly subtotalFen: Scalars['Fen']['input'];
};

export type OpenIssuanceInput = {
  readonly campaignId: Scalars['ID']['input'];
  readonly version: Scalars['Int']['input'];
  readonly limit: Scalars['Int']['input'];
  readonly faceFen: Scalars['Fen']['input'];
  readonly minSpendFen: Scalars['Fen']['input'];
  readonly opensAt: Scalars['DateTime']['input'];
  readonly closesAt: Scalars['DateTime']['input'];
  readonly validUntil: Scalars['DateTime']['input'];
};

export type SetIssuanceInput = {
  readonly campaignId: Scalars['ID']['input'];
  readonly version: Scalars['Int']['input'];
  readonly paused: Scalars['Boolean']['input'];
  readonly noticeZh?: InputMaybe<Scalars['String']['input']>;
  readonly noticeEn?: InputMaybe<Scalars['String']['input']>;
};

export type CloseIssuanceInput = {
  readonly campaignId: Scalars['ID']['input'];
  readonly version: Scalars['Int']['input'];
};

export type IssuanceAcknowledgement = {
  readonly campaignId: Scalars['ID']['output'];
  /** The version held now: at least the one that was sent. */
  readonly version: Scalars['Int']['output'];
  readonly state: IssuanceState;
  /** What was never issued and has been returned, once closed; 0 before. */
  readonly unissuedFen: Scalars['Fen']['output'];
};
