-- The schema's clock: every rule about time (windows, validity, due rows) asks it, and no process's own clock.
-- VOLATILE and read when called, so that after waiting for a lock it tells the time after the wait; now() would tell
-- when the transaction began. The planner inlines it: it costs what clock_timestamp() costs.
-- In a WHERE write `due_at <= (SELECT clock())`: asked once, and an index can be used; bare, it is asked for every row.
-- Tests shift it by replacing the function; nothing in the product can.
CREATE FUNCTION clock() RETURNS timestamptz
  LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN pg_catalog.clock_timestamp();
