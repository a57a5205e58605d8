-- Everything of a shopper leads with the shopper's slice (protocol/slice.ts), so that on a distributed database each
-- statement below stays on one shard. Times are cut to milliseconds, as JavaScript reads them.

CREATE TABLE quotes (
  slice_no smallint NOT NULL,
  id text NOT NULL,
  shopper_id text NOT NULL,
  -- [{sku, nameZh, nameEn, quantity, unitPriceFen, totalFen}] as it was priced
  lines jsonb NOT NULL,
  coupon_id text,
  subtotal_fen bigint NOT NULL CHECK (subtotal_fen >= 0),
  discount_fen bigint NOT NULL CHECK (discount_fen BETWEEN 0 AND subtotal_fen),
  payable_fen bigint NOT NULL CHECK (payable_fen = subtotal_fen - discount_fen),
  sha256 text NOT NULL,
  created_at timestamptz(3) NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  PRIMARY KEY (slice_no, id),
  CHECK (discount_fen = 0 OR coupon_id IS NOT NULL)
);
-- For pruning quotes that nobody placed.
CREATE INDEX quotes_by_expiry ON quotes (expires_at);

-- The order, its saga and its place in the queue are one row: see the state machine in saga.ts.
CREATE TABLE orders (
  slice_no smallint NOT NULL,
  id text NOT NULL,
  shopper_id text NOT NULL,
  quote_id text NOT NULL,
  lines jsonb NOT NULL,
  coupon_id text,
  subtotal_fen bigint NOT NULL CHECK (subtotal_fen >= 0),
  discount_fen bigint NOT NULL CHECK (discount_fen BETWEEN 0 AND subtotal_fen),
  payable_fen bigint NOT NULL CHECK (payable_fen = subtotal_fen - discount_fen),
  state text NOT NULL,
  step text NOT NULL,
  -- When the sweep takes it up; while a worker has it, the end of the worker's lease. Null when nothing is left to do.
  due_at timestamptz(3),
  -- How often the sweep has taken this step up.
  attempts integer NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  paid_at timestamptz(3),
  cancel_reason text CHECK (cancel_reason IN ('SHOPPER', 'EXPIRED', 'OUT_OF_STOCK', 'COUPON_NOT_USABLE')),
  -- What placeOrder answered, when it did not place.
  refusal jsonb,
  -- The payment that succeeded, else the latest.
  payment_id text,
  -- Its outcome is not known yet.
  payment_open boolean NOT NULL DEFAULT false,
  -- Payments that ended without money.
  declines integer NOT NULL DEFAULT 0,
  refund_id text,
  PRIMARY KEY (slice_no, id),
  -- A quote is used once, whatever the idempotency key.
  CONSTRAINT orders_one_a_quote UNIQUE (slice_no, quote_id),
  CONSTRAINT orders_phase CHECK (
    (state, step) IN (
      ('CREATED', 'RESERVE'),
      ('AWAITING_PAYMENT', 'AWAIT'),
      ('PAID', 'SETTLE'), ('PAID', 'REFUND'), ('PAID', 'DONE'),
      ('CANCELLED', 'RELEASE'), ('CANCELLED', 'WATCH'), ('CANCELLED', 'DONE'),
      ('REFUNDED', 'RETURN'), ('REFUNDED', 'DONE'))),
  CONSTRAINT orders_due CHECK ((due_at IS NULL) = (step = 'DONE')),
  CONSTRAINT orders_cancelled CHECK ((state = 'CANCELLED') = (cancel_reason IS NOT NULL)),
  CONSTRAINT orders_paid CHECK ((state IN ('PAID', 'REFUNDED')) = (paid_at IS NOT NULL)),
  CONSTRAINT orders_payment_open CHECK (NOT payment_open OR (payment_id IS NOT NULL AND state IN ('AWAITING_PAYMENT', 'CANCELLED')))
);
CREATE INDEX orders_by_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_by_shopper ON orders (slice_no, shopper_id, created_at DESC, id DESC);

CREATE TABLE payments (
  slice_no smallint NOT NULL,
  id text NOT NULL,
  order_id text NOT NULL,
  shopper_id text NOT NULL,
  amount_fen bigint NOT NULL CHECK (amount_fen > 0),
  provider text NOT NULL,
  state text NOT NULL CHECK (state IN ('WAIT_BUYER_PAY', 'TRADE_SUCCESS', 'TRADE_FINISHED', 'TRADE_CLOSED')),
  created_at timestamptz(3) NOT NULL,
  paid_at timestamptz(3),
  PRIMARY KEY (slice_no, id),
  FOREIGN KEY (slice_no, order_id) REFERENCES orders (slice_no, id),
  CHECK (paid_at IS NOT NULL OR state IN ('WAIT_BUYER_PAY', 'TRADE_CLOSED')),
  -- Lets a refund refer to a payment of at least its amount: payments never change theirs.
  UNIQUE (slice_no, id, amount_fen)
);
-- Never two payments of one order that took money or still may.
CREATE UNIQUE INDEX payments_one_live ON payments (slice_no, order_id) WHERE state <> 'TRADE_CLOSED';

CREATE TABLE refunds (
  slice_no smallint NOT NULL,
  id text NOT NULL,
  order_id text NOT NULL,
  shopper_id text NOT NULL,
  -- Null when the order was free.
  payment_id text,
  amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
  state text NOT NULL CHECK (state IN ('PENDING', 'SUCCEEDED')),
  -- Who asked: a shopper's id, #operator, or #late-payment for money that came after the order was cancelled.
  requested_by text NOT NULL,
  reason text,
  created_at timestamptz(3) NOT NULL,
  succeeded_at timestamptz(3),
  PRIMARY KEY (slice_no, id),
  -- Refunds are full and one an order, so that no sum of refunds can exceed the payment.
  UNIQUE (slice_no, order_id),
  FOREIGN KEY (slice_no, order_id) REFERENCES orders (slice_no, id),
  FOREIGN KEY (slice_no, payment_id, amount_fen) REFERENCES payments (slice_no, id, amount_fen),
  CHECK ((payment_id IS NULL) = (amount_fen = 0)),
  CHECK ((state = 'SUCCEEDED') = (succeeded_at IS NOT NULL))
);

-- Money that moved, one row a movement, balanced by construction; the key makes each happen once.
-- CAPTURE (cause: a payment): shopper → merchant. REFUND (cause: a refund): merchant → shopper.
CREATE TABLE transfers (
  slice_no smallint NOT NULL,
  cause_id text NOT NULL,
  kind text NOT NULL,
  order_id text NOT NULL,
  debit text NOT NULL,
  credit text NOT NULL,
  amount_fen bigint NOT NULL CHECK (amount_fen > 0),
  at timestamptz(3) NOT NULL,
  PRIMARY KEY (slice_no, cause_id, kind),
  CHECK ((kind, debit, credit) IN (('CAPTURE', 'shopper', 'merchant'), ('REFUND', 'merchant', 'shopper')))
);

-- What a key answered. Written with the effect it stands for, in one statement; in flight while the outcome is null.
CREATE TABLE idempotency_keys (
  slice_no smallint NOT NULL,
  -- The shopper's id, or #operator.
  actor text NOT NULL,
  mutation text NOT NULL,
  key text NOT NULL,
  body_sha256 text NOT NULL,
  order_id text NOT NULL,
  -- {typename, …ids and scalars}
  outcome jsonb,
  created_at timestamptz(3) NOT NULL,
  PRIMARY KEY (slice_no, actor, mutation, key)
);
CREATE INDEX idempotency_keys_in_flight ON idempotency_keys (slice_no, order_id) WHERE outcome IS NULL;

-- The sandbox provider's own books. They stand for another company's: nothing here refers to the tables above.
CREATE TABLE sandbox_trades (
  payment_id text PRIMARY KEY,
  amount_fen bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('SUCCEEDED', 'DECLINED', 'CLOSED')),
  at timestamptz(3) NOT NULL
);
CREATE TABLE sandbox_refunds (
  refund_id text PRIMARY KEY,
  payment_id text NOT NULL UNIQUE REFERENCES sandbox_trades (payment_id),
  amount_fen bigint NOT NULL,
  at timestamptz(3) NOT NULL
);
