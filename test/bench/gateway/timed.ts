/** How long something took, in microseconds. */
export interface Timed {
  /** The first time, before anything was optimised. */
  readonly firstUs: number
  /** The median of the later half, when everything was. */
  readonly medianUs: number
}

/** Does it so many times, at least twice. */
export function timed(times: number, act: () => unknown): Timed {
  const tookUs = Array.from({ length: times }, () => {
    const startedMs = performance.now()
    act()
    return (performance.now() - startedMs) * 1_000
  })
  const later = tookUs.slice(times >> 1).toSorted((a, b) => a - b)
  return { firstUs: tookUs[0]!, medianUs: later[later.length >> 1]! }
}
