import { Agent, request } from 'node:http'
import { answerParent } from './program.ts'
import type { RequestText } from './question.ts'

/**
 * Requests at a fixed rate, sent whether or not earlier ones are answered:
 * `node test/bench/gateway/latency.ts '<LatencyOptions as JSON>'` tells its parent a `Latency` when the last is answered.
 */
export interface LatencyOptions {
  readonly port: number
  readonly text: RequestText
  readonly perSecond: number
  readonly seconds: number
  /** Ids are counted from here. */
  readonly firstId: number
}

const SOCKETS_MAX = 1_000
const ANSWER_MS_MAX = 10_000
const SEED = 20_260_217

const options = JSON.parse(process.argv[2] as string) as LatencyOptions
const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })
const tookMs: number[] = []
let sent = 0
let failed = 0

const startMs = performance.now()
const endMs = startMs + options.seconds * 1_000
const nextGapMs = gaps(options.perSecond)
const answers: Promise<void>[] = []
for (let dueMs = startMs; dueMs < endMs; dueMs += nextGapMs()) {
  const waitMs = dueMs - performance.now()
  if (waitMs > 0) await new Promise(resolve => setTimeout(resolve, waitMs))
  answers.push(ask(options.firstId + sent++))
}
await Promise.all(answers)
tookMs.sort((a, b) => a - b)
const quantile = (part: number): number => tookMs[Math.floor(tookMs.length * part)] ?? Number.NaN
answerParent({
  latency: { sent, failed, p50Ms: quantile(0.5), p95Ms: quantile(0.95), p99Ms: quantile(0.99) },
})

function ask(id: number): Promise<void> {
  const { before, after } = options.text
  const body = after === undefined ? before : `${before}p${String(id).padStart(9, '0')}${after}`
  const sentMs = performance.now()
  return new Promise(resolve => {
    const end = (isGood: boolean): void => {
      if (isGood) tookMs.push(performance.now() - sentMs)
      else failed++
      resolve()
    }
    const outgoing = request(
      {
        agent,
        host: '127.0.0.1',
        port: options.port,
        path: '/graphql',
        method: 'POST',
        timeout: ANSWER_MS_MAX,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      },
      response => {
        response.resume()
        response.once('end', () => end(response.statusCode === 200))
      },
    )
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')))
    outgoing.once('error', () => end(false))
    outgoing.end(body)
  })
}

/** Times between arrivals that know nothing of one another, the same ones every time. */
function gaps(perSecond: number): () => number {
  let state = SEED
  return () => {
    // A linear congruential generator is random enough to be no rhythm.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (-Math.log(1 - state / 2 ** 32) * 1_000) / perSecond
  }
}
