import type { Random } from './seeded.ts'
import { PURPOSES, type Purpose } from './shopper.ts'

/** How many of each come. */
export type Counts = Readonly<Record<Purpose, number>>
/** How many of each come beside one another, in any unit. */
export type Mix = Counts

export const DEFAULT_MIX: Mix = { browse: 30, claim: 5, order: 60, pay: 5 }

/**
 * @param orders to be made; in a mix without orders, coupons to be claimed; in one without claims either, visits.
 * @returns how many of each purpose that takes by the mix.
 * @throws RangeError when the mix has nobody.
 */
export function countsOf(mix: Mix, orders: number): Counts {
  const ordering = mix.order + mix.pay
  const base = ordering > 0 ? ordering : mix.claim > 0 ? mix.claim : mix.browse
  if (!(base > 0)) throw new RangeError('expected a mix with somebody in it, got none')
  const scaled = (weight: number): number => Math.round((orders * weight) / base)
  const pay = scaled(mix.pay)
  return {
    browse: scaled(mix.browse),
    claim: scaled(mix.claim),
    order: ordering > 0 ? orders - pay : 0,
    pay,
  }
}

/** Those who come for a coupon. */
export const shoppersOf = ({ claim, order, pay }: Counts): number => claim + order + pay

export const peopleOf = (counts: Counts): number => counts.browse + shoppersOf(counts)

/** Who comes next: exactly so many of each, mixed evenly. The result's value is an index of {@link PURPOSES}. */
export function mixer(counts: Counts, random: Random): () => number {
  const left = PURPOSES.map(purpose => counts[purpose])
  let all = peopleOf(counts)
  return () => {
    let at = random() * all--
    let index = 0
    while (index + 1 < left.length && (at >= left[index]! || left[index] === 0)) at -= left[index++]!
    left[index]!--
    return index
  }
}
