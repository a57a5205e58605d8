import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BoundedMap } from '../../../../gateway/cache/stores/bounded-map.ts'

interface Kept {
  readonly bytes: number
  readonly untilMs: number
}

const KEYS = ['a x', 'a y', 'b x', 'c', 'd', 'e']
const key = fc.constantFrom(...KEYS)
const step = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    key,
    bytes: fc.integer({ min: 1, max: 12 }),
    lifeMs: fc.integer({ min: 0, max: 6 }),
  }),
  fc.record({ kind: fc.constantFrom('get' as const, 'has' as const, 'delete' as const), key }),
  fc.record({ kind: fc.constant('move' as const), ms: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('clear' as const) }),
)

/** A plain Map whose order is that of use. */
test('whatever is done, it holds what a plain map would, within its bounds, and its counts are right', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      let atMs = 0
      const [entriesMax, bytesMax] = [4, 20]
      const map = new BoundedMap<Kept>({
        entriesMax,
        bytesMax,
        bytesOf: ({ bytes }) => bytes,
        goneAtMs: ({ untilMs }) => untilMs,
        clock: () => atMs,
      })
      // The sweep may have removed what is gone, so the model has nothing that is gone: it must never evict for it either.
      const model = new Map<string, Kept>()
      const live = (): Map<string, Kept> => {
        for (const [name, { untilMs }] of model) if (untilMs <= atMs) model.delete(name)
        return model
      }
      for (const one of steps) {
        if (one.kind === 'move') atMs += one.ms
        else if (one.kind === 'clear') {
          map.clear()
          model.clear()
        } else if (one.kind === 'set') {
          const kept = { bytes: one.bytes, untilMs: atMs + one.lifeMs }
          // So that both have removed all that is gone before they make place.
          map.sweep(100)
          live().delete(one.key)
          map.set(one.key, kept)
          if (one.lifeMs > 0) model.set(one.key, kept)
          else map.delete(one.key)
          const bytes = (): number => [...model.values()].reduce((sum, { bytes }) => sum + bytes, 0)
          while (model.size > entriesMax || bytes() > bytesMax) model.delete(model.keys().next().value!)
        } else if (one.kind === 'get') {
          const kept = live().get(one.key)
          expect(map.get(one.key)).toBe(kept)
          if (kept !== undefined) {
            model.delete(one.key)
            model.set(one.key, kept)
          }
        } else if (one.kind === 'has') expect(map.has(one.key)).toBe(live().has(one.key))
        else {
          map.delete(one.key)
          model.delete(one.key)
        }
        expect(map.size).toBeLessThanOrEqual(entriesMax)
        expect(map.bytes).toBeLessThanOrEqual(bytesMax)
        const counted = [...map.counts()].reduce((sum, { bytes }) => sum + bytes, 0)
        expect(counted).toBe(map.bytes)
      }
      expect(KEYS.filter(name => map.has(name)).sort()).toEqual([...live().keys()].sort())
      map.sweep(100)
      expect(map.size).toBe(model.size)
    }),
    { seed: 5, numRuns: 1_000 },
  )
})
