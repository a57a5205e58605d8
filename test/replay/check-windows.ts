/**
 * The window of this length that the most spans lie in as a whole: n spans, each from `fromMs[i]` to `toMs[i]`. Something
 * that happened once within each of them happened at least so often within that window. O(n log n).
 * @returns how many, and the window's beginning; of equal ones any. Spans that end before they begin count as moments.
 */
export function fullestWindow(
  fromMs: Float64Array,
  toMs: Float64Array,
  windowMs: number,
): { readonly most: number; readonly atMs: number } {
  const count = fromMs.length
  const byEnd = orderOf(count, i => Math.max(fromMs[i]!, toMs[i]!))
  const ends = Float64Array.from(byEnd, i => Math.max(fromMs[i]!, toMs[i]!))
  const rankOfEnd = new Uint32Array(count)
  for (let rank = 0; rank < count; rank++) rankOfEnd[byEnd[rank]!] = rank

  // The fullest window may begin where one of its spans does: later windows come first, each adds the spans that begin in it.
  const byBegin = orderOf(count, i => -fromMs[i]!)
  const counted = new PrefixCounts(count)
  let most = 0
  let atMs = Number.NaN
  for (let at = 0; at < count; ) {
    const beginMs = fromMs[byBegin[at]!]!
    for (; at < count && fromMs[byBegin[at]!] === beginMs; at++) counted.add(rankOfEnd[byBegin[at]!]!)
    const within = counted.below(firstAbove(ends, beginMs + windowMs))
    if (within <= most) continue
    most = within
    atMs = beginMs
  }
  return { most, atMs }
}

function orderOf(count: number, key: (i: number) => number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => key(a) - key(b))
}

/** The first index of ascending values whose value is above. */
function firstAbove(values: Float64Array, bound: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! > bound) high = middle
    else low = middle + 1
  }
  return low
}

/** How many of the numbers below a bound were added (a Fenwick tree). */
class PrefixCounts {
  readonly #sums: Uint32Array

  constructor(size: number) {
    this.#sums = new Uint32Array(size + 1)
  }

  add(index: number): void {
    for (let i = index + 1; i < this.#sums.length; i += i & -i) this.#sums[i]!++
  }

  below(bound: number): number {
    let sum = 0
    for (let i = bound; i > 0; i -= i & -i) sum += this.#sums[i]!
    return sum
  }
}
