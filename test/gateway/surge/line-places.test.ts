import { describe, expect, it } from 'vitest'
import { type LinePlace, LinePlaces } from '../../../gateway/surge/line-places.ts'
import { seeded } from '../../replay/seeded.ts'

const GRACE_MS = 2_000

describe('the places of a line', () => {
  it('stay in the order of their instants, whatever comes and goes', () => {
    const random = seeded(20_260_206)
    const below = (max: number): number => Math.floor(random() * max)
    const places = new LinePlaces()
    /** The same by caller, in no order. */
    const known = new Map<string, LinePlace>()
    let nowMs = 0
    let callers = 0
    let lastMs = 0
    const add = (instantMs: number): void => {
      const caller = `c${callers++}`
      known.set(caller, places.add(caller, instantMs, nowMs))
    }
    for (let turn = 0; turn < 60; turn++) {
      for (let i = below(400); i > 0; i--) add((lastMs = Math.max(nowMs, lastMs) + 1 + below(5)))
      for (let i = below(40); i > 0; i--) add(nowMs - GRACE_MS + below(GRACE_MS + 3_000))
      // A pause takes the line's time back at times.
      nowMs = Math.max(0, nowMs + (turn % 9 === 8 ? -below(300) : below(1_200)))
      places.pass(nowMs, nowMs - GRACE_MS)
      for (const [caller, { instantMs }] of known) if (instantMs < nowMs - GRACE_MS) known.delete(caller)
      for (const place of known.values()) {
        if (!places.isDue(place, nowMs) || below(3) > 0) continue
        if (below(2) === 0) places.move(place, nowMs + 1 + below(400), nowMs)
        else {
          places.remove(place)
          known.delete(place.caller)
        }
      }
      expect(places.size).toBe(known.size)
      const instants = Array.from(known.values(), ({ instantMs }) => instantMs).sort((a, b) => a - b)
      const toCome = instants.filter(instantMs => instantMs > nowMs)
      expect(places.nextMs).toBe(toCome[0] ?? Number.POSITIVE_INFINITY)
      const due = instants.filter(instantMs => instantMs <= nowMs && instantMs > nowMs - 500)
      expect(places.dueSince(nowMs - 500, 1e9)).toBe(due.length)
      expect(places.dueSince(nowMs - 500, 3)).toBe(Math.min(due.length, 4))
      for (const place of known.values()) {
        expect(places.find(place.caller)).toBe(place)
        if (below(10) > 0) continue
        const before = toCome.findIndex(instantMs => instantMs >= place.instantMs)
        expect(places.positionOf(place)).toBe(places.isDue(place, nowMs) ? 0 : before)
      }
    }
    expect(callers).toBeGreaterThan(5_000)
  })

  it('are all forgotten when the last of them is', () => {
    const places = new LinePlaces()
    for (let i = 0; i < 5_000; i++) places.add(`c${i}`, i, -1)
    places.pass(10_000, 4_999)
    expect(places.size).toBe(4_000)
    places.pass(10_000, 5_000)
    expect(places.size).toBe(0)
    expect(places.find('c4999')).toBeUndefined()
  })
})
