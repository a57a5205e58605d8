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
  /** Campaigns, the one that opens last first, drafts apart. */
  readonly campaigns: CampaignConnection;
  /** One campaign; null when there is none with this id, and for a draft. */
  readonly campaign?: Maybe<Campaign>;
  /** Campaigns still being written, the newest first. */
  readonly draftCampaigns: CampaignConnection;
};

/** Everything that can be read. */
export type QueryCampaignsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
  state?: InputMaybe<CampaignState>;
};

/** Everything that can be read. */
export type QueryCampaignArgs = {
  id: Scalars['ID']['input'];
};

/** Everything that can be read. */
export type QueryDraftCampaignsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** Everything that can be changed. */
export type Mutation = {
  /** Writes a campaign as a DRAFT and funds its budget into the treasury. Nothing is issued before it is activated. */
  readonly createCampaign: CreateCampaignResult;
  /** Makes a draft start by itself at its opensAt. */
  readonly scheduleCampaign: ChangeCampaignResult;
  /** Moves the budget from the treasury to the campaign and opens issuance. */
  readonly activateCampaign: ChangeCampaignResult;
  /**
   * Stops issuance. Once this has answered, no coupon is issued until it is resumed; coupons already in wallets keep
   * working. The notice is what shoppers are told meanwhile.
   */
  readonly pauseIssuance: ChangeCampaignResult;
  /** Lets issuance go on after a pause. */
  readonly resumeIssuance: ChangeCampaignResult;
  /** Ends issuance for good and returns what was not issued; calls a scheduled campaign off. Coupons in wallets keep working. */
  readonly endCampaign: ChangeCampaignResult;
  /**
   * Makes gateways forget answers that they keep, so that the next request is answered by what is true now. It changes
   * nothing else. Needed only when data was changed past the graph: its mutations do this by themselves.
   */
  readonly invalidateCache: CacheInvalidated;
};

/** Everything that can be changed. */
export type MutationCreateCampaignArgs = {
  input: CreateCampaignInput;
};

/** Everything that can be changed. */
export type MutationScheduleCampaignArgs = {
  input: ChangeCampaignInput;
};

/** Everything that can be changed. */
export type MutationActivateCampaignArgs = {
  input: ChangeCampaignInput;
};

/** Everything that can be changed. */
export type MutationPauseIssuanceArgs = {
  input: PauseIssuanceInput;
};

/** Everything that can be changed. */
export type MutationResumeIssuanceArgs = {
  input: ChangeCampaignInput;
};

/** Everything that can be changed. */
export type MutationEndCampaignArgs = {
  input: ChangeCampaignInput;
};

/** Everything that can be changed. */
export type MutationInvalidateCacheArgs = {
  input: InvalidateCacheInput;
};

/** A drop of coupons: who pays, how much, when. */
export type Campaign = {
  /** Such as `campaign_spring-festival`. */
  readonly id: Scalars['ID']['output'];
  /** Name in Chinese. */
  readonly nameZh: Scalars['String']['output'];
  /** Name in English. */
  readonly nameEn: Scalars['String']['output'];
  /** How far it has come. */
  readonly state: CampaignState;
  /** What shoppers are told while issuance is paused; null when it is not. */
  readonly notice?: Maybe<CampaignNotice>;
  /** The windows of the campaign, in order. */
  readonly phases: ReadonlyArray<CampaignPhase>;
  /** All the money set aside for coupons. */
  readonly budgetFen: Scalars['Fen']['output'];
  /** Face value of one coupon. */
  readonly faceFen: Scalars['Fen']['output'];
  /** Smallest order that a coupon may be used on. */
  readonly minSpendFen: Scalars['Fen']['output'];
  /** Coupons are valid before this instant (exclusive, UTC). */
  readonly validUntil: Scalars['DateTime']['output'];
  /** Counts every change of state; issuance obeys the highest it has been given. */
  readonly version: Scalars['Int']['output'];
};

/** An operator's words to shoppers. */
export type CampaignNotice = {
  /** In Chinese. */
  readonly zh: Scalars['String']['output'];
  /** In English. */
  readonly en: Scalars['String']['output'];
};

/** A window of a campaign: open at opensAt, closed from closesAt on. */
export type CampaignPhase = {
  /** What the window is for. */
  readonly kind: CampaignPhaseKind;
  /** Its first instant. */
  readonly opensAt: Scalars['DateTime']['output'];
  /** The first instant after it. */
  readonly closesAt: Scalars['DateTime']['output'];
};

/** What a campaign's window is for. */
export type CampaignPhaseKind =
  /** Coupons can be claimed. */
  | 'ISSUANCE'
  /** Coupons can be used. */
  | 'REDEMPTION';

/** DRAFT → SCHEDULED → ACTIVE ⇄ PAUSED → ENDED; a draft may also be activated at once, a scheduled campaign ended. */
export type CampaignState =
  /** Written, seen by operators only. */
  | 'DRAFT'
  /** Will be activated at its opensAt. */
  | 'SCHEDULED'
  /** Funded, issuance open within its window. */
  | 'ACTIVE'
  /** Issuance stopped by an operator; redemption goes on. */
  | 'PAUSED'
  /** Issuance closed for good. */
  | 'ENDED';

/** A page of campaigns. */
export type CampaignConnection = {
  /** The page, in order. */
  readonly edges: ReadonlyArray<CampaignEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** A campaign in a page. */
export type CampaignEdge = {
  /** Its place in the list, to be given as `after`. */
  readonly cursor: Scalars['String']['output'];
  /** The campaign. */
  readonly node: Campaign;
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

/** The terms of a campaign. */
export type CreateCampaignInput = {
  /** Name in Chinese. */
  readonly nameZh: Scalars['String']['input'];
  /** Name in English. */
  readonly nameEn: Scalars['String']['input'];
  /** All the money for coupons; at least one face value. */
  readonly budgetFen: Scalars['Fen']['input'];
  /** Face value of one coupon; above 0. */
  readonly faceFen: Scalars['Fen']['input'];
  /** Smallest order that a coupon may be used on; 0 for none. */
  readonly minSpendFen?: Scalars['Fen']['input'];
  /** When coupons can first be claimed. */
  readonly opensAt: Scalars['DateTime']['input'];
  /** Coupons can be claimed before this instant, which itself is outside. */
  readonly closesAt: Scalars['DateTime']['input'];
  /** Coupons are valid before this instant (exclusive, UTC); at or after closesAt. */
  readonly validUntil: Scalars['DateTime']['input'];
};

/** Which campaign to change. */
export type ChangeCampaignInput = {
  /** The campaign's id, such as `campaign_spring-festival`. */
  readonly campaignId: Scalars['ID']['input'];
};

/** Which campaign to pause, and what to say about it. */
export type PauseIssuanceInput = {
  /** The campaign's id, such as `campaign_spring-festival`. */
  readonly campaignId: Scalars['ID']['input'];
  /** For the record, not shown to shoppers; at most 500 characters. */
  readonly reason: Scalars['String']['input'];
  /** Shown to shoppers, in Chinese; at most 500 characters. */
  readonly noticeZh: Scalars['String']['input'];
  /** Shown to shoppers, in English; at most 500 characters. */
  readonly noticeEn: Scalars['String']['input'];
};

/** What gateways shall forget; something of it must be named. */
export type InvalidateCacheInput = {
  /** At most 100, such as `Product:product_42` for one product, `campaigns` for the list of them, `*` for everything; each 1 to 256 characters without blanks. */
  readonly tags?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Names of types, at most 100, such as `Product`: every answer that tells of one; each 1 to 256 characters without blanks. */
  readonly types?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** What came of writing a campaign. */
export type CreateCampaignResult = CampaignCreated | CampaignRefused;

/** What came of changing a campaign's state. */
export type ChangeCampaignResult = CampaignChanged | CampaignNotFound | CampaignStateConflict;

/** The campaign is written, as a DRAFT. */
export type CampaignCreated = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The campaign as it is now. */
  readonly campaign: Campaign;
};

/** The terms make no sense together; the message says which. */
export type CampaignRefused = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** The campaign is in the state that was asked for, and issuance has acknowledged it. */
export type CampaignChanged = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The campaign as it is now. */
  readonly campaign: Campaign;
};

/** There is no campaign with this id. */
export type CampaignNotFound = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
};

/** The campaign's state does not allow this change. */
export type CampaignStateConflict = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** The state it is in. */
  readonly state: CampaignState;
};

/** Gateways forget what carries these tags or tells of these types. */
export type CacheInvalidated = ShopperMessage & {
  readonly code: Scalars['String']['output'];
  readonly severity: MessageSeverity;
  readonly messageZh: Scalars['String']['output'];
  readonly messageEn: Scalars['String']['output'];
  readonly retryable: Scalars['Boolean']['output'];
  readonly retryAfterMs?: Maybe<Scalars['Int']['output']>;
  /** As they were given. */
  readonly tags: ReadonlyArray<Scalars['String']['output']>;
  /** As they were given. */
  readonly types: ReadonlyArray<Scalars['String']['output']>;
};
