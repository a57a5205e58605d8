import { describe, expect, it } from 'vitest'
import { readOptions } from './options.ts'

describe('readOptions', () => {
  it('measures everything three times unless told otherwise', () =>
    expect(readOptions([])).toEqual({
      only: new Set(['P6', 'curve', 'payment']),
      rounds: 3,
      seconds: 30,
      drainSeconds: 10,
      multiples: [0.5, 1, 2, 5, 10, 20],
      layers: [true, false],
      isWhole: true,
    }))

  it('takes a part of it, which is not to be published', () =>
    expect(
      readOptions([
        '--only',
        'curve',
        '--multiples',
        '20',
        '--seconds',
        '600',
        '--rounds',
        '1',
        '--layer',
        'on',
      ]),
    ).toEqual({
      only: new Set(['curve']),
      rounds: 1,
      seconds: 600,
      drainSeconds: 10,
      multiples: [20],
      layers: [true],
      isWhole: false,
    }))

  it('says what it expected', () => {
    expect(() => readOptions(['--only', 'P7'])).toThrow(
      'expected --only to name P6, curve, payment, got "P7"',
    )
    expect(() => readOptions(['--rounds', '1.5'])).toThrow('expected --rounds to be a whole number, got 1.5')
    expect(() => readOptions(['--seconds', '1'])).toThrow('expected --seconds to be 4 to 3600, got "1"')
    expect(() => readOptions(['--multiples', '1,x'])).toThrow(
      'expected --multiples to be 0.01 to 100, got "x"',
    )
    expect(() => readOptions(['--multiples', ''])).toThrow('expected --multiples to be 0.01 to 100, got ""')
    expect(() => readOptions(['--layer', 'both'])).toThrow('expected --layer to be on or off, got "both"')
  })
})
