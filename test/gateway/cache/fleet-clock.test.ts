import { describe, expect, it } from 'vitest'
import { FleetClock } from '../../../gateway/cache/fleet-clock.ts'

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
    for (let n = 0; n < 7; n++) clock.read(200, 240, 2_000_000)
    expect(clock.toFleetMs(101)).toBe(1_000_000)
    clock.read(200, 240, 2_000_000)
    expect(clock.toFleetMs(220)).toBe(2_000_000)
  })
})
