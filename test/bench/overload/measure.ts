import { IDENTITY } from '../gateway/identity.ts'
import { startPinned } from '../gateway/pinned.ts'
import { type Busy, busyBetween, LOAD_CORE, read } from '../gateway/processor.ts'
import type { CrowdSeen, CrowdSettings } from './crowd.ts'
import type { PacedSeen, PacedSettings } from './paced.ts'
import type { OverloadStand } from './stand.ts'

/** What the gateway was like while a load ran. */
export interface Borne {
  readonly busy: Busy
  readonly rssBytesBefore: number
  /** The largest of each third of the time. */
  readonly rssBytesMax: readonly [number, number, number]
  /** Of JavaScript, after a collection, when the load is over. */
  readonly heapBytesAfter: number
  /** Seconds at each level; `?`: the gateway told none. */
  readonly levels: Readonly<Record<string, number>>
  /** What lines made of requests meanwhile, by outcome. */
  readonly turns: Readonly<Record<string, number>>
  /** Why its figures say nothing, if so. */
  readonly voidReason: string | undefined
}

export const CAMPAIGN = 'campaign_bench'

const CONNECTIONS = 2_048
/** Of a shopper, and of the load balancer in front: a little more than the gateway's own ten seconds. */
const ANSWER_MS_MAX = 12_000
const LOAD_BUSY_MAX = 0.85
/** Of the gateway's core, used by anybody else. */
const FOREIGN_MAX = 0.1
const LOOK_MS = 1_000

/** Sends a crowd, and watches the gateway meanwhile. */
export function crowd(
  stand: OverloadStand,
  settings: Pick<CrowdSettings, 'prefix' | 'perSecond' | 'seconds' | 'drainSecondsMax'> & {
    readonly connections?: number
  },
): Promise<{ readonly seen: CrowdSeen; readonly borne: Borne }> {
  const all: CrowdSettings = {
    port: stand.port,
    secret: IDENTITY.tokenSecret,
    campaignId: CAMPAIGN,
    connections: CONNECTIONS,
    answerMsMax: ANSWER_MS_MAX,
    ...settings,
  }
  return watched(stand, () => load<CrowdSeen>('../overload/crowd.ts', all))
}

export function paced(
  stand: OverloadStand,
  settings: Omit<PacedSettings, 'port' | 'secret' | 'answerMsMax'>,
): Promise<PacedSeen> {
  const own = { port: stand.port, secret: IDENTITY.tokenSecret, answerMsMax: ANSWER_MS_MAX }
  return load<PacedSeen>('../overload/paced.ts', { ...own, ...settings } satisfies PacedSettings)
}

async function load<Seen>(script: string, settings: object): Promise<Seen> {
  await using program = await startPinned(LOAD_CORE, script, settings)
  return program.ready.seen as Seen
}

export async function watched<Seen>(
  stand: OverloadStand,
  run: () => Promise<Seen>,
): Promise<{ readonly seen: Seen; readonly borne: Borne }> {
  const { gatewayPid } = stand
  const levels: Record<string, number> = {}
  const rssBytes: number[] = []
  const rssBytesBefore = stand.rssBytes()
  const turnsBefore = await stand.turns()
  const before = read(gatewayPid)
  let isLooking = false
  /** Since the last answer: a gateway that takes seconds to tell its level has it for as long. */
  let seconds = 0
  const timer = setInterval(() => {
    rssBytes.push(stand.rssBytes())
    seconds++
    if (isLooking) return
    isLooking = true
    void stand
      .level()
      .catch(() => undefined)
      .then((level = '?') => {
        levels[level] = (levels[level] ?? 0) + seconds
        seconds = 0
        isLooking = false
      })
  }, LOOK_MS)
  const seen = await run().finally(() => clearInterval(timer))
  const busy = busyBetween(before, read(gatewayPid))
  rssBytes.push(stand.rssBytes())
  const turns = Object.entries(await stand.turns()).map(([outcome, count]): [string, number] => [
    outcome,
    count - (turnsBefore[outcome] ?? 0),
  ])
  const third = (number: number): number =>
    Math.max(
      ...rssBytes.slice(
        Math.floor((number * rssBytes.length) / 3),
        Math.ceil(((number + 1) * rssBytes.length) / 3),
      ),
    )
  return {
    seen,
    borne: {
      busy,
      rssBytesBefore,
      rssBytesMax: [third(0), third(1), third(2)],
      heapBytesAfter: (await stand.memory()).heapBytes,
      levels,
      turns: Object.fromEntries(turns.filter(([, count]) => count > 0)),
      voidReason: voidReason(busy),
    },
  }
}

function voidReason({ gateway, gatewayCore, loadCore }: Busy): string | undefined {
  const percent = (part: number): string => `${(part * 100).toFixed(0)} %`
  if (loadCore > LOAD_BUSY_MAX) return `the load's core was ${percent(loadCore)} busy`
  if (gatewayCore - gateway > FOREIGN_MAX)
    return `others took ${percent(gatewayCore - gateway)} of the gateway's core`
  return undefined
}
