import { SHOPPER_ID } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { type ParsedId, parseId } from '../../protocol/ids.ts'
import { sliceOf } from '../../protocol/slice.ts'
import type { Database } from '../database.ts'
import { databaseUnavailable } from '../database-errors.ts'
import { StatementConvoy } from '../statement-convoy.ts'
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
  type Transfer,
} from './coupon.ts'
import {
  changeHolds,
  type HoldChange,
  type HoldKey,
  type LockedCoupon,
  lockAnyCoupon,
  postTransfers,
  readSituations,
  readTerms,
  recordRevocation,
  type SituationRow,
  type TermsRow,
  writeCoupon,
} from './hold-store.ts'
import type {
  CouponHold,
  CouponOrderInput,
  CouponState,
  RedeemCouponInput,
  ReserveCouponInput,
} from './schema.generated.ts'

/** Changes in one statement: a pass of read and write takes some milliseconds, a change in it some 0.1 ms. */
const BATCH_MAX = 256
/** Each more turn means that another process changed the same coupon or order in between. */
const TURNS_MAX = BATCH_MAX + 10

/** One order's wish, until it is answered. */
interface Wish {
  readonly input: CouponOrderInput
  readonly key: HoldKey
  readonly decide: (situation: Situation) => Decision
}

/**
 * Changes of coupons for orders: read the coupon, the clock and the order's hold, let the rule decide (coupon.ts), and
 * write where all still is as it was read; where it is not, read again. What many orders wish rides together, a statement
 * each for reading and writing. No bucket row is ever touched, so a drop in full swing holds up no redemption.
 */
export class Holds {
  readonly #database: Database
  readonly #wishes: StatementConvoy<Wish, CouponHold>

  constructor(database: Database) {
    this.#database = database
    this.#wishes = new StatementConvoy({
      name: 'coupon.holds',
      batchMax: BATCH_MAX,
      isEqual: true,
      run: wishes => this.#grant(wishes),
    })
    database.addQueue('holds', this.#wishes)
  }

  /** Refuses new wishes and resolves once those under way are answered. */
  close(): Promise<void> {
    return this.#wishes.close()
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
      const terms = await readTerms(transaction, coupon.campaignId)
      const situation = situationOf(coupon, terms, undefined)
      const decision = revoke(situation)
      if (decision.coupon !== undefined) {
        await recordRevocation(transaction, coupon, reason, client, terms.now)
        await writeCoupon(transaction, coupon, decision.coupon)
        await postTransfers(
          transaction,
          coupon,
          coupon.couponId,
          terms.now,
          decision.transfers,
          sumsOf(decision.transfers),
        )
      }
      return { revoked: decision.refusal === null, state: stateAfter(situation, decision) }
    })
  }

  /**
   * @throws Fault BAD_ID for malformed ids and for an order that is not this shopper's; another shopper's coupon reads
   *   as NOT_FOUND
   */
  async #forOrder(input: CouponOrderInput, decide: (situation: Situation) => Decision): Promise<CouponHold> {
    const { sliceNo, coupon, order } = idsOf(input)
    if (coupon.slice !== sliceNo) return notFound(input)
    const key = { sliceNo, shopperId: input.shopperId, couponUuid: coupon.uuid, orderUuid: order.uuid }
    return await this.#wishes.load({ input, key, decide })
  }

  /** Wishes for the same coupon or order are granted one after the other, each upon what the one before has left. */
  async #grant(wishes: readonly Wish[]): Promise<(CouponHold | Error)[]> {
    const answers = new Array<CouponHold | Error>(wishes.length)
    let open = wishes.map((wish, index) => ({ ...wish, index }))
    for (let turn = 0; open.length > 0; turn++) {
      if (turn === TURNS_MAX) {
        for (const { index } of open)
          answers[index] = databaseUnavailable('the coupon is changed all the time')
        break
      }
      const rows = await readSituations(
        this.#database,
        open.map(({ key }) => key),
      )
      const taken = new Set<string>()
      const writing: ((typeof open)[number] & { change: HoldChange; answer: CouponHold })[] = []
      const again: typeof open = []
      for (const [place, wish] of open.entries()) {
        const { answer, change } = judge(wish, rows[place])
        const { couponUuid, orderUuid } = wish.key
        if (change === undefined) answers[wish.index] = answer
        else if (taken.has(couponUuid) || taken.has(orderUuid)) again.push(wish)
        else {
          taken.add(couponUuid).add(orderUuid)
          writing.push({ ...wish, change, answer })
        }
      }
      if (writing.length > 0) {
        const moved = await changeHolds(
          this.#database,
          writing.map(({ change }) => change),
        )
        for (const [place, wish] of writing.entries()) {
          if (moved.has(place)) again.push(wish)
          else answers[wish.index] = wish.answer
        }
      }
      open = again
    }
    return answers
  }
}

/** What a wish comes to as things stand; without `change` nothing is to be written. */
function judge(
  { input, key, decide }: Wish,
  row: SituationRow | undefined,
): { readonly answer: CouponHold; readonly change?: HoldChange } {
  if (row === undefined) return { answer: notFound(input) }
  const { couponId, orderId } = input
  const { faceFen } = row
  if (row.holdCouponId !== null && row.holdCouponId !== row.couponId) {
    // One order, one coupon: this order stands with another.
    const state = stateAt(row.state, row.validUntil, row.now)
    return { answer: { couponId, orderId, state, refusal: 'NOT_AVAILABLE', faceFen } }
  }
  const situation = situationOf(row, row, holdOf(row))
  const decision = decide(situation)
  const { coupon, hold, transfers, refusal } = decision
  const answer = { couponId, orderId, state: stateAfter(situation, decision), refusal, faceFen }
  if (hold === undefined) return { answer }
  // An expiry is the coupon's, whichever order let go of it; so that no coupon expires twice.
  const causeUuid = transfers.some(({ kind }) => kind === 'EXPIRE') ? row.couponId : key.orderUuid
  const change = {
    was: row,
    orderUuid: key.orderUuid,
    coupon,
    hold,
    transfers,
    causeUuid,
    sums: sumsOf(transfers),
  }
  return { answer, change }
}

const sumsOf = (transfers: readonly Transfer[]): HoldChange['sums'] => ({
  expenseFen: sumInto('expense', transfers),
  returnedFen: sumInto('returned', transfers),
})

function situationOf(coupon: LockedCoupon, terms: TermsRow, hold: Hold | undefined): Situation {
  return { coupon: phaseOf(coupon), hold, terms, now: terms.now }
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
