import { setTimeout as delay } from 'node:timers/promises'
import { tokenFor } from '../../harness/tokens.ts'
import { Driver } from '../../replay/driver.ts'
import type { Spread } from '../../replay/figures.ts'
import { Histogram } from '../../replay/histogram.ts'
import { answerParent } from '../gateway/program.ts'
import { posted } from '../posted.ts'
import { type Readings, readAll } from './readings.ts'

/**
 * Callers who each send their next request when they have the last answer, in a process of its own: `node
 * test/bench/claims/load.ts '<LoadSettings as JSON>'` tells its parent what came of it when it is over. Every request is a
 * new shopper's with a new token, so nothing is answered from memory, neither coupon nor token.
 */
export interface LoadSettings {
  readonly port: number
  readonly secret: string
  /** A request's body, of ASCII. */
  readonly body: string
  /** What every right answer contains. */
  readonly expected: string
  readonly prefix: string
  readonly callers: number
  /** Before anything counts, over the same connections: what waits anywhere waits then. */
  readonly warmUpSeconds: number
  readonly seconds: number
  /** What is measured, and the postmaster behind it. */
  readonly pids: readonly number[]
  readonly postmaster: number
}

export interface LoadSeen {
  /** Right answers. */
  readonly count: number
  readonly failed: number
  /** Of a wrong one: how it began. */
  readonly failure: string | undefined
  readonly seconds: number
  readonly latency: Spread | undefined
  /** When it begins to count, and at the end. */
  readonly before: Readings
  readonly after: Readings
  /** Processor seconds of this process for each second. */
  readonly busy: number
}

const ANSWER_MS_MAX = 20_000
const BODY_BYTES_MAX = 65_536
/** After a wrong answer; at once it would be a storm of them. */
const RETRY_MS = 100
const FAILURE_CHARACTERS_MAX = 300

if (process.argv[1]?.endsWith('load.ts')) {
  answerParent({ seen: await run(JSON.parse(process.argv[2] as string) as LoadSettings) })
}

async function run(settings: LoadSettings): Promise<LoadSeen> {
  const { port, secret, body, expected, prefix, callers, warmUpSeconds, seconds } = settings
  let latency = new Histogram()
  let number = 0
  let failed = 0
  let failure: string | undefined
  const fail = (who: number, said: string, nowMs: number): void => {
    failed++
    failure ??= said.slice(0, FAILURE_CHARACTERS_MAX)
    driver.at(who, nowMs + RETRY_MS)
  }
  const driver = new Driver({
    url: new URL(`http://127.0.0.1:${port}`),
    connections: callers,
    answerMsMax: ANSWER_MS_MAX,
    bodyBytesMax: BODY_BYTES_MAX,
    errands: {
      requestOf: () => posted(tokenFor(secret, { sub: `${prefix}-${number++}` }), body),
      answered(who, answer, sentMs, nowMs) {
        const text = answer.body.toString('latin1')
        if (answer.status !== 200 || !text.includes(expected)) return fail(who, text, nowMs)
        latency.add(nowMs - sentMs)
        driver.at(who, nowMs)
      },
      lost: (who, code, _, nowMs) => fail(who, code, nowMs),
    },
  })
  const begunMs = driver.nowMs
  for (let who = 0; who < callers; who++) driver.at(who, begunMs)
  await delay(warmUpSeconds * 1_000)
  latency = new Histogram()
  failed = 0
  const before = readAll(settings.pids, settings.postmaster)
  const cpu = process.cpuUsage()
  const startMs = driver.nowMs
  await delay(seconds * 1_000)
  const tookMs = driver.nowMs - startMs
  const { user, system } = process.cpuUsage(cpu)
  const after = readAll(settings.pids, settings.postmaster)
  driver.close()
  return {
    count: latency.count,
    failed,
    failure,
    seconds: tookMs / 1_000,
    latency: latency.spread,
    before,
    after,
    busy: (user + system) / 1_000 / tookMs,
  }
}
