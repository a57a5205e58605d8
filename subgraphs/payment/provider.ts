import type { DeadlineMs } from '../../protocol/deadline.ts'

/**
 * The port to whoever moves the money. A trade is named by our payment's id, which is its idempotency key: however
 * often and however late a charge arrives, it takes money once, and never after `close` has answered CLOSED.
 *
 * A rejection says nothing about the money: the charge may have happened. `query` and `close` find out.
 */
export interface PaymentProvider {
  /** As `Payment.provider` shows it. */
  readonly name: string
  charge(charge: Charge, deadlineMs: DeadlineMs): Promise<TradeState>
  /** ABSENT: no charge with this id has arrived, though one may be under way. */
  query(paymentId: string, deadlineMs: DeadlineMs): Promise<TradeState | 'ABSENT'>
  /** Closes a trade that is not decided, one that never arrived too, and answers how it stands: a success stays one. */
  close(paymentId: string, deadlineMs: DeadlineMs): Promise<TradeState>
  /** Idempotent by the refund's id. */
  refund(refund: RefundRequest, deadlineMs: DeadlineMs): Promise<'SUCCEEDED' | 'PENDING'>
}

/** SUCCEEDED, DECLINED and CLOSED are for ever. */
export type TradeState = 'SUCCEEDED' | 'DECLINED' | 'CLOSED' | 'PENDING'

export interface Charge {
  readonly paymentId: string
  readonly amountFen: number
  /** The shopper's payment credential. Handed on, never stored or logged. */
  readonly token: string | undefined
}

export interface RefundRequest {
  readonly paymentId: string
  readonly refundId: string
  readonly amountFen: number
}

/** The provider did not answer, in time or at all. */
export class ProviderUnavailable extends Error {
  constructor(provider: string, what: string, options?: ErrorOptions) {
    super(`the payment provider ${provider} did not answer ${what}`, options)
    this.name = 'ProviderUnavailable'
  }
}
