-- The steps that every order takes, for the orders of many callers in one commit (store.ts gathers them). Each order is
-- changed by a statement of its own, guarded by its phase as if it were alone, in the order of the keys, so that two calls
-- cannot wait for each other in a circle. What is answered is the orders that were changed, with the place of the item, from 1.

-- T1. Items: {slice_no, quote_id, id, shopper_id, key, body_sha256, lease_ms, pay_within_ms}. A key that is taken fails the call.
CREATE FUNCTION create_orders(p_items jsonb) RETURNS TABLE (place integer, made orders)
  LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  item record;
  now timestamptz(3);
BEGIN
  FOR item IN
    SELECT i.*
      FROM ROWS FROM (jsonb_to_recordset(p_items) AS (
             slice_no smallint, quote_id text, id text, shopper_id text, key text, body_sha256 text, lease_ms bigint,
             pay_within_ms bigint
           )) WITH ORDINALITY
        AS i (slice_no, quote_id, id, shopper_id, key, body_sha256, lease_ms, pay_within_ms, place)
     ORDER BY i.slice_no, i.quote_id
  LOOP
    now := clock();
    INSERT INTO orders AS o (slice_no, id, shopper_id, quote_id, lines, coupon_id, subtotal_fen, discount_fen, payable_fen,
      state, step, due_at, created_at, expires_at)
    SELECT q.slice_no, item.id, q.shopper_id, q.id, q.lines, q.coupon_id, q.subtotal_fen, q.discount_fen, q.payable_fen,
      'CREATED', 'RESERVE', now + item.lease_ms * interval '1 millisecond', now,
      now + item.pay_within_ms * interval '1 millisecond'
      FROM quotes q
     WHERE q.slice_no = item.slice_no AND q.id = item.quote_id AND q.shopper_id = item.shopper_id AND q.expires_at > now
    ON CONFLICT ON CONSTRAINT orders_one_a_quote DO NOTHING
    RETURNING o.* INTO made;
    CONTINUE WHEN NOT FOUND;
    INSERT INTO idempotency_keys (slice_no, actor, mutation, key, body_sha256, order_id, created_at)
    VALUES (item.slice_no, item.shopper_id, 'placeOrder', item.key, item.body_sha256, item.id, now);
    place := item.place;
    RETURN NEXT;
  END LOOP;
END
$$;

-- T2. Items: {slice_no, id, outcome, lease_ms}.
CREATE FUNCTION confirm_orders(p_items jsonb) RETURNS TABLE (place integer, made orders)
  LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  item record;
  now timestamptz(3);
BEGIN
  FOR item IN
    SELECT i.*
      FROM ROWS FROM (jsonb_to_recordset(p_items) AS (slice_no smallint, id text, outcome jsonb, lease_ms bigint))
        WITH ORDINALITY AS i (slice_no, id, outcome, lease_ms, place)
     ORDER BY i.slice_no, i.id
  LOOP
    now := clock();
    UPDATE orders AS o SET attempts = 0,
        state = CASE WHEN o.payable_fen = 0 THEN 'PAID' ELSE 'AWAITING_PAYMENT' END,
        step = CASE WHEN o.payable_fen = 0 THEN 'SETTLE' ELSE 'AWAIT' END,
        due_at = CASE WHEN o.payable_fen = 0 THEN now + item.lease_ms * interval '1 millisecond' ELSE o.expires_at END,
        paid_at = CASE WHEN o.payable_fen = 0 THEN now END
     WHERE o.slice_no = item.slice_no AND o.id = item.id AND o.step = 'RESERVE'
    RETURNING o.* INTO made;
    CONTINUE WHEN NOT FOUND;
    UPDATE idempotency_keys k SET outcome = item.outcome
     WHERE k.slice_no = item.slice_no AND k.order_id = item.id AND k.mutation = 'placeOrder' AND k.outcome IS NULL;
    place := item.place;
    RETURN NEXT;
  END LOOP;
END
$$;

-- Coupon redeemed and stock committed. Items: {slice_no, id, lease_ms}.
CREATE FUNCTION finish_settles(p_items jsonb) RETURNS TABLE (place integer, made orders)
  LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT i.*
      FROM ROWS FROM (jsonb_to_recordset(p_items) AS (slice_no smallint, id text, lease_ms bigint))
        WITH ORDINALITY AS i (slice_no, id, lease_ms, place)
     ORDER BY i.slice_no, i.id
  LOOP
    UPDATE orders AS o SET attempts = 0,
        step = CASE WHEN o.refund_id IS NULL THEN 'DONE' ELSE 'REFUND' END,
        due_at = CASE WHEN o.refund_id IS NOT NULL THEN clock() + item.lease_ms * interval '1 millisecond' END
     WHERE o.slice_no = item.slice_no AND o.id = item.id AND o.step = 'SETTLE'
    RETURNING o.* INTO made;
    CONTINUE WHEN NOT FOUND;
    place := item.place;
    RETURN NEXT;
  END LOOP;
END
$$;
