import { describe, expect, it } from 'vitest'
import type { Moment } from '../../../../gateway/cache/entry.ts'
import { createLocalTags } from '../../../../gateway/cache/tags/local-tags.ts'

const carrying = (born: Moment, ...tags: string[]) => ({ born, tags })

describe('the tags of one process', () => {
  it.each([
    ['Product:1', ['Product', 'Product:1'], 'an entity by its key'],
    ['Product:1', ['Product', 'Product:*'], 'an entry with too many keys to name'],
    ['Product', ['Product', 'Product:1'], 'a type'],
    ['Product:*', ['Product', 'Product:1'], 'all keys of a type'],
    ['*', ['Product', 'Product:1'], 'everything'],
    ['*', [], 'what carries nothing, too'],
    ['list:a:b', ['list:a:b'], 'a key with a colon in it'],
  ])('%s voids what carries %j: %s', async (invalidated, carried) => {
    const tags = createLocalTags()
    const entry = carrying(tags.now(), ...carried)
    expect(tags.holds(entry)).toBe(true)
    expect(await tags.invalidate([invalidated])).toBe('process')
    expect(tags.holds(entry)).toBe(false)
    expect(tags.holdsAnywhere(entry)).toBe(false)
    expect(tags.holds(carrying(tags.now(), ...carried))).toBe(true)
  })

  it.each([
    ['Product:1', ['Product', 'Product:2']],
    ['Product:1', ['Product']],
    ['Product', ['Productive', 'Productive:1']],
    ['', ['Product', '']],
  ])('%s leaves what carries %j', async (invalidated, carried) => {
    const tags = createLocalTags()
    const entry = carrying(tags.now(), ...carried)
    await tags.invalidate([invalidated])
    expect(tags.holds(entry)).toBe(true)
  })

  it('void at once, before anybody waits', () => {
    const tags = createLocalTags()
    const entry = carrying(tags.now(), 'Product')
    void tags.invalidate(['Product'])
    expect(tags.holds(entry)).toBe(false)
  })

  it('tell the time of their clock', () => {
    expect(createLocalTags({ clock: () => 42 }).now()).toEqual({ atMs: 42, tick: 0, version: 0 })
  })

  it('void what is older than the oldest invalidation that there is room for, and nothing younger', async () => {
    const tags = createLocalTags({ tagsMax: 2 })
    const older = carrying(tags.now(), 'Shop')
    await tags.invalidate(['Product'])
    const younger = carrying(tags.now(), 'Shop')
    await tags.invalidate(['Variant'])
    expect([older, younger].map(tags.holds)).toEqual([true, true])
    await tags.invalidate(['Coupon'])
    expect([older, younger].map(tags.holds)).toEqual([false, true])
  })
})
