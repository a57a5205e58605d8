import { describe, expect, it } from 'vitest'
import { PromisedTurns } from '../../../gateway/surge/promised-turns.ts'

describe('promised turns', () => {
  it('keep the latest of each line, and which life of it has been told', () => {
    const promised = new PromisedTurns()
    expect(promised.of('a')).toBeUndefined()
    promised.note('a', 2_000, '')
    promised.note('a', 1_000, '')
    promised.note('b', 3_000, 'life')
    promised.know('a', 'another', 2_000)
    promised.know('c', 'another', 2_000)
    expect([...promised.entries()]).toEqual([
      ['a', { epoch: 'another', latestMs: 2_000 }],
      ['b', { epoch: 'life', latestMs: 3_000 }],
    ])
  })

  it('count as told only where the latest was', () => {
    const promised = new PromisedTurns()
    promised.note('a', 2_000, 'life')
    promised.note('a', 5_000, '')
    // Of a call that had left before.
    promised.know('a', 'life', 2_000)
    promised.note('a', 3_000, 'life')
    expect(promised.of('a')).toEqual({ epoch: '', latestMs: 5_000 })
    promised.know('a', 'life', 5_000)
    expect(promised.of('a')).toEqual({ epoch: 'life', latestMs: 5_000 })
  })

  it('remember 10,000 lines, and let the one go that was met first', () => {
    const promised = new PromisedTurns()
    for (let i = 0; i <= 10_000; i++) promised.note(`line ${i}`, i, '')
    promised.note('line 1', 20_000, '')
    expect([...promised.entries()]).toHaveLength(10_000)
    expect(promised.of('line 0')).toBeUndefined()
    expect(promised.of('line 1')).toMatchObject({ latestMs: 20_000 })
  })
})
