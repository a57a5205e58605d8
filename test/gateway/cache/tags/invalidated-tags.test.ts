import { describe, expect, it } from 'vitest'
import { InvalidatedTags, marksOf } from '../../../../gateway/cache/tags/invalidated-tags.ts'

/** An entry that was born when the fleet's order had come to `version`. */
const born = (version: number, ...tags: string[]) => ({ born: { atMs: 0, tick: 0, version }, tags })

describe('invalidated tags in the order of the fleet', () => {
  it('are newer than an entry as long as the fleet has not been told, and after that as their version says', () => {
    const invalidated = new InvalidatedTags(10)
    invalidated.add(['a'], undefined)
    expect(invalidated.mayHold(born(1_000, 'a'))).toBe(false)
    expect(invalidated.mayHold(born(1_000, 'b'))).toBe(true)
    invalidated.sent(['a'], invalidated.tick, 500)
    expect([499, 500].map(version => invalidated.mayHold(born(version, 'a')))).toEqual([false, true])
  })

  it('wait on when they were invalidated again while the fleet was told', () => {
    const invalidated = new InvalidatedTags(10)
    invalidated.add(['a'], undefined)
    const { tick } = invalidated
    invalidated.add(['a'], undefined)
    invalidated.sent(['a'], tick, 500)
    expect(invalidated.mayHold(born(1_000, 'a'))).toBe(false)
    invalidated.sent(['a'], invalidated.tick, 501)
    expect([500, 501].map(version => invalidated.mayHold(born(version, 'a')))).toEqual([false, true])
  })

  it('wait on when another gateway invalidates them meanwhile', () => {
    const invalidated = new InvalidatedTags(10)
    invalidated.add(['a'], undefined)
    const { tick } = invalidated
    invalidated.add(['a'], 400)
    expect(invalidated.mayHold(born(1_000, 'a'))).toBe(false)
    invalidated.sent(['a'], tick, 500)
    expect(invalidated.mayHold(born(1_000, 'a'))).toBe(true)
    expect(invalidated.mayHold(born(499, 'a'))).toBe(false)
  })

  it('are all told when everything is', () => {
    const invalidated = new InvalidatedTags(10)
    invalidated.add(['a'], undefined)
    invalidated.sent(['*'], invalidated.tick, 500)
    // Newer than any entry here, so that each of its tags is looked at.
    invalidated.add(['other'], 2_000)
    expect([499, 500].map(version => invalidated.mayHold(born(version, 'a')))).toEqual([false, true])
    invalidated.add(['*'], undefined)
    expect(invalidated.mayHold(born(1_000, 'b'))).toBe(false)
    invalidated.sent(['*'], invalidated.tick, 501)
    expect([500, 501].map(version => invalidated.mayHold(born(version, 'b')))).toEqual([false, true])
  })

  it('wait on though they have grown old, and another gateway has invalidated them anew', () => {
    const invalidated = new InvalidatedTags(4)
    invalidated.add(['a'], undefined)
    const { tick } = invalidated
    invalidated.add(['b'], 100)
    invalidated.add(['c'], 200)
    invalidated.add(['a'], 300)
    expect(invalidated.mayHold(born(1_000, 'a'))).toBe(false)
    invalidated.sent(['a'], tick, 400)
    expect([399, 400].map(version => invalidated.mayHold(born(version, 'a')))).toEqual([false, true])
  })

  it('void all older entries once there is no room for them, and not for ever when the fleet had not been told', () => {
    const invalidated = new InvalidatedTags(2)
    const holds = (...versions: number[]) => versions.map(version => invalidated.mayHold(born(version, 'z')))
    invalidated.add(['a'], 100)
    invalidated.add(['b'], 200)
    expect([invalidated.size, ...holds(99)]).toEqual([2, true])
    invalidated.add(['c'], undefined)
    expect([invalidated.size, ...holds(99, 100)]).toEqual([2, false, true])
    invalidated.add(['d'], undefined)
    invalidated.add(['e'], undefined)
    expect([invalidated.size, ...holds(1_000)]).toEqual([2, false])
    invalidated.voidMemory()
    invalidated.sent(['c', 'd', 'e'], invalidated.tick, 300)
    expect(holds(299, 300)).toEqual([false, true])
  })

  it('stay what they are while they are invalidated again and again', () => {
    const invalidated = new InvalidatedTags(4)
    for (let version = 1; version <= 100; version++) invalidated.add(['a', 'b'], version)
    expect([invalidated.size, invalidated.mayHold(born(0, 'z')), invalidated.mayHold(born(99, 'a'))]).toEqual(
      [2, true, false],
    )
  })

  it('say nothing of the fleet’s entries when memory is void', () => {
    const invalidated = new InvalidatedTags(1)
    const { tick } = invalidated
    invalidated.voidMemory()
    expect(invalidated.mayHold(born(0, 'a'))).toBe(true)
    expect(invalidated.holdsHere({ born: { atMs: 0, tick, version: 0 }, tags: [] })).toBe(false)
  })
})

describe('what is remembered of tags', () => {
  it.each([
    [['Product'], ['Product']],
    [['Product:1'], ['Product:1', 'Product:*']],
    [
      ['Product:1', 'Product:2'],
      ['Product:1', 'Product:*', 'Product:2'],
    ],
    [['Product:*'], ['Product:*', 'Product']],
    [['list:a:b'], ['list:a:b', 'list:*']],
    [['Product:1', '*'], ['*']],
    [[''], []],
  ])('%j: %j', (tags, marks) => {
    expect([...marksOf(tags)]).toEqual(marks)
  })
})
