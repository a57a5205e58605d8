import { describe, expect, test } from 'vitest'
import { Fault, withoutStack } from '../../protocol/fault.ts'

const make = (): Fault => new Fault('THROTTLED', 'later', { retryAfterMs: 7 })

describe('a fault without a stack', () => {
  test('says what any other says', () => {
    const fault = withoutStack(make)
    expect(fault.toJSON()).toEqual(make().toJSON())
    expect(fault).toMatchObject({ code: 'THROTTLED', extensions: { retryAfterMs: 7 } })
    expect(make().stack).toContain('\n    at ')
    expect(fault.stack).not.toContain('\n    at ')
  })

  test('leaves the stacks of all others as they were, though making it throws', () => {
    const before = Error.stackTraceLimit
    const thrown = new Error('not made')
    expect(() =>
      withoutStack(() => {
        throw thrown
      }),
    ).toThrow(thrown)
    expect(Error.stackTraceLimit).toBe(before)
    expect(make().stack).toContain('\n    at ')
  })
})
