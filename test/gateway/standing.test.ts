import { describe, expect, it } from 'vitest'
import { priorityOf, standingOf } from '../../gateway/standing.ts'
import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { PRIORITIES } from '../../protocol/priority.ts'

const SHOPPER: Caller = { kind: 'shopper', shopperId: 'alice', client: 'qwen', scopes: [], tier: 'shopper' }
const OPERATOR: Caller = { kind: 'operator', client: 'control-room', scopes: [], tier: 'developer' }
const SERVICE: Caller = { kind: 'service', client: 'partner', scopes: [], tier: 'partner' }

describe('how urgent an operation is looks at who asks', () => {
  it.each([
    ['an operator', OPERATOR, ['OPERATE', 'PAY', 'REDEEM', 'CLAIM', 'BROWSE', 'ADHOC']],
    ['a shopper', SHOPPER, ['BROWSE', 'PAY', 'REDEEM', 'CLAIM', 'BROWSE', 'ADHOC']],
    ['a service', SERVICE, ['BROWSE', 'PAY', 'REDEEM', 'CLAIM', 'BROWSE', 'ADHOC']],
    ['nobody in particular', ANONYMOUS, ['BROWSE', 'BROWSE', 'BROWSE', 'BROWSE', 'BROWSE', 'ADHOC']],
  ])('%s', (_, caller, expected) => {
    expect(PRIORITIES.map(priority => priorityOf({ priority }, caller))).toEqual(expected)
  })
})

describe('a level judges', () => {
  it('operators as operators, whatever they ask', () => {
    for (const priority of PRIORITIES) expect(standingOf({ priority }, OPERATOR)).toBe('OPERATE')
    expect(standingOf(undefined, OPERATOR)).toBe('OPERATE')
  })
  it('others by what they ask, and a text that nobody has compiled as such', () => {
    expect(standingOf({ priority: 'CLAIM' }, SHOPPER)).toBe('CLAIM')
    expect(standingOf({ priority: 'OPERATE' }, ANONYMOUS)).toBe('BROWSE')
    expect(standingOf(undefined, SHOPPER)).toBe('UNKNOWN_TEXT')
  })
})
