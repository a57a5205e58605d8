import { mkdir } from 'node:fs/promises'
import { openDrop } from './campaign.ts'
import { check, checkWithoutBooks, openBooks } from './check.ts'
import type { Grounds } from './check-result.ts'
import { startLoad } from './load.ts'
import type { ReplayOptions } from './options.ts'
import { type Screen, showProgress } from './progress.ts'
import { report, reportJson } from './report.ts'
import { openStack } from './stack.ts'

/** What a replay shows itself on, and what ends it. */
export interface Surroundings {
  /** Ends the load; what was seen until then is reported. */
  readonly signal: AbortSignal
  readonly screen: Screen
  /** Where the result goes. */
  readonly print: (text: string) => void
}

/**
 * One replay from the start of the stack to the report.
 * @returns whether every promise was kept, as far as it could be checked.
 * @throws Error when the stack cannot be started or reached, or refuses what the replay needs; when it is ended before that
 *   was tried; and, after the report of what was seen, when the books could be read before the load and not after it.
 */
export async function replay(
  options: ReplayOptions,
  { signal, screen, print }: Surroundings,
): Promise<boolean> {
  const { counts, campaignId, coupons, claimsPerSecond } = options
  // Whatever the end needs is looked for at the beginning: a load may take a day.
  await mkdir(options.outDir, { recursive: true })
  if (options.url === undefined) screen.write('starts a stack …\n')
  await using stack = await openStack(options)
  if (stack.database !== undefined) await openBooks(stack.database)
  if (signal.aborted) throw new Error('ended before anybody had come: there is nothing to report')
  // The books are read by the clock of the database, which may be another machine's.
  const openedAt = new Date(Date.now() - CLOCKS_MS)
  await using drop = await openDrop(stack, {
    campaignId,
    coupons,
    claimsPerSecond,
    stock: Math.max(STOCK_MIN, 2 * (counts.order + counts.pay)),
  })
  const { limit } = drop
  const load = startLoad({
    ...options,
    url: stack.url,
    secret: stack.secret,
    campaignId: drop.campaignId,
    prefix: `replay-${Date.now().toString(36)}`,
    free: drop.free,
    due: drop.due,
  })
  const shown = showProgress(screen, () => load.live)
  if (signal.aborted) load.end()
  signal.addEventListener('abort', load.end)
  const figures = await load.done.finally(shown)
  screen.write('checks …\n')
  const budget = await drop.budget()
  const grounds: Grounds = {
    database: stack.database,
    campaignId: drop.campaignId,
    openedAt,
    limit,
    graceMs: limit?.graceMs,
  }
  let unread: Error | undefined
  const checks = await check(figures, grounds).catch((error: Error) => {
    unread = error
    return checkWithoutBooks(figures, grounds, `the books could not be read: ${error.message}`)
  })
  const isKept = await report(figures, checks, options.outDir, {
    budget,
    limit,
    ...(options.isJson ? {} : { print }),
  })
  if (options.isJson) print(reportJson(figures, checks, { budget, limit }))
  if (unread !== undefined) throw unread
  return isKept
}

const CLOCKS_MS = 1_000
const STOCK_MIN = 100_000
