import { describe, expect, it } from 'vitest'
import { FleetClock } from '../../../../gateway/cache/tags/fleet-clock.ts'

describe('the clock of a fleet', () => {
  it('is the wall clock of this machine until the server has told its own', () => {
    const startedMs = Date.now()
    const clock = new FleetClock(500)
    expect(clock.toFleetMs(500)).toBeGreaterThanOrEqual(startedMs)
    expect(clock.toFleetMs(500)).toBeLessThanOrEqual(Date.now())
  })

  it('is the server’s, told in the middle of the round trip', () => {
    const clock = new FleetClock(0)
    clock.read(100, 104, 1_000_000)
    expect(clock.toFleetMs(102)).toBe(1_000_000)
    expect(clock.fromFleetMs(1_000_010)).toBe(112)
  })

  it('believes the shortest of the last eight round trips', () => {
    const clock = new FleetClock(0)
    clock.read(100, 102, 1_000_000)
    // Between 1,000,099 and 1,000,139 at 220; the first says 1,000,119.
    for (let n = 0; n < 7; n++) clock.read(200, 240, 1_000_109)
    expect(clock.toFleetMs(220)).toBe(1_000_119)
    clock.read(200, 240, 1_000_109)
    expect(clock.toFleetMs(220)).toBe(1_000_109)
  })

  it.each([
    ['forwards', 1_000_000 + 60_100],
    ['back', 1_000_000 - 59_900],
  ])('is believed at once when it was set %s, though the round trip was longer', (_, timeMs) => {
    const clock = new FleetClock(0)
    clock.read(100, 101, 1_000_000)
    clock.read(200, 240, timeMs)
    expect(clock.toFleetMs(220)).toBe(timeMs)
    // What contradicts it is forgotten.
    clock.read(300, 340, timeMs + 100)
    expect(clock.toFleetMs(320)).toBe(timeMs + 100)
  })
})
