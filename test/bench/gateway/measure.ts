import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type Busy, busyBetween, read, voidReason } from './processor.ts'
import { ask, askOnce, requestText } from './question.ts'
import { stand } from './stand.ts'
import type { Variant, Workload } from './variants.ts'
import { WORLDS } from './worlds.ts'
import { type LoadResult, load } from './wrk.ts'

export interface Sample {
  readonly workload: string
  readonly variant: string
  readonly round: number
  readonly perSecond: number
  /**
   * Processor time of the gateway's process a request; `undefined` when none was answered. Unlike the rate, it can be
   * read on a busy machine.
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

const CHECKS_MAX = 8
/** More than any gateway answers a second. */
const FIRST_IDS_APART = 1_000_000

export interface Measurement {
  readonly tool: 'wrk' | 'autocannon'
  readonly workload: Workload
  readonly variant: Variant
  readonly round: number
  readonly timing: Timing
  /** What a bare server answers. */
  readonly answer: string
  readonly isProfiled: boolean
}

/** A fresh stand, warmed up, then measured. */
export async function measure(measurement: Measurement): Promise<Sample> {
  const { tool, workload, variant, round, timing, answer, isProfiled } = measurement
  const world = WORLDS[workload.world]
  await using stood = await stand(variant, workload.world, { answer, isProfiled })
  const expected = await askOnce(variant, world, stood.port)
  const text = requestText(variant, world)
  const options = { port: stood.port, connections: workload.connections, text }
  const cold = read(stood.gateway.pid)
  for (let warmedSeconds = 0; warmedSeconds < timing.warmUpSecondsMax; ) {
    await load(tool, { ...options, seconds: timing.warmUpSeconds, firstId: warmedSeconds * FIRST_IDS_APART })
    warmedSeconds += timing.warmUpSeconds
    if (read(stood.gateway.pid).gatewaySeconds - cold.gatewaySeconds >= timing.warmUpCpuSeconds) break
  }
  const before = read(stood.gateway.pid)
  let isOver = false
  const [{ result, busy }, checks] = await Promise.all([
    load(tool, { ...options, seconds: timing.windowSeconds, firstId: 500_000_000 }).then(result => {
      isOver = true
      return { result, busy: busyBetween(before, read(stood.gateway.pid)) }
    }),
    checkWhile(
      () => !isOver,
      timing.windowSeconds,
      async () => isDeepStrictEqual(await ask(variant, world, stood.port), expected),
    ),
  ])
  const requests = result.requests + checks.asked
  return {
    workload: workload.name,
    variant: variant.name,
    round,
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
