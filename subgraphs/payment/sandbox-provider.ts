import type { Queryable } from '../database.ts'
import type { PaymentProvider, TradeState } from './provider.ts'
import {
  closeSandboxTrade,
  createSandboxRefund,
  createSandboxTrade,
  findSandboxTrade,
} from './sandbox-store.ts'

const DECLINED_TOKEN = 'sandbox-decline'

/**
 * The built-in provider: no money moves. It keeps books of its own, so that it remembers through our crashes as an
 * outside company would. Declines the token `sandbox-decline` and accepts everything else.
 */
export function createSandboxProvider(database: Queryable): PaymentProvider {
  return {
    name: 'sandbox',
    async charge({ paymentId, amountFen, token }): Promise<TradeState> {
      const state = token === DECLINED_TOKEN ? 'DECLINED' : 'SUCCEEDED'
      return await createSandboxTrade(database, paymentId, amountFen, state)
    },
    async query(paymentId) {
      return (await findSandboxTrade(database, paymentId)) ?? 'ABSENT'
    },
    async close(paymentId) {
      return await closeSandboxTrade(database, paymentId)
    },
    async refund({ paymentId, refundId, amountFen }) {
      await createSandboxRefund(database, paymentId, refundId, amountFen)
      return 'SUCCEEDED'
    },
  }
}
