import { setTimeout as delay } from 'node:timers/promises'
import { type Busy, busyBetween, read, voidReason } from './processor.ts'
import { type LoadOptions, type LoadResult, load } from './wrk.ts'

/** What one process bore for the length of a window. */
export interface Measured {
  readonly perSecond: number
  /**
   * Processor time of the process a request; `undefined` when none was answered. Unlike the rate, it can be read on a busy
   * machine.
   */
  readonly cpuUs: number | undefined
  readonly load: LoadResult
  readonly busy: Busy
  /** Why the rate says nothing, if so. */
  readonly voidReason: string | undefined
}

export interface Timing {
  /** A warm-up lasts at least so long, and until the gateway has had its processor time or the longest time is over. */
  readonly warmUpSeconds: number
  readonly warmUpCpuSeconds: number
  readonly warmUpSecondsMax: number
  readonly windowSeconds: number
}

/** @param isQuick to show that everything runs, and nothing else. */
export const timingOf = (isQuick: boolean): Timing =>
  isQuick
    ? { warmUpSeconds: 1, warmUpSecondsMax: 3, warmUpCpuSeconds: 0, windowSeconds: 2 }
    : { warmUpSeconds: 5, warmUpSecondsMax: 30, warmUpCpuSeconds: 4, windowSeconds: 6 }

/** Forwards in one round, backwards in the next, so that whatever drifts does not always meet the same variant. */
export const inTurn = <Item>(items: readonly Item[], round: number): readonly Item[] =>
  round % 2 === 1 ? items : items.toReversed()

const CHECKS_MAX = 8
/** More than any gateway answers a second. */
const FIRST_IDS_APART = 1_000_000

export interface Window {
  readonly tool: 'wrk' | 'autocannon'
  /** Of the process that is measured. */
  readonly pid: number
  readonly load: Omit<LoadOptions, 'seconds' | 'firstId'>
  readonly timing: Timing
  /** Asks once, and says whether the answer is what it has to be. */
  readonly isRight: () => Promise<boolean>
}

/** Warms a process up, then measures it. */
export async function measureWindow({ tool, pid, load: sent, timing, isRight }: Window): Promise<Measured> {
  const cold = read(pid)
  for (let warmedSeconds = 0; warmedSeconds < timing.warmUpSecondsMax; ) {
    await load(tool, { ...sent, seconds: timing.warmUpSeconds, firstId: warmedSeconds * FIRST_IDS_APART })
    warmedSeconds += timing.warmUpSeconds
    if (read(pid).gatewaySeconds - cold.gatewaySeconds >= timing.warmUpCpuSeconds) break
  }
  const before = read(pid)
  let isOver = false
  const [{ result, busy }, checks] = await Promise.all([
    load(tool, { ...sent, seconds: timing.windowSeconds, firstId: 500_000_000 }).then(result => {
      isOver = true
      return { result, busy: busyBetween(before, read(pid)) }
    }),
    checkWhile(() => !isOver, timing.windowSeconds, isRight),
  ])
  const requests = result.requests + checks.asked
  return {
    perSecond: requests / result.seconds,
    cpuUs: result.requests === 0 ? undefined : (busy.gatewaySeconds * 1e6) / requests,
    load: result,
    busy,
    voidReason:
      checks.wrong > 0
        ? `${checks.wrong} of ${checks.asked} answers looked at were wrong`
        : voidReason(busy, result),
  }
}

/** Looks at answers while the load runs, whose own nobody reads: a gateway could be fast at refusing. */
async function checkWhile(
  isUnderWay: () => boolean,
  seconds: number,
  isRight: () => Promise<boolean>,
): Promise<{ readonly asked: number; readonly wrong: number }> {
  let asked = 0
  let wrong = 0
  while (isUnderWay() && asked < CHECKS_MAX) {
    asked++
    if (!(await isRight().catch(() => false))) wrong++
    await delay((seconds * 1_000) / CHECKS_MAX)
  }
  return { asked, wrong }
}
