import { describe, expect, it } from 'vitest'
import { SLICES, sliceHex, sliceOf } from '../../protocol/slice.ts'

/**
 * Golden: computed by an implementation of FNV-1a-32 in Python; `a` (e40c292c) and `foobar` (bf9cf968) are in the
 * authors' published vectors. A change here moves every shopper's rows: the code is wrong, never the table.
 */
const GOLDEN: readonly (readonly [string, number])[] = [
  ['', 197],
  ['a', 44],
  ['foobar', 104],
  ['alice', 231],
  ['bob', 212],
  ['shopper:1', 117],
  ['shopper:2', 188],
  ['0', 175],
  ['user.name_1-2:3', 207],
  ['A'.repeat(64), 133],
  ['é', 193],
  ['奶茶', 251],
  ['😀', 8],
]

describe('slice', () => {
  it.each(GOLDEN)('of %j is %i for ever', (shopperId, slice) => {
    expect(sliceOf(shopperId)).toBe(slice)
  })

  it('spreads shoppers evenly: 256,000 of them, 1,000 a slice within five standard deviations', () => {
    const counts = new Uint32Array(SLICES)
    for (let i = 0; i < 256_000; i++) counts[sliceOf(`shopper-${i}`)]!++
    // Binomial: sd = sqrt(256,000 × 1/256 × 255/256) ≈ 31.6.
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(5 * 31.6)
  })

  it('is written as two lower-case hex digits', () => {
    expect([0, 15, 171, 255].map(sliceHex)).toEqual(['00', '0f', 'ab', 'ff'])
  })

  it.each([-1, 256, 1.5, Number.NaN])('refuses to write %s', slice => {
    expect(() => sliceHex(slice)).toThrow(`expected a slice from 0 to 255, got ${slice}`)
  })
})
