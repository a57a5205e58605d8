import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SHOPPER_ID } from '../../protocol/caller.ts'
import { newId, parseId, parseOwnId } from '../../protocol/ids.ts'
import { sliceOf } from '../../protocol/slice.ts'

const UUID = '01989f3e5b7c7aaa8bbbccccddddeeee'

describe('ids', () => {
  it('carries its type, its shopper’s slice and a uuidv7, and reads back', () => {
    fc.assert(
      fc.property(fc.stringMatching(SHOPPER_ID), shopperId => {
        const id = newId('coupon', shopperId)
        expect(id).toMatch(/^coupon_[0-9a-f]{2}_[0-9a-f]{32}$/)
        const { slice, uuid } = parseOwnId('coupon', id, shopperId)
        expect(slice).toBe(sliceOf(shopperId))
        expect(id.endsWith(uuid)).toBe(true)
      }),
    )
  })

  it('is new each time, and ascends', () => {
    const ids = Array.from({ length: 10_000 }, () => newId('order', 'alice'))
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.toSorted()).toEqual(ids)
  })

  it.each([
    ['', 'empty'],
    [`coupon_e7_${UUID}`, 'another type'],
    [`order_e7_${UUID.toUpperCase()}`, 'upper case'],
    [`order_E7_${UUID}`, 'an upper-case slice'],
    [`order_e_${UUID}`, 'a short slice'],
    [`order_e7_${UUID.slice(1)}`, 'a short uuid'],
    [`order_e7_${UUID}0`, 'a long uuid'],
    [`order_e7_${UUID}\n`, 'a line feed after it'],
    [`order_e7_${UUID.replace('7aaa', '4aaa')}`, 'a uuid of version 4'],
    [`order_e7_01989f3e-5b7c-7aaa-8bbb-ccccddddeeee`, 'dashes'],
    [`order_e7_${UUID.slice(1)}\0`, 'NUL'],
    [`order_e7_${UUID.slice(1)}\ud800`, 'a lone surrogate'],
    [`order_\uff10\uff10_${UUID}`, 'full-width digits'],
  ])('refuses %j (%s) as BAD_ID', text => {
    expect(() => parseId('order', text)).toThrow(
      expect.objectContaining({
        code: 'BAD_ID',
        message: `expected order_<2 hex>_<32 hex uuidv7>, got ${JSON.stringify(text)}`,
      }),
    )
  })

  it('echoes at most 64 characters of what it refuses', () => {
    expect(() => parseId('order', 'x'.repeat(1_000_000))).toThrow(
      `expected order_<2 hex>_<32 hex uuidv7>, got "${'x'.repeat(64)}"… (1000000 characters)`,
    )
  })

  it('refuses an id of another shopper’s slice', () => {
    const id = newId('order', 'alice')
    expect(parseId('order', id).slice).toBe(sliceOf('alice'))
    expect(() => parseOwnId('order', id, 'bob')).toThrow(expect.objectContaining({ code: 'BAD_ID' }))
  })
})
