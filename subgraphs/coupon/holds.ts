import { SHOPPER_ID } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { type ParsedId, parseId } from '../../protocol/ids.ts'
import { sliceOf } from '../../protocol/slice.ts'
import type { Database, Queryable } from '../database.ts'
import {
  type CouponPhase,
  type Decision,
  giveBack,
  type Hold,
  redeem,
  release,
  reserve,
  revoke,
  type Situation,
  stateAt,
  sumInto,
} from './coupon.ts'
import type {
  CouponHold,
  CouponOrderInput,
  CouponState,
  RedeemCouponInput,
  ReserveCouponInput,
} from './schema.generated.ts'
import {
  type LockedCoupon,
  lockAnyCoupon,
  lockOwnCoupon,
  postTransfers,
  readSituation,
  recordRevocation,
  type SituationRow,
  writeCoupon,
  writeHold,
} from './store.ts'

/**
 * Changes of one coupon: lock it, look at the clock and the order's hold, let the rule decide (coupon.ts), write, all in
 * one transaction. No bucket row is ever touched, so a drop in full swing holds up no redemption.
 */
export class Holds {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  reserve(input: ReserveCouponInput): Promise<CouponHold> {
    assertSubtotal(input.subtotalFen)
    return this.#forOrder(input, situation => reserve(situation, input.orderId, input.subtotalFen))
  }

  release(input: CouponOrderInput): Promise<CouponHold> {
    return this.#forOrder(input, release)
  }

  redeem(input: RedeemCouponInput): Promise<CouponHold> {
    assertSubtotal(input.subtotalFen)
    return this.#forOrder(input, situation => redeem(situation, input.orderId, input.subtotalFen))
  }

  giveBack(input: CouponOrderInput): Promise<CouponHold> {
    return this.#forOrder(input, giveBack)
  }

  /**
   * Takes an unused coupon back for good. `null`: no such coupon; `revoked` false: its state, which `state` tells, does
   * not allow it.
   * @throws Fault BAD_ID for a malformed id, BAD_INPUT for a reason that cannot be recorded
   */
  async revoke(
    couponId: string,
    reason: string,
    client: string,
  ): Promise<{ readonly revoked: boolean; readonly state: CouponState } | null> {
    const id = parseId('coupon', couponId)
    assertReason(reason)
    return this.#database.transaction(async transaction => {
      const coupon = await lockAnyCoupon(transaction, id.slice, id.uuid)
      if (coupon === undefined) return null
      const row = await readSituation(transaction, coupon.campaignId, coupon.sliceNo, null)
      const situation = situationOf(coupon, row)
      const decision = revoke(situation)
      if (decision.coupon !== undefined) {
        await recordRevocation(transaction, coupon, reason, client, row.now)
        await write(transaction, coupon, coupon.couponId, null, situation.now, decision)
      }
      return { revoked: decision.refusal === null, state: stateAfter(situation, decision) }
    })
  }

  /**
   * @throws Fault BAD_ID for malformed ids and for an order that is not this shopper's; another shopper's coupon reads
   *   as NOT_FOUND
   */
  async #forOrder(input: CouponOrderInput, decide: (situation: Situation) => Decision): Promise<CouponHold> {
    const { sliceNo, coupon: couponId, order } = idsOf(input)
    const { orderId } = input
    if (couponId.slice !== sliceNo) return notFound(input)
    return this.#database.transaction(async transaction => {
      const coupon = await lockOwnCoupon(transaction, sliceNo, input.shopperId, couponId.uuid)
      if (coupon === undefined) return notFound(input)
      const row = await readSituation(transaction, coupon.campaignId, sliceNo, order.uuid)
      const situation = situationOf(coupon, row)
      const { faceFen } = row
      if (row.holdCouponId !== null && row.holdCouponId !== coupon.couponId) {
        // One order, one coupon: this order stands with another.
        const state = stateAt(coupon.state, row.validUntil, row.now)
        return { couponId: input.couponId, orderId, state, refusal: 'NOT_AVAILABLE', faceFen }
      }
      const decision = decide(situation)
      await write(transaction, coupon, order.uuid, order.uuid, row.now, decision)
      const state = stateAfter(situation, decision)
      return { couponId: input.couponId, orderId, state, refusal: decision.refusal, faceFen }
    })
  }
}

/** The coupon is locked already; the settlement row comes last. */
async function write(
  transaction: Queryable,
  coupon: LockedCoupon,
  causeUuid: string,
  orderUuid: string | null,
  at: Date,
  decision: Decision,
): Promise<void> {
  const { hold, transfers } = decision
  if (decision.coupon !== undefined) await writeCoupon(transaction, coupon, decision.coupon, orderUuid)
  if (hold !== undefined && orderUuid !== null) {
    if (!(await writeHold(transaction, coupon.sliceNo, orderUuid, coupon.couponId, hold))) {
      throw new Fault('BAD_INPUT', 'the order was given another coupon at the same moment')
    }
  }
  if (transfers.length > 0) {
    // An expiry is the coupon's, whichever order let go of it; so that no coupon expires twice.
    const cause = transfers.some(({ kind }) => kind === 'EXPIRE') ? coupon.couponId : causeUuid
    await postTransfers(transaction, coupon, cause, at, transfers, {
      expenseFen: sumInto('expense', transfers),
      returnedFen: sumInto('returned', transfers),
    })
  }
}

function situationOf(coupon: LockedCoupon, row: SituationRow): Situation {
  return { coupon: phaseOf(coupon), hold: holdOf(row), terms: row, now: row.now }
}

function phaseOf({ state, orderId, redeemedAt }: LockedCoupon): CouponPhase {
  switch (state) {
    case 'RESERVED':
      return { state, orderId: orderId as string }
    case 'REDEEMED':
    case 'RETURNED':
      return { state, orderId: orderId as string, redeemedAt: redeemedAt as Date }
    default:
      return { state }
  }
}

function holdOf({ holdState, holdExpenseFen }: SituationRow): Hold | undefined {
  switch (holdState) {
    case null:
      return undefined
    case 'REDEEMED':
    case 'RETURNED':
      return { state: holdState, expenseFen: holdExpenseFen as number }
    default:
      return { state: holdState }
  }
}

const stateAfter = ({ coupon, terms, now }: Situation, decision: Decision): CouponState =>
  stateAt((decision.coupon ?? coupon).state, terms.validUntil, now)

function idsOf({ shopperId, couponId, orderId }: CouponOrderInput): {
  sliceNo: number
  coupon: ParsedId
  order: ParsedId
} {
  if (!SHOPPER_ID.test(shopperId)) throw new Fault('BAD_ID', 'expected a shopper id, got another form')
  const sliceNo = sliceOf(shopperId)
  const order = parseId('order', orderId)
  if (order.slice !== sliceNo) throw new Fault('BAD_ID', `expected an order of the shopper, got ${orderId}`)
  return { sliceNo, coupon: parseId('coupon', couponId), order }
}

const notFound = ({ couponId, orderId }: CouponOrderInput): CouponHold => ({
  couponId,
  orderId,
  state: null,
  refusal: 'NOT_FOUND',
  faceFen: 0,
})

function assertSubtotal(subtotalFen: number): void {
  if (subtotalFen < 0) throw new Fault('BAD_INPUT', `subtotalFen expects 0 or more, got ${subtotalFen}`)
}

const REASON_CHARACTERS_MAX = 500

function assertReason(reason: string): void {
  const length = [...reason].length
  if (reason.trim() === '' || length > REASON_CHARACTERS_MAX) {
    throw new Fault('BAD_INPUT', `reason expects 1 to ${REASON_CHARACTERS_MAX} characters, got ${length}`)
  }
  if (reason.includes('\0') || !reason.isWellFormed()) {
    throw new Fault('BAD_INPUT', 'reason expects text, got a NUL or half a surrogate pair')
  }
}
