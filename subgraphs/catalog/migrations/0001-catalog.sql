-- The catalog: what is sold, how it is found, and how much of it there is.
-- Ids compare byte by byte ("C"), so that keyset pages and lock orders are the same on every machine.

CREATE TABLE shop (
  id text COLLATE "C" PRIMARY KEY,
  position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  name_zh text NOT NULL,
  name_en text NOT NULL
);

CREATE TABLE category (
  id text COLLATE "C" PRIMARY KEY,
  position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  name_zh text NOT NULL,
  name_en text NOT NULL
);

-- What a text can be found by: lower-case words of the alphabets, and for the scripts that are written without spaces
-- (Chinese, kana, hangul, Thai and all others) each character and each pair of neighbours. The twin of gramsOf in
-- search.ts; a test holds the two equal on random text.
-- Decomposed by compatibility first, so that full width becomes plain and é becomes e; composed last, so that hangul
-- and voiced kana are single characters again. The lower case is that of pg_c_utf8 whatever the database's locale.
-- Immutable, and its body is bound here, so that no search_path can change what the index was built from.
CREATE FUNCTION grams(value text) RETURNS text[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  WITH folded AS (
    SELECT translate(
             normalize(
               regexp_replace(lower(normalize(value, NFKD) COLLATE pg_c_utf8), '[\u0300-\u036F]+', '', 'g'),
               NFC),
             'ς', 'σ') AS text
  ), run AS (
    SELECT match[1] AS text
      FROM folded,
           regexp_matches(folded.text,
             '[\u0530-\u1FFF\u2E80-\u2FDF\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303C\u3040-\u309F\u30A1-\u30FA\u30FC-\u318F\u31A0-\u31BF\u31F0-\u31FF\u3400-\u4DBF\u4E00-\uA4CF\uA960-\uA97F\uAC00-\uD7FF\uF900-\uFAFF\U0001B000-\U0001B16F\U00020000-\U0003FFFF]+',
             'g') AS match
  ), gram AS (
    SELECT match[1] AS text
      FROM folded,
           regexp_matches(folded.text, '[0-9a-z\u00DF-\u00F6\u00F8-\u024F\u0370-\u052F]+', 'g') AS match
    UNION ALL
    SELECT substr(run.text, at, width)
      FROM run, generate_series(1, length(run.text)) AS at, generate_series(1, 2) AS width
     WHERE at + width <= length(run.text) + 1
  )
  SELECT coalesce(array_agg(DISTINCT text COLLATE "C"), '{}') FROM gram;
END;

CREATE TABLE product (
  id text COLLATE "C" PRIMARY KEY,
  -- "The order of the catalog": that in which products came.
  position bigint GENERATED ALWAYS AS IDENTITY,
  shop_id text COLLATE "C" NOT NULL REFERENCES shop,
  category_id text COLLATE "C" NOT NULL REFERENCES category,
  name_zh text NOT NULL,
  name_en text NOT NULL,
  description_zh text NOT NULL,
  description_en text NOT NULL,
  grams text[] COLLATE "C" NOT NULL GENERATED ALWAYS AS (grams(name_zh || ' ' || name_en)) STORED
);
CREATE INDEX product_grams ON product USING gin (grams);
CREATE UNIQUE INDEX product_of_shop ON product (shop_id, position);
CREATE UNIQUE INDEX product_of_category ON product (category_id, position);

CREATE TABLE variant (
  sku text COLLATE "C" PRIMARY KEY,
  position bigint GENERATED ALWAYS AS IDENTITY,
  product_id text COLLATE "C" NOT NULL REFERENCES product,
  name_zh text NOT NULL,
  name_en text NOT NULL,
  price_fen bigint NOT NULL CHECK (price_fen > 0)
);
CREATE UNIQUE INDEX variant_of_product ON variant (product_id, position);

-- One row a sku, apart from the variant: it changes with every order, the variant hardly ever. Half of each page stays
-- free, so that a hot row's versions stay on their page and no index is touched (HOT updates).
CREATE TABLE stock (
  sku text COLLATE "C" PRIMARY KEY REFERENCES variant,
  on_hand integer NOT NULL,
  reserved integer NOT NULL DEFAULT 0,
  CONSTRAINT stock_never_oversold CHECK (0 <= reserved AND reserved <= on_hand AND on_hand <= 1000000000)
) WITH (fillfactor = 50);

-- One row an order, for ever: a RELEASED row without lines is the tombstone of an order that was given up before its
-- reservation came. Lines lie in two arrays of equal length, because they are only ever read by order.
CREATE TABLE reservation (
  order_id text COLLATE "C" PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('HELD', 'REFUSED', 'RELEASED', 'COMMITTED', 'RETURNED')),
  skus text[] NOT NULL,
  quantities integer[] NOT NULL,
  -- Of a refused reservation: [{"sku", "available"}], kept so that asking again gives the same answer.
  short jsonb NOT NULL DEFAULT '[]',
  changed_at timestamptz NOT NULL DEFAULT clock(),
  CHECK (cardinality(skus) = cardinality(quantities))
);

-- Holds all lines or none; the order's first call decides, later ones are told what it decided. Each sku once.
-- Locks: the order's row, then stock by sku. The row is inserted first, so that a second call for the same order waits
-- on it and not on the stock; a hot sku is locked last and for the shortest time: one call, no round trip inside.
-- Every statement sees what was committed before it began (READ COMMITTED), hence what the locks before it protect.
-- Measured: 16 callers on one sku, see README.md.
CREATE FUNCTION reserve_stock(wanted_order_id text, wanted_skus text[], wanted_quantities integer[])
  RETURNS TABLE (state text, short jsonb)
  LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  missing jsonb;
BEGIN
  INSERT INTO reservation (order_id, state, skus, quantities)
  VALUES (wanted_order_id, 'HELD', wanted_skus, wanted_quantities)
  ON CONFLICT (order_id) DO NOTHING;
  IF NOT FOUND THEN
    RETURN QUERY SELECT r.state, r.short FROM reservation AS r WHERE r.order_id = wanted_order_id;
    RETURN;
  END IF;

  PERFORM FROM stock WHERE sku = ANY (wanted_skus) ORDER BY sku FOR UPDATE;

  SELECT jsonb_agg(jsonb_build_object('sku', line.sku, 'available', coalesce(s.available, 0)) ORDER BY line.number)
    INTO missing
    FROM unnest(wanted_skus, wanted_quantities) WITH ORDINALITY AS line (sku, quantity, number)
    LEFT JOIN LATERAL (
      SELECT on_hand - reserved AS available FROM stock WHERE stock.sku = line.sku LIMIT 1
    ) AS s ON true
   WHERE coalesce(s.available, 0) < line.quantity;

  IF missing IS NOT NULL THEN
    UPDATE reservation SET state = 'REFUSED', short = missing WHERE order_id = wanted_order_id;
    RETURN QUERY SELECT 'REFUSED', missing;
    RETURN;
  END IF;

  UPDATE stock SET reserved = reserved + line.quantity
    FROM unnest(wanted_skus, wanted_quantities) AS line (sku, quantity)
   WHERE stock.sku = line.sku;
  RETURN QUERY SELECT 'HELD', '[]'::jsonb;
END
$$;

-- Ends a reservation: 'RELEASED', 'COMMITTED' or 'RETURNED'. Whatever is no step of the machine in stock.ts changes
-- nothing, and the answer is the state as it is; 'NONE' when there is no row.
-- Locks: the order's row, then stock by sku.
CREATE FUNCTION settle_stock(settled_order_id text, wanted text)
  RETURNS TABLE (state text, short jsonb)
  LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  held reservation;
  on_hand_sign integer;
  reserved_sign integer;
BEGIN
  SELECT * INTO held FROM reservation WHERE order_id = settled_order_id FOR UPDATE;
  IF NOT FOUND AND wanted = 'RELEASED' THEN
    INSERT INTO reservation (order_id, state, skus, quantities) VALUES (settled_order_id, 'RELEASED', '{}', '{}')
    ON CONFLICT (order_id) DO NOTHING;
    -- Also where a reservation was committed while the insert waited for it.
    SELECT * INTO held FROM reservation WHERE order_id = settled_order_id FOR UPDATE;
  END IF;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'NONE', '[]'::jsonb;
    RETURN;
  END IF;

  CASE held.state || ' → ' || wanted
    WHEN 'HELD → RELEASED', 'HELD → RETURNED' THEN on_hand_sign := 0; reserved_sign := -1;
    WHEN 'HELD → COMMITTED' THEN on_hand_sign := -1; reserved_sign := -1;
    WHEN 'COMMITTED → RETURNED' THEN on_hand_sign := 1; reserved_sign := 0;
    WHEN 'REFUSED → RELEASED' THEN on_hand_sign := 0; reserved_sign := 0;
    ELSE
      RETURN QUERY SELECT held.state, held.short;
      RETURN;
  END CASE;

  IF held.state <> 'REFUSED' THEN
    PERFORM FROM stock WHERE sku = ANY (held.skus) ORDER BY sku FOR UPDATE;
    -- A shelf that was refilled to the brim meanwhile takes back what fits: a refund never fails for it.
    UPDATE stock
       SET on_hand = least(on_hand + on_hand_sign * line.quantity, 1000000000),
           reserved = reserved + reserved_sign * line.quantity
      FROM unnest(held.skus, held.quantities) AS line (sku, quantity)
     WHERE stock.sku = line.sku;
  END IF;
  UPDATE reservation SET state = wanted, short = '[]', changed_at = clock() WHERE order_id = settled_order_id;
  RETURN QUERY SELECT wanted, '[]'::jsonb;
END
$$;
