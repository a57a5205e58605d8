import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { LOAD_CORE } from './processor.ts'
import type { RequestText } from './question.ts'

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  readonly text: RequestText
  /** Ids are counted from here. */
  readonly firstId: number
  /** Some requests ask for an id of ten characters that others have asked for; a share of all, 0 to 1. wrk only. */
  readonly hot?: { readonly id: string; readonly share: number }
}

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  /** Answers that were no 2xx, and connections that broke. */
  readonly failed: number
  /** Bytes an answer, headers included. */
  readonly answerBytes: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

const run = promisify(execFile)
const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const AUTOCANNON = '../peers/node_modules/autocannon/autocannon.js'

/** Which load generator this machine has: wrk is several times cheaper. */
export async function loadTool(): Promise<'wrk' | 'autocannon'> {
  try {
    await run('which', ['wrk'])
    return 'wrk'
  } catch {
    if (existsSync(fileOf(AUTOCANNON))) return 'autocannon'
    throw new Error(
      'expected wrk (apt-get install wrk) or autocannon (npm ci in test/bench/peers), got neither',
    )
  }
}

/** Sends as much as the gateway answers, each connection its next request when it has the last answer. */
export async function load(tool: 'wrk' | 'autocannon', options: LoadOptions): Promise<LoadResult> {
  return tool === 'wrk' ? await wrk(options) : await autocannon(options)
}

async function wrk({ port, connections, seconds, text, firstId, hot }: LoadOptions): Promise<LoadResult> {
  const { stdout } = await run('taskset', [
    ...['-c', `${LOAD_CORE}`, 'wrk', '-t', '1', '-c', `${connections}`, '-d', `${seconds}`],
    ...['--timeout', '10', '-s', fileOf('requests.lua'), `http://127.0.0.1:${port}/graphql`, '--'],
    text.authorization === undefined ? '' : `authorization: ${text.authorization}`,
    ...(text.after === undefined ? [text.before] : [text.before, text.after, `${firstId}`]),
    ...(hot === undefined ? [] : [`${Math.round(hot.share * 1_000)}`, hot.id]),
  ])
  const line = stdout.split('\n').findLast(one => one.startsWith('{'))
  if (line === undefined) throw new Error(`expected figures from wrk, got ${stdout}`)
  const said = JSON.parse(line)
  return {
    requests: said.requests,
    seconds: said.durationUs / 1e6,
    failed: said.failed,
    answerBytes: said.bytes / Math.max(said.requests, 1),
    p50Ms: said.p50Us / 1e3,
    p95Ms: said.p95Us / 1e3,
    p99Ms: said.p99Us / 1e3,
  }
}

async function autocannon({ port, connections, seconds, text }: LoadOptions): Promise<LoadResult> {
  const isNew = text.after === undefined ? [] : ['-I']
  const body = text.after === undefined ? text.before : `${text.before}[<id>]${text.after}`
  const { stdout } = await run('taskset', [
    ...['-c', `${LOAD_CORE}`, process.execPath, fileOf(AUTOCANNON), '-j', '-n', ...isNew],
    ...['-m', 'POST', '-H', 'content-type=application/json', '-b', body],
    ...(text.authorization === undefined ? [] : ['-H', `authorization=${text.authorization}`]),
    ...['-c', `${connections}`, '-d', `${seconds}`, `http://127.0.0.1:${port}/graphql`],
  ])
  const said = JSON.parse(stdout)
  return {
    requests: said.requests.total,
    seconds: said.duration,
    failed: said.non2xx + said.errors + said.timeouts,
    answerBytes: said.throughput.total / Math.max(said.requests.total, 1),
    p50Ms: said.latency.p50,
    p95Ms: said.latency.p97_5,
    p99Ms: said.latency.p99,
  }
}
