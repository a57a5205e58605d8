import type { Queryable, Statement } from '../database.ts'

/** The sandbox provider's books: another company's, as far as payment is concerned. Nothing here refers to its tables. */

/** A trade that exists is answered as it stands: the no-op update makes RETURNING tell it. */
const CREATE_SANDBOX_TRADE: Statement = {
  name: 'create_sandbox_trade',
  text: `INSERT INTO sandbox_trades AS s (payment_id, amount_fen, state, at) VALUES ($1, $2, $3, clock())
    ON CONFLICT (payment_id) DO UPDATE SET payment_id = s.payment_id RETURNING s.state`,
}

type SandboxState = 'SUCCEEDED' | 'DECLINED' | 'CLOSED'

export async function createSandboxTrade(
  database: Queryable,
  paymentId: string,
  amountFen: number,
  state: SandboxState,
): Promise<SandboxState> {
  const rows = await database.query<{ state: SandboxState }>(CREATE_SANDBOX_TRADE, [
    paymentId,
    amountFen,
    state,
  ])
  return rows[0]!.state
}

/** CLOSED unless it is decided: a trade that never arrived is closed too, so that it cannot arrive later. */
export async function closeSandboxTrade(database: Queryable, paymentId: string): Promise<SandboxState> {
  return await createSandboxTrade(database, paymentId, 0, 'CLOSED')
}

const FIND_SANDBOX_TRADE: Statement = {
  name: 'find_sandbox_trade',
  readOnly: true,
  text: 'SELECT state FROM sandbox_trades WHERE payment_id = $1',
}

export async function findSandboxTrade(
  database: Queryable,
  paymentId: string,
): Promise<SandboxState | undefined> {
  return (await database.query<{ state: SandboxState }>(FIND_SANDBOX_TRADE, [paymentId]))[0]?.state
}

const CREATE_SANDBOX_REFUND: Statement = {
  name: 'create_sandbox_refund',
  text: `INSERT INTO sandbox_refunds (refund_id, payment_id, amount_fen, at)
    SELECT $1, s.payment_id, s.amount_fen, clock() FROM sandbox_trades s
    WHERE s.payment_id = $2 AND s.amount_fen = $3 AND s.state = 'SUCCEEDED'
    ON CONFLICT (refund_id) DO UPDATE SET refund_id = excluded.refund_id RETURNING refund_id`,
}

/** Throws when there is no such trade to refund, and when another refund had it. */
export async function createSandboxRefund(
  database: Queryable,
  paymentId: string,
  refundId: string,
  amountFen: number,
): Promise<void> {
  const rows = await database.query(CREATE_SANDBOX_REFUND, [refundId, paymentId, amountFen])
  if (rows.length === 0)
    throw new Error(`expected a successful trade of ${amountFen} fen named ${paymentId}, got none`)
}
