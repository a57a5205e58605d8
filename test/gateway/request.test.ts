import { describe, expect, it } from 'vitest'
import { isInVain, JsonText, type Outcome } from '../../gateway/request.ts'

const LATER = { __typename: 'IssuancePaused', retryable: true }
const NEVER = { __typename: 'BudgetExhausted', retryable: false }
const ERRORS = [{ message: 'told to fail' }]

describe('a request was in vain', () => {
  it.each<[boolean, NonNullable<Outcome['data']> | null, Outcome['errors']]>([
    [true, null, ERRORS],
    [true, { claim: null }, ERRORS],
    [true, { claim: LATER }, undefined],
    [true, { one: LATER, other: null }, ERRORS],
    [true, { one: LATER, other: LATER }, undefined],
    [false, { claim: NEVER }, undefined],
    [false, { claim: { retryable: 'true' } }, undefined],
    [false, { claim: { coupon: LATER } }, undefined],
    [false, { claim: { notice: '"retryable":true' } }, undefined],
    [false, { one: LATER, other: NEVER }, undefined],
    [false, { one: LATER, other: 5 }, undefined],
    [false, { claim: null }, undefined],
    [false, {}, undefined],
    [false, null, undefined],
  ])('%s: %j', (inVain, data, errors) => {
    const beside = errors === undefined ? {} : { errors }
    expect(isInVain({ data, ...beside })).toBe(inVain)
    expect(isInVain({ json: new JsonText(JSON.stringify(data)), ...beside })).toBe(inVain)
  })
})
