import { describe, expect, it } from 'vitest'
import { readOptions } from './options.ts'

describe('readOptions', () => {
  it('measures everything three times unless told otherwise', () =>
    expect(readOptions([])).toEqual({
      only: new Set(['P4', 'callers', 'batches', 'function']),
      rounds: 3,
      seconds: 6,
      callers: [1, 8, 64, 256, 1_024],
      batches: [1, 16, 64, 256, 512],
      isWhole: true,
    }))

  it('takes a part of it, which is not to be published', () =>
    expect(readOptions(['--only', 'P4,function', '--rounds', '5'])).toMatchObject({
      only: new Set(['P4', 'function']),
      rounds: 5,
      isWhole: false,
    }))

  it('says what it expected', () => {
    expect(() => readOptions(['--only', 'P6'])).toThrow(
      'expected --only to name P4, callers, batches, function, got "P6"',
    )
    expect(() => readOptions(['--rounds', '0'])).toThrow('expected --rounds to be 1 to 99, got "0"')
  })
})
