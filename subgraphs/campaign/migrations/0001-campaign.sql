-- Campaigns, the log of their changes and the treasury's ledger. Written by operators: nothing here is hot.

CREATE TABLE campaign (
  campaign_id text PRIMARY KEY CHECK (campaign_id ~ '^campaign_[a-z0-9-]{1,48}$'),
  name_zh text NOT NULL,
  name_en text NOT NULL,
  state text NOT NULL CHECK (state IN ('DRAFT', 'SCHEDULED', 'ACTIVE', 'PAUSED', 'ENDED')),
  -- Counts changes of state, from 1.
  version integer NOT NULL CHECK (version > 0),
  -- The change that opened issuance; null before it. From then on coupon has to hold `version`.
  opened_version integer,
  -- The highest version that coupon has acknowledged.
  acked_version integer NOT NULL DEFAULT 0,
  -- When the sweep is to push next, while acked_version is behind.
  push_at timestamptz NOT NULL,
  budget_fen bigint NOT NULL,
  face_fen bigint NOT NULL CHECK (face_fen > 0),
  min_spend_fen bigint NOT NULL CHECK (min_spend_fen >= 0),
  -- Whole coupons in the budget; what is left over stays in the treasury.
  limit_count integer NOT NULL CHECK (limit_count > 0),
  opens_at timestamptz NOT NULL,
  closes_at timestamptz NOT NULL,
  valid_until timestamptz NOT NULL,
  notice_zh text,
  notice_en text,
  created_at timestamptz NOT NULL,
  CHECK (opens_at < closes_at AND closes_at <= valid_until),
  CHECK (limit_count = budget_fen / face_fen),
  -- ENDED may be either: a scheduled campaign that was called off was never opened.
  CHECK (state = 'ENDED' OR (opened_version IS NOT NULL) = (state IN ('ACTIVE', 'PAUSED'))),
  CHECK (acked_version <= version AND opened_version <= version),
  CHECK ((notice_zh IS NOT NULL) = (state = 'PAUSED') AND (notice_en IS NOT NULL) = (state = 'PAUSED'))
);
CREATE INDEX campaign_listed ON campaign (opens_at, campaign_id) WHERE state <> 'DRAFT';
CREATE INDEX campaign_drafts ON campaign (created_at, campaign_id) WHERE state = 'DRAFT';
CREATE INDEX campaign_to_start ON campaign (opens_at) WHERE state = 'SCHEDULED';
CREATE INDEX campaign_to_push ON campaign (push_at) WHERE opened_version IS NOT NULL AND acked_version < version;

-- Who changed what and why, in the same transaction as the change.
CREATE TABLE change (
  campaign_id text NOT NULL REFERENCES campaign,
  version integer NOT NULL,
  change text NOT NULL CHECK (change IN ('create', 'schedule', 'activate', 'pause', 'resume', 'end')),
  reason text,
  client text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (campaign_id, version)
);

-- The treasury's ledger: each row moves an amount between two accounts, and each kind happens once a campaign.
-- treasury + allotted + returned = what was funded. coupon's ledger goes on where `allotted` begins.
CREATE TABLE transfer (
  campaign_id text NOT NULL REFERENCES campaign,
  kind text NOT NULL,
  debit text NOT NULL,
  credit text NOT NULL,
  amount_fen bigint NOT NULL CHECK (amount_fen > 0),
  at timestamptz NOT NULL,
  PRIMARY KEY (campaign_id, kind),
  CHECK (CASE kind
    WHEN 'FUND' THEN debit = 'external' AND credit = 'treasury'
    WHEN 'ALLOT' THEN debit = 'treasury' AND credit = 'allotted'
    WHEN 'RETURN' THEN debit = 'allotted' AND credit = 'returned'
    ELSE false
  END)
);
