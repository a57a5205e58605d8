-- Issuance terms, budget buckets, coupons and their ledger.
--
-- slice_no leads every key that belongs to a shopper, so that on a distributed Postgres each hot statement stays on one node.
-- Locks are taken in this order: issuance, bucket by number, expiry, coupon by key, hold, settlement.

-- What campaign has opened. Terms and validity live here and not on coupons: extending validity for all is one update.
CREATE TABLE issuance (
  campaign_id text PRIMARY KEY CHECK (campaign_id ~ '^campaign_[a-z0-9-]{1,48}$'),
  -- The last change that was obeyed.
  version integer NOT NULL CHECK (version > 0),
  state text NOT NULL CHECK (state IN ('OPEN', 'PAUSED', 'CLOSED')),
  limit_count integer NOT NULL CHECK (limit_count > 0),
  face_fen bigint NOT NULL CHECK (face_fen > 0),
  min_spend_fen bigint NOT NULL CHECK (min_spend_fen >= 0),
  opens_at timestamptz NOT NULL,
  closes_at timestamptz NOT NULL,
  valid_until timestamptz NOT NULL,
  -- Null unless PAUSED.
  notice_zh text,
  notice_en text,
  -- A shopper's bucket is slice_no mod bucket_count; fixed when issuance is opened.
  bucket_count smallint NOT NULL CHECK (bucket_count IN (1, 2, 4, 8, 16, 32, 64, 128, 256)),
  -- What closing returned; 0 before.
  unissued_fen bigint NOT NULL DEFAULT 0 CHECK (unissued_fen >= 0),
  -- The cause of the issuance's own transfers, ALLOT and CLOSE.
  ledger_id uuid NOT NULL,
  CHECK (opens_at < closes_at AND closes_at <= valid_until),
  -- Every sum of fen is an exact JSON number.
  CHECK (limit_count * face_fen <= 9007199254740991)
);

-- The only hot rows. Locked by claims and by changes of the issuance, by nothing else.
CREATE TABLE bucket (
  campaign_id text NOT NULL REFERENCES issuance,
  bucket_no smallint NOT NULL,
  limit_count integer NOT NULL,
  issued_count integer NOT NULL DEFAULT 0,
  PRIMARY KEY (campaign_id, bucket_no),
  -- The last line of defence against a coupon too many.
  CHECK (issued_count BETWEEN 0 AND limit_count)
) WITH (fillfactor = 10);

-- One a shopper, campaign and grant (grant 0; later grants are for invitations). State changes touch no indexed column,
-- so with room on the page they write no index.
CREATE TABLE coupon (
  slice_no smallint NOT NULL CHECK (slice_no BETWEEN 0 AND 255),
  campaign_id text NOT NULL,
  shopper_id text NOT NULL CHECK (length(shopper_id) BETWEEN 1 AND 64),
  grant_no smallint NOT NULL DEFAULT 0,
  coupon_id uuid NOT NULL,
  state text NOT NULL DEFAULT 'ISSUED',
  issued_at timestamptz NOT NULL,
  order_id uuid,
  redeemed_at timestamptz,
  PRIMARY KEY (slice_no, campaign_id, shopper_id, grant_no),
  -- One comparison for a claim, whose state comes first.
  CHECK (CASE state
    WHEN 'ISSUED' THEN order_id IS NULL AND redeemed_at IS NULL
    WHEN 'RESERVED' THEN order_id IS NOT NULL AND redeemed_at IS NULL
    WHEN 'REDEEMED' THEN order_id IS NOT NULL AND redeemed_at IS NOT NULL
    WHEN 'RETURNED' THEN order_id IS NOT NULL AND redeemed_at IS NOT NULL
    WHEN 'EXPIRED' THEN order_id IS NULL AND redeemed_at IS NULL
    WHEN 'REVOKED' THEN order_id IS NULL AND redeemed_at IS NULL
    ELSE false
  END)
) WITH (fillfactor = 85);

-- The wallet, newest first (uuidv7 ascends with time). Not led by slice_no: while statistics say that the table is small, the
-- planner finds every index equally good of which a first column is given, and one led by slice_no would then be read for a
-- whole slice. Led like this, whichever of the three it takes, a look-up reads one shopper's coupons or one coupon.
CREATE INDEX coupon_of_shopper ON coupon (shopper_id, coupon_id);
-- A coupon by id. New ids go to its right edge. (That ids differ is held by the ledger's key.)
CREATE INDEX coupon_by_id ON coupon (coupon_id);

-- How a coupon stands towards an order; kept after its end, so that a request that comes again, or too late, is recognised.
CREATE TABLE hold (
  slice_no smallint NOT NULL,
  order_id uuid NOT NULL,
  coupon_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('HELD', 'RELEASED', 'REDEEMED', 'RETURNED')),
  -- What redemption moved to expense.
  expense_fen bigint NOT NULL DEFAULT 0 CHECK (expense_fen >= 0),
  PRIMARY KEY (slice_no, order_id)
);

-- Why an operator took a coupon back.
CREATE TABLE revocation (
  slice_no smallint NOT NULL,
  coupon_id uuid NOT NULL,
  reason text NOT NULL,
  client text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (slice_no, coupon_id)
);

-- The ledger: each row moves an amount from one account to another, so it balances by construction. The key lets each
-- cause happen once: cause_id is the issuance's ledger_id for ALLOT and CLOSE (slice 0), the coupon for ISSUE, EXPIRE and
-- REVOKE, the order for the rest. One row of this shape a claim measured 70,000/s and 547 B of WAL; two rows with random
-- keys 41,000/s and 2,139 B.
CREATE TABLE transfer (
  slice_no smallint NOT NULL,
  cause_id uuid NOT NULL,
  kind text NOT NULL,
  campaign_id text NOT NULL,
  debit text NOT NULL,
  credit text NOT NULL,
  amount_fen bigint NOT NULL CHECK (amount_fen > 0),
  at timestamptz NOT NULL,
  PRIMARY KEY (slice_no, cause_id, kind),
  CHECK (CASE kind
    WHEN 'ISSUE' THEN debit = 'available' AND credit = 'liability'
    WHEN 'REDEEM' THEN debit = 'liability' AND credit = 'expense'
    WHEN 'UNUSED' THEN debit = 'liability' AND credit = 'returned'
    WHEN 'EXPIRE' THEN debit = 'liability' AND credit = 'returned'
    WHEN 'REVOKE' THEN debit = 'liability' AND credit = 'returned'
    WHEN 'RETURN' THEN debit = 'expense' AND credit IN ('liability', 'returned')
    WHEN 'RETURN_UNUSED' THEN debit = 'returned' AND credit = 'liability'
    WHEN 'ALLOT' THEN debit = 'treasury' AND credit = 'available'
    WHEN 'CLOSE' THEN debit = 'available' AND credit = 'returned'
    ELSE false
  END)
);

-- Running sums of expense and returned (unissued apart) of one slice of an issuance. Changed last in the transaction that
-- writes the transfers, one row a transaction; liability follows: face × issued − expense − returned. 256 rows keep
-- redemptions out of each other's way and are read as one range of the key.
CREATE TABLE settlement (
  campaign_id text NOT NULL REFERENCES issuance,
  slice_no smallint NOT NULL,
  expense_fen bigint NOT NULL DEFAULT 0 CHECK (expense_fen >= 0),
  returned_fen bigint NOT NULL DEFAULT 0 CHECK (returned_fen >= 0),
  PRIMARY KEY (campaign_id, slice_no)
) WITH (fillfactor = 50);

-- Slices whose coupons are still to be walked when validity ends, and how far the walk has come. A row goes with its last
-- page. (A walk along the primary key needs no index on state, which every claim would pay for.)
CREATE TABLE expiry (
  campaign_id text NOT NULL REFERENCES issuance,
  slice_no smallint NOT NULL,
  after_shopper_id text NOT NULL DEFAULT '',
  after_grant_no smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (campaign_id, slice_no)
);
CREATE INDEX issuance_by_end ON issuance (valid_until);

-- Claims of one batch: one campaign, one bucket, any number of shoppers. Answers every claim, in order, with the durable
-- coupon or none; the terms and the verdict are on the first row only. A coupon was issued to this claim if its id is the
-- one the claim proposed, so running the batch again with the same ids gives the same answer.
--
-- Exactness rests on four steps in this order, under READ COMMITTED:
--   1. lock the bucket; everything after is serial a bucket, and waits for nothing else
--   2. in NEW statements, hence on snapshots taken after the lock, judge the window and insert what fits
--   3. add exactly the inserted count
--   4. read back what is durable
-- Measured traps: read, check, write oversold twice the budget; one statement with a guarded UPDATE oversold too, because
-- its guard fails silently while its insert stays.
--
-- Every look-up names the whole primary key under LIMIT 1: as a plain join, on a table without statistics, it reads the whole
-- slice a batch. enable_seqscan is off because a plan made while the table was small (and analysed so) stays cached; and cached
-- it stays (plan_cache_mode), because planning anew was a sixth of a call with one claim.
--
-- Measured, of the backend's time for a claim in a batch of 100, 37 µs: 8 are the batch's own cost; coupon_by_id is 3 and 77 B
-- of WAL; that index, coupon_of_shopper and all CHECKs together are 7; ON CONFLICT or the two sorts are lost in the noise.
CREATE FUNCTION claim_batch(
  p_campaign_id text,
  p_bucket_no smallint,
  p_slice_nos smallint[],
  p_shopper_ids text[],
  p_coupon_ids uuid[]
) RETURNS TABLE (
  verdict text,
  judged_at timestamptz,
  face_fen bigint,
  min_spend_fen bigint,
  opens_at timestamptz,
  valid_until timestamptz,
  notice_zh text,
  notice_en text,
  coupon_id uuid,
  state text,
  issued_at timestamptz,
  order_id uuid,
  redeemed_at timestamptz
) LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  v_room integer;
  v_now timestamptz;
  v_terms issuance%ROWTYPE;
  v_verdict text;
  v_inserted integer;
BEGIN
  SELECT b.limit_count - b.issued_count INTO v_room
    FROM bucket b WHERE b.campaign_id = p_campaign_id AND b.bucket_no = p_bucket_no
     FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'expected bucket % of %, got none', p_bucket_no, p_campaign_id;
  END IF;

  v_now := clock();
  SELECT i.* INTO v_terms FROM issuance i WHERE i.campaign_id = p_campaign_id;
  v_verdict := CASE
    WHEN v_terms.state = 'CLOSED' OR v_now >= v_terms.closes_at THEN 'CLOSED'
    WHEN v_now < v_terms.opens_at THEN 'NOT_YET_OPEN'
    WHEN v_terms.state = 'PAUSED' THEN 'PAUSED'
    ELSE 'OPEN'
  END;

  IF v_verdict = 'OPEN' AND v_room > 0 THEN
    WITH asked AS (
      SELECT DISTINCT ON (t.slice_no, t.shopper_id) t.slice_no, t.shopper_id, t.coupon_id, t.place
        FROM unnest(p_slice_nos, p_shopper_ids, p_coupon_ids) WITH ORDINALITY AS t (slice_no, shopper_id, coupon_id, place)
       ORDER BY t.slice_no, t.shopper_id, t.place
    ), fresh AS (
      SELECT a.slice_no, a.shopper_id, a.coupon_id, row_number() OVER (ORDER BY a.place) AS rank
        FROM asked a
        LEFT JOIN LATERAL (
          SELECT true AS held FROM coupon c
           WHERE c.slice_no = a.slice_no AND c.campaign_id = p_campaign_id
             AND c.shopper_id = a.shopper_id AND c.grant_no = 0
             -- Whoever holds one must not take up room; with room for all, ON CONFLICT alone tells.
             AND v_room < cardinality(p_shopper_ids)
           LIMIT 1
        ) h ON true
       WHERE h.held IS NULL
    ), inserted AS (
      INSERT INTO coupon (slice_no, campaign_id, shopper_id, coupon_id, issued_at)
      SELECT f.slice_no, p_campaign_id, f.shopper_id, f.coupon_id, v_now
        FROM fresh f WHERE f.rank <= v_room
       ORDER BY f.slice_no, f.shopper_id
      ON CONFLICT (slice_no, campaign_id, shopper_id, grant_no) DO NOTHING
      RETURNING slice_no, coupon_id
    ), posted AS (
      INSERT INTO transfer (slice_no, cause_id, kind, campaign_id, debit, credit, amount_fen, at)
      SELECT i.slice_no, i.coupon_id, 'ISSUE', p_campaign_id, 'available', 'liability', v_terms.face_fen, v_now
        FROM inserted i
    )
    SELECT count(*) INTO v_inserted FROM inserted;

    IF v_inserted > 0 THEN
      UPDATE bucket b SET issued_count = b.issued_count + v_inserted
       WHERE b.campaign_id = p_campaign_id AND b.bucket_no = p_bucket_no;
    END IF;
  END IF;

  RETURN QUERY
    SELECT CASE WHEN t.place = 1 THEN v_verdict END,
           CASE WHEN t.place = 1 THEN v_now END,
           CASE WHEN t.place = 1 THEN v_terms.face_fen END,
           CASE WHEN t.place = 1 THEN v_terms.min_spend_fen END,
           CASE WHEN t.place = 1 THEN v_terms.opens_at END,
           CASE WHEN t.place = 1 THEN v_terms.valid_until END,
           CASE WHEN t.place = 1 THEN v_terms.notice_zh END,
           CASE WHEN t.place = 1 THEN v_terms.notice_en END,
           d.coupon_id,
           CASE WHEN d.state = 'ISSUED' AND v_now >= v_terms.valid_until THEN 'EXPIRED' ELSE d.state END,
           d.issued_at,
           d.order_id,
           d.redeemed_at
      FROM unnest(p_slice_nos, p_shopper_ids) WITH ORDINALITY AS t (slice_no, shopper_id, place)
      LEFT JOIN LATERAL (
        SELECT c.coupon_id, c.state, c.issued_at, c.order_id, c.redeemed_at FROM coupon c
         WHERE c.slice_no = t.slice_no AND c.campaign_id = p_campaign_id
           AND c.shopper_id = t.shopper_id AND c.grant_no = 0
         LIMIT 1
      ) d ON true
     ORDER BY t.place;
END
$$;
