import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ClaimLoad, ClaimSeen } from './claim-load.ts'
import { operation } from './graph.ts'
import { ROOT } from './processes.ts'
import type { Stack } from './stack.ts'

/** A crowd under way: what it has seen so far, and all of it at the end. */
export interface Crowd {
  readonly seen: readonly ClaimSeen[]
  readonly done: Promise<readonly ClaimSeen[]>
  /** Resolves when this many answers have come, or the crowd is done. */
  answered(count: number): Promise<void>
}

/** Sends a crowd of claimers at a stack from a process of its own. */
export function crowd(
  stack: Stack,
  load: Pick<ClaimLoad, 'campaignId' | 'prefix' | 'shoppers'> & Partial<ClaimLoad>,
): Crowd {
  const settings: ClaimLoad = {
    url: stack.url,
    secret: stack.secret,
    operationId: operation('ClaimCoupon').id,
    twiceEvery: 0,
    connections: 128,
    ...load,
  }
  const child = spawn(process.execPath, ['test/harness/claim-load.ts', JSON.stringify(settings)], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const seen: ClaimSeen[] = []
  const waiting = new Set<() => void>()
  let ended = false
  const lines = createInterface({ input: child.stdout })
  lines.on('line', line => {
    seen.push(JSON.parse(line) as ClaimSeen)
    for (const look of waiting) look()
  })
  const done = once(lines, 'close').then(() => {
    ended = true
    for (const look of waiting) look()
    return seen
  })
  return {
    seen,
    done,
    answered: count =>
      new Promise(resolve => {
        const look = (): void => {
          if (seen.length < count && !ended) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}

/** How many answers of each outcome. */
export function outcomes(seen: readonly ClaimSeen[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { outcome } of seen) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}
