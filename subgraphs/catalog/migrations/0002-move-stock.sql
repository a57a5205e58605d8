-- Reservations of many orders, and their ends, in one call and one commit. A move is {order_id, wanted}, wanted HELD with
-- {skus, quantities}, or RELEASED, COMMITTED, RETURNED. Answers each, in order, as reserve_stock and settle_stock would have
-- answered one after the other.
--
-- Locks: the orders' rows by id, then the stock of all of them by sku, before any is held: two calls that locked it order by
-- order could wait for each other in a circle.
CREATE FUNCTION move_stock(p_moves jsonb) RETURNS TABLE (place integer, state text, short jsonb)
  LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  move record;
  missing jsonb;
  held reservation;
  touched text[] := '{}';
  fresh boolean[] := array_fill(false, ARRAY[jsonb_array_length(p_moves)]);
BEGIN
  FOR move IN
    SELECT m.*
      FROM ROWS FROM (jsonb_to_recordset(p_moves) AS (order_id text, wanted text, skus text[], quantities integer[]))
        WITH ORDINALITY AS m (order_id, wanted, skus, quantities, place)
     ORDER BY m.order_id COLLATE "C", m.place
  LOOP
    IF move.wanted = 'HELD' THEN
      INSERT INTO reservation (order_id, state, skus, quantities)
      VALUES (move.order_id, 'HELD', move.skus, move.quantities)
      ON CONFLICT (order_id) DO NOTHING;
      IF FOUND THEN
        fresh[move.place] := true;
        touched := touched || move.skus;
      END IF;
    ELSE
      SELECT * INTO held FROM reservation WHERE order_id = move.order_id FOR UPDATE;
      IF NOT FOUND AND move.wanted = 'RELEASED' THEN
        INSERT INTO reservation (order_id, state, skus, quantities) VALUES (move.order_id, 'RELEASED', '{}', '{}')
        ON CONFLICT (order_id) DO NOTHING;
        -- Also where a reservation was committed while the insert waited for it.
        SELECT * INTO held FROM reservation WHERE order_id = move.order_id FOR UPDATE;
      END IF;
      IF held.state IN ('HELD', 'COMMITTED') THEN
        touched := touched || held.skus;
      END IF;
    END IF;
  END LOOP;

  PERFORM FROM stock WHERE sku = ANY (touched) ORDER BY sku FOR UPDATE;

  FOR move IN
    SELECT m.*
      FROM ROWS FROM (jsonb_to_recordset(p_moves) AS (order_id text, wanted text, skus text[], quantities integer[]))
        WITH ORDINALITY AS m (order_id, wanted, skus, quantities, place)
     ORDER BY m.place
  LOOP
    place := move.place;
    IF move.wanted <> 'HELD' THEN
      SELECT s.state, s.short INTO state, short FROM settle_stock(move.order_id, move.wanted) AS s;
      RETURN NEXT;
      CONTINUE;
    END IF;
    IF NOT fresh[move.place] THEN
      SELECT r.state, r.short INTO state, short FROM reservation AS r WHERE r.order_id = move.order_id;
      RETURN NEXT;
      CONTINUE;
    END IF;

    SELECT jsonb_agg(jsonb_build_object('sku', line.sku, 'available', coalesce(s.available, 0)) ORDER BY line.number)
      INTO missing
      FROM unnest(move.skus, move.quantities) WITH ORDINALITY AS line (sku, quantity, number)
      LEFT JOIN LATERAL (
        SELECT on_hand - reserved AS available FROM stock WHERE stock.sku = line.sku LIMIT 1
      ) AS s ON true
     WHERE coalesce(s.available, 0) < line.quantity;
    IF missing IS NULL THEN
      UPDATE stock SET reserved = reserved + line.quantity
        FROM unnest(move.skus, move.quantities) AS line (sku, quantity)
       WHERE stock.sku = line.sku;
    ELSE
      UPDATE reservation SET state = 'REFUSED', short = missing WHERE order_id = move.order_id;
    END IF;
    state := CASE WHEN missing IS NULL THEN 'HELD' ELSE 'REFUSED' END;
    short := coalesce(missing, '[]');
    RETURN NEXT;
  END LOOP;
END
$$;
