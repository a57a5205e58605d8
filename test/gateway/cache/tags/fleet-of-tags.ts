import type { FleetTime } from '../../../../gateway/cache/stores/entry-codec.ts'
import type { Tags } from '../../../../gateway/cache/tags/tags.ts'

/** Time that only moves by hand; milliseconds. */
export interface HandClock {
  (): number
  moveMs(ms: number): void
}

export function handClock(): HandClock {
  let atMs = 1_000_000
  return Object.assign(() => atMs, { moveMs: (ms: number) => void (atMs += ms) })
}

export interface FleetMember {
  readonly tags: Tags
  readonly fleetTime: FleetTime
  /** Its own: processes count from different moments. */
  readonly clock: () => number
}

/** Gateways that hear of each other's invalidations at once; each counts its ticks from elsewhere. */
export function fleetOfTags(clock: () => number): { join(): FleetMember } {
  const invalidated = new Map<string, number>()
  let version = 0
  let members = 0
  return {
    join() {
      const ticksBefore = 1_000 * ++members
      const aheadMs = ticksBefore * 3_600
      const ownClock = (): number => clock() - aheadMs
      const holdsSince = (tags: readonly string[], since: number): boolean =>
        tags.every(tag => (invalidated.get(tag) ?? 0) <= since)
      const tags: Tags = {
        now: () => ({ atMs: ownClock(), tick: ticksBefore + version, version }),
        holds: ({ born, tags }) => holdsSince(tags, born.tick - ticksBefore),
        // As when Redis has to be asked.
        holdsAnywhere: async ({ born, tags }) => holdsSince(tags, born.version),
        async invalidate(tags) {
          version++
          for (const tag of tags) invalidated.set(tag, version)
          return 'fleet'
        },
      }
      const fleetTime = { toFleetMs: (ms: number) => ms + aheadMs, fromFleetMs: (ms: number) => ms - aheadMs }
      return { tags, fleetTime, clock: ownClock }
    },
  }
}
