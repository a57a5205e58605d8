import { operation } from '../../harness/graph.ts'
import { tokenFor } from '../../harness/tokens.ts'
import { Driver } from '../../replay/driver.ts'
import type { Spread } from '../../replay/figures.ts'
import { Histogram } from '../../replay/histogram.ts'
import { answerParent } from '../gateway/program.ts'
import { posted } from '../posted.ts'

/**
 * One kind of request at an even rate, whether or not earlier ones are answered, in a process of its own: `node
 * test/bench/overload/paced.ts '<PacedSettings as JSON>'` tells its parent what came of it when it is over.
 */
export interface PacedSettings {
  readonly port: number
  readonly secret: string
  readonly operation: 'PayOrder' | 'SearchProducts'
  readonly prefix: string
  /** Who asks, in turn. */
  readonly shoppers: number
  readonly perSecond: number
  readonly seconds: number
  readonly connections: number
  readonly answerMsMax: number
}

export interface PacedSeen {
  /** Requests that were to be sent; more than `sent` where there were no connections for them. */
  readonly due: number
  readonly sent: number
  /** Of answers with data, from when it was to be asked. */
  readonly latency: Spread | undefined
  /** By outcome: `data`, the error's code, or what went wrong on the way. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly busy: number
}

const BODY_BYTES_MAX = 1_048_576
/** As much of an answer as is looked at. */
const TOLD_BYTES = 4_096
const CODE = /"code":"([A-Z_]+)"/

if (process.argv[1]?.endsWith('paced.ts')) {
  answerParent({ seen: await run(JSON.parse(process.argv[2] as string) as PacedSettings) })
}

async function run(settings: PacedSettings): Promise<PacedSeen> {
  const { port, secret, prefix, shoppers, perSecond, seconds } = settings
  const { id } = operation(settings.operation)
  const tokens = Array.from({ length: shoppers }, (_, shopper) =>
    tokenFor(secret, { sub: `${prefix}-${shopper}` }),
  )
  // Each asks for something of its own, so that nothing is kept and nobody shares.
  const variablesOf = (number: number): object =>
    settings.operation === 'PayOrder'
      ? { input: { orderId: `order_00_${number.toString(16).padStart(32, '0')}` } }
      : { query: `${prefix} ${number}` }
  const total = Math.floor(perSecond * seconds)
  const latency = new Histogram()
  const outcomes = new Map<string, number>()
  const count = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  let over = 0
  const done = Promise.withResolvers<void>()
  const settle = (): void => {
    if (++over === total) done.resolve()
  }
  const dueMs = (number: number): number => startMs + (number * 1_000) / perSecond

  const driver = new Driver({
    url: new URL(`http://127.0.0.1:${port}`),
    connections: settings.connections,
    answerMsMax: settings.answerMsMax,
    bodyBytesMax: BODY_BYTES_MAX,
    errands: {
      requestOf(number) {
        if (number + 1 < total) driver.at(number + 1, dueMs(number + 1))
        const body = { documentId: `sha256:${id}`, variables: variablesOf(number) }
        return posted(tokens[number % shoppers]!, JSON.stringify(body))
      },
      answered(number, answer, _, nowMs) {
        const text = answer.body.subarray(0, TOLD_BYTES).toString('latin1')
        const isData =
          answer.status === 200 && !text.startsWith('{"errors"') && !text.startsWith('{"data":null')
        if (isData) latency.add(nowMs - dueMs(number))
        count(isData ? 'data' : (CODE.exec(text)?.[1] ?? `HTTP ${answer.status}`))
        settle()
      },
      lost(_, code) {
        count(code)
        settle()
      },
    },
  })
  const cpu = process.cpuUsage()
  const startMs = driver.nowMs
  driver.at(0, startMs)
  // What is held back for want of connections ends with the time.
  const end = setTimeout(done.resolve, seconds * 1_000 + settings.answerMsMax)
  await done.promise
  clearTimeout(end)
  const tookMs = driver.nowMs - startMs
  const { user, system } = process.cpuUsage(cpu)
  driver.close()
  return {
    due: total,
    sent: driver.sent,
    latency: latency.spread,
    outcomes: Object.fromEntries(outcomes),
    busy: (user + system) / 1_000 / tookMs,
  }
}
