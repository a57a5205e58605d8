import { describe, expect, it } from 'vitest'
import { readArguments } from './arguments.ts'

describe('readArguments', () => {
  it('measures everything three times unless told otherwise', () =>
    expect(readArguments([])).toEqual({
      rounds: 3,
      only: new Set(['P1', 'P1-checked', 'P2', 'P3', 'P3-shared', 'latency', 'plan', 'memory']),
      variant: '',
      isQuick: false,
      isProfiled: false,
      isWhole: true,
    }))

  it('takes rounds and parts', () =>
    expect(readArguments(['--rounds', '5', '--only', 'P1,plan'])).toMatchObject({
      rounds: 5,
      only: new Set(['P1', 'plan']),
    }))

  it.each([[['--only', 'P1']], [['--variant', 'Hive']], [['--quick']], [['--profile']]])(
    'takes %j for less than the whole',
    argv => expect(readArguments(argv).isWhole).toBe(false),
  )

  it('rehearses one round, or as many as are asked for', () => {
    expect(readArguments(['--quick'])).toMatchObject({ rounds: 1, isQuick: true })
    expect(readArguments(['--quick', '--rounds', '2'])).toMatchObject({ rounds: 2, isQuick: true })
  })

  it.each([
    [['--rounds', '0'], 'expected --rounds to be 1 to 99, got 0'],
    [['--rounds', 'many'], 'expected --rounds to be 1 to 99, got many'],
    [
      ['--only', 'P1,P9'],
      'expected --only to name P1, P1-checked, P2, P3, P3-shared, latency, plan, memory, got P9',
    ],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j', (argv, message) => expect(() => readArguments(argv)).toThrow(message))
})
