import { IDENTITY } from '../gateway/identity.ts'
import { startPinned } from '../gateway/pinned.ts'
import { GATEWAY_CORE, LOAD_CORE } from '../gateway/processor.ts'
import type { LoadSeen, LoadSettings } from './load.ts'
import type { Work } from './manifest.ts'
import type { ClaimsStand, Ground } from './stand.ts'

/** What one window came to. */
export interface Window {
  readonly perSecond: number
  readonly seen: LoadSeen
  /** Processor time of gateway and subgraphs a request; NaN where there was none. */
  readonly cpuUs: number
  /** Of PostgreSQL, all of it. */
  readonly postgresUs: number
  /** Parts of a core: what is measured, its core, and the other one. */
  readonly busy: { readonly measured: number; readonly core: number; readonly otherCore: number }
  /** Why nothing of it says anything, if so. */
  readonly voidReason: string | undefined
  /** Why its rate says nothing of what is measured, if so; its processor time may. */
  readonly rateVoidReason: string | undefined
}

const CORE_BUSY_MIN = 0.95
const OTHER_BUSY_MAX = 0.85
/** Of the core of what is measured, used by anybody else. */
const FOREIGN_MAX = 0.1
/** Prefixes of shoppers: a shopper who comes again is no new one. */
let windows = 0

export async function measure(
  stand: ClaimsStand,
  { postgres }: Ground,
  work: Work,
  callers: number,
  seconds: number,
): Promise<Window> {
  const seen = await load({
    port: stand.port,
    secret: IDENTITY.tokenSecret,
    body: work.body,
    expected: work.expected,
    // Of this run, this window.
    prefix: `${process.pid}-${Date.now().toString(36)}-${windows++}`,
    callers,
    warmUpSeconds: seconds / 3,
    seconds,
    pids: stand.pids,
    postmaster: postgres.pid,
  })
  const { before, after } = seen
  const tookSeconds = (after.atMs - before.atMs) / 1_000
  const measuredSeconds = after.measuredSeconds - before.measuredSeconds
  const each = (ofAll: number): number => (seen.count === 0 ? Number.NaN : (ofAll * 1e6) / seen.count)
  const core = (index: number): number => {
    const [a, b] = [before.cores[index]!, after.cores[index]!]
    return b.all === a.all ? 0 : (b.busy - a.busy) / (b.all - a.all)
  }
  const busy = {
    measured: measuredSeconds / tookSeconds,
    core: core(GATEWAY_CORE),
    otherCore: core(LOAD_CORE),
  }
  const percent = (part: number): string => `${(part * 100).toFixed(0)} %`
  const foreign = busy.core - busy.measured
  const isUnfull = busy.core < CORE_BUSY_MIN
  return {
    perSecond: seen.count / seen.seconds,
    seen,
    cpuUs: each(measuredSeconds),
    postgresUs: each(after.postgresSeconds - before.postgresSeconds),
    busy,
    voidReason:
      seen.count === 0
        ? 'nothing was answered'
        : seen.failed > 0
          ? `${seen.failed} failed: ${seen.failure}`
          : foreign > FOREIGN_MAX
            ? `others took ${percent(foreign)} of its core`
            : undefined,
    rateVoidReason: isUnfull
      ? `its core was ${percent(busy.core)} busy`
      : busy.otherCore > OTHER_BUSY_MAX
        ? `the other core was ${percent(busy.otherCore)} busy`
        : undefined,
  }
}

async function load(settings: LoadSettings): Promise<LoadSeen> {
  await using program = await startPinned(LOAD_CORE, '../claims/load.ts', settings)
  return program.ready.seen as LoadSeen
}
