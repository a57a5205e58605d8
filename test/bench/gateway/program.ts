import type { Timed } from './timed.ts'

/** From the sending of a request to the end of its answer, in milliseconds. */
export interface Latency {
  readonly sent: number
  readonly failed: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** What a program under measurement says to the process that measures it, over the channel that Node gives the two. */
export interface Ready {
  /** Where a gateway listens. */
  readonly port?: number
  /** Where each subgraph does. */
  readonly ports?: Readonly<Record<string, number>>
  readonly latency?: Latency
  readonly plan?: Timed
  /** Of a load that is over: what it saw, in a shape of its own. */
  readonly seen?: unknown
}

export interface MemoryBytes {
  readonly rssBytes: number
  /** After a collection. */
  readonly heapBytes: number
}

/** Says what the program has ready, answers questions for its memory, and ends with its parent. */
export function answerParent(ready: Ready): void {
  process.on('message', question => {
    if (question !== 'memory') return
    // Twice: what the first leaves to finalisers the second collects.
    globalThis.gc?.()
    globalThis.gc?.()
    const { rss, heapUsed } = process.memoryUsage()
    process.send?.({ rssBytes: rss, heapBytes: heapUsed } satisfies MemoryBytes)
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.(ready)
}
