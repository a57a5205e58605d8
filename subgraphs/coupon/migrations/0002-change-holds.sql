-- Changes of many coupons in one call: what coupon.ts decided from an earlier reading, written where that reading still
-- holds. Answers the places, from 1, of those where it does not; of these nothing is written, and whoever asked reads again.
--
-- A change is {slice_no, campaign_id, shopper_id, grant_no, coupon_id, order_id} with what was read (was_state,
-- was_order_id, was_hold, null: none, and whether the time had ended) and what is to be (state, null: the coupon stays as it
-- is; coupon_order_id, redeemed_at; hold, hold_expense_fen; transfers; what they add to expense and returned). Neither a
-- coupon nor an order comes twice in a call.
--
-- Locks: coupons by key, holds by key, settlement by key. The clock is asked once each coupon is locked.
CREATE FUNCTION change_holds(p_changes jsonb) RETURNS SETOF integer
  LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  v_change record;
  v_state text;
  v_order_id uuid;
  v_moved boolean[] := array_fill(false, ARRAY[jsonb_array_length(p_changes)]);
BEGIN
  FOR v_change IN
    SELECT c.*
      FROM ROWS FROM (jsonb_to_recordset(p_changes) AS (
             slice_no smallint, campaign_id text, shopper_id text, grant_no smallint, was_state text, was_order_id uuid
           )) WITH ORDINALITY
        AS c (slice_no, campaign_id, shopper_id, grant_no, was_state, was_order_id, place)
     ORDER BY c.slice_no, c.campaign_id, c.shopper_id, c.grant_no
  LOOP
    SELECT c.state, c.order_id INTO v_state, v_order_id
      FROM coupon c
     WHERE c.slice_no = v_change.slice_no AND c.campaign_id = v_change.campaign_id
       AND c.shopper_id = v_change.shopper_id AND c.grant_no = v_change.grant_no
       FOR UPDATE;
    v_moved[v_change.place] :=
      v_state IS DISTINCT FROM v_change.was_state OR v_order_id IS DISTINCT FROM v_change.was_order_id;
  END LOOP;

  FOR v_change IN
    SELECT c.*
      FROM ROWS FROM (jsonb_to_recordset(p_changes) AS (
             slice_no smallint, campaign_id text, shopper_id text, grant_no smallint, coupon_id uuid, order_id uuid,
             was_hold text, was_ended boolean, state text, coupon_order_id uuid, redeemed_at timestamptz,
             hold text, hold_expense_fen bigint
           )) WITH ORDINALITY
        AS c (slice_no, campaign_id, shopper_id, grant_no, coupon_id, order_id, was_hold, was_ended, state, coupon_order_id,
              redeemed_at, hold, hold_expense_fen, place)
     ORDER BY c.slice_no, c.order_id
  LOOP
    CONTINUE WHEN v_moved[v_change.place];
    PERFORM FROM issuance i
      WHERE i.campaign_id = v_change.campaign_id AND (clock() >= i.valid_until) = v_change.was_ended;
    IF FOUND THEN
      INSERT INTO hold AS h (slice_no, order_id, coupon_id, state, expense_fen)
      VALUES (v_change.slice_no, v_change.order_id, v_change.coupon_id, v_change.hold, v_change.hold_expense_fen)
      ON CONFLICT (slice_no, order_id) DO UPDATE SET state = excluded.state, expense_fen = excluded.expense_fen
       WHERE h.coupon_id = excluded.coupon_id AND h.state = v_change.was_hold;
    END IF;
    IF NOT FOUND THEN
      v_moved[v_change.place] := true;
      CONTINUE;
    END IF;
    IF v_change.state IS NOT NULL THEN
      UPDATE coupon c
         SET state = v_change.state, order_id = v_change.coupon_order_id, redeemed_at = v_change.redeemed_at
       WHERE c.slice_no = v_change.slice_no AND c.campaign_id = v_change.campaign_id
         AND c.shopper_id = v_change.shopper_id AND c.grant_no = v_change.grant_no;
    END IF;
  END LOOP;

  INSERT INTO transfer (slice_no, cause_id, kind, campaign_id, debit, credit, amount_fen, at)
  SELECT c.slice_no, c.cause_id, t.kind, c.campaign_id, t.debit, t.credit, t.amount_fen, c.at
    FROM ROWS FROM (jsonb_to_recordset(p_changes) AS (
           slice_no smallint, campaign_id text, cause_id uuid, at timestamptz, transfers jsonb
         )) WITH ORDINALITY AS c (slice_no, campaign_id, cause_id, at, transfers, place),
         jsonb_to_recordset(c.transfers) AS t (kind text, debit text, credit text, amount_fen bigint)
   WHERE NOT v_moved[c.place];

  FOR v_change IN
    SELECT c.campaign_id, c.slice_no, sum(c.expense_fen) AS expense_fen, sum(c.returned_fen) AS returned_fen
      FROM ROWS FROM (jsonb_to_recordset(p_changes) AS (
             slice_no smallint, campaign_id text, expense_fen bigint, returned_fen bigint
           )) WITH ORDINALITY AS c (slice_no, campaign_id, expense_fen, returned_fen, place)
     WHERE NOT v_moved[c.place] AND (c.expense_fen <> 0 OR c.returned_fen <> 0)
     GROUP BY c.campaign_id, c.slice_no
     ORDER BY c.campaign_id, c.slice_no
  LOOP
    UPDATE settlement s
       SET expense_fen = s.expense_fen + v_change.expense_fen, returned_fen = s.returned_fen + v_change.returned_fen
     WHERE s.campaign_id = v_change.campaign_id AND s.slice_no = v_change.slice_no;
  END LOOP;

  RETURN QUERY SELECT place::integer FROM unnest(v_moved) WITH ORDINALITY AS m (moved, place) WHERE m.moved;
END
$$;
