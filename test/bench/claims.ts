import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { newId, parseId } from '../../protocol/ids.ts'
import { sliceOf } from '../../protocol/slice.ts'
import { claimBatch } from '../../subgraphs/coupon/store.ts'
import { Database } from '../../subgraphs/database.ts'
import { runningCampaign } from '../harness/campaigns.ts'
import { ROOT } from '../harness/processes.ts'
import { type EmbeddedStack, startEmbedded } from '../harness/stack.ts'
import type { Done, Load } from './load.ts'

/**
 * What a durable claim and a paid order cost over HTTP, beside the shipped SQL function called straight from Node in the same
 * run. Everything shares this machine's cores: quote the ratios.
 */

const ROUNDS = 3
const SECONDS = 5
const COUPONS = 100_000_000
const BARE_BATCH = 256

interface Row {
  readonly variant: string
  readonly perSecond: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly failed?: number
  readonly loadBusy?: number
}

export async function run(): Promise<void> {
  const stack = await startEmbedded({ environment: { LOG_LEVEL: 'fatal', COST_MODE: 'measure' } })
  try {
    const rows = await rounds(stack)
    const table = medians(rows)
    const folder = join(ROOT, 'test/bench/results')
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `claims-${new Date().toISOString().replaceAll(':', '-')}.json`)
    writeFileSync(
      file,
      JSON.stringify({ at: new Date(), node: process.version, rows, medians: table }, null, 2),
    )
    console.table(table)
    console.info(`raw results: ${file}`)
  } finally {
    await stack[Symbol.asyncDispose]()
  }
}

async function rounds(stack: EmbeddedStack): Promise<readonly Row[]> {
  const campaignId = await runningCampaign(stack, COUPONS)
  const rows: Row[] = []
  const http = async (work: Load['work'], connections: number, round: number): Promise<Row> => {
    const prefix = `${work}-${connections}-${round}`
    const done = await load({
      url: stack.url,
      secret: stack.secret,
      campaignId,
      work,
      prefix,
      connections,
      seconds: SECONDS,
    })
    return {
      variant: `${work} over HTTP, ${connections} connections`,
      perSecond: done.count / done.seconds,
      p50Ms: done.p50Ms,
      p99Ms: done.p99Ms,
      failed: done.failed,
      loadBusy: done.busy,
    }
  }
  for (let round = 0; round <= ROUNDS; round++) {
    const variants = [
      () => bare(stack, campaignId, BARE_BATCH, round),
      () => bare(stack, campaignId, 1, round),
      () => http('claim', 1, round),
      () => http('claim', 64, round),
      () => http('claim', 512, round),
      () => http('order', 32, round),
    ]
    // Alternating order, so that whatever drifts does not always meet the same variant. Round 0 warms up.
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      const row = await variant()
      process.stderr.write(`round ${round}  ${row.variant.padEnd(40)} ${row.perSecond.toFixed(0)}/s\n`)
      if (round > 0) rows.push(row)
    }
  }
  return rows
}

/** One caller that sends the claim function batch after batch, new shoppers each. */
async function bare(stack: EmbeddedStack, campaignId: string, batch: number, round: number): Promise<Row> {
  const log = pino({ level: 'silent' })
  const database = new Database({ connection: stack.database, schema: 'coupon', log, poolMax: 1 })
  let count = 0
  const startedMs = performance.now()
  while (performance.now() < startedMs + SECONDS * 1_000) {
    const claims = Array.from({ length: batch }, () => {
      const shopperId = `bare-${round}-${batch}-${count++}`
      return {
        shopperId,
        sliceNo: sliceOf(shopperId),
        couponUuid: parseId('coupon', newId('coupon', shopperId)).uuid,
      }
    })
    await claimBatch(database, campaignId, 0, claims)
  }
  const seconds = (performance.now() - startedMs) / 1_000
  await database.close()
  return { variant: `SQL function, batches of ${batch}, one caller`, perSecond: count / seconds }
}

async function load(settings: Load): Promise<Done> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['test/bench/load.ts', JSON.stringify(settings)],
    { cwd: ROOT },
  )
  return JSON.parse(stdout) as Done
}

function medians(rows: readonly Row[]): readonly Record<string, string | number>[] {
  const variants = [...new Set(rows.map(row => row.variant))]
  const median = (values: readonly (number | undefined)[]): number =>
    values.map(value => value ?? Number.NaN).toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ??
    Number.NaN
  const rateOf = (variant: string): number =>
    median(rows.filter(row => row.variant === variant).map(row => row.perSecond))
  const ceiling = rateOf(`SQL function, batches of ${BARE_BATCH}, one caller`)
  return variants.toSorted().map(variant => {
    const mine = rows.filter(row => row.variant === variant)
    return {
      variant,
      'per second': Math.round(rateOf(variant)),
      'of the SQL function': (rateOf(variant) / ceiling).toFixed(3),
      'p50 ms': median(mine.map(row => row.p50Ms)).toFixed(1),
      'p99 ms': median(mine.map(row => row.p99Ms)).toFixed(1),
      failed: mine.reduce((sum, row) => sum + (row.failed ?? 0), 0),
      'load busy': median(mine.map(row => row.loadBusy)).toFixed(2),
    }
  })
}
