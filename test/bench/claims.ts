import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../harness/processes.ts'
import { functionRate } from './claims/function.ts'
import { claimOf, WHO_AM_I } from './claims/manifest.ts'
import { measure } from './claims/measure.ts'
import { type ClaimsOptions, readOptions, USAGE } from './claims/options.ts'
import type { ClaimsResults, ClaimsSample, FunctionSample } from './claims/results.ts'
import { type Ground, ground, LAYOUTS, type Layout, stand } from './claims/stand.ts'
import { markdown } from './claims/table.ts'
import { pinSelf } from './gateway/pinned.ts'
import { LOAD_CORE } from './gateway/processor.ts'
import { inTurn } from './gateway/window.ts'

/** What a durable claim costs over HTTP, by callers and by claims in one SQL call, beside the bare SQL function. */

const RATIO_CALLERS = 256
const BATCH_CALLERS = 1_024
const WARM_UP_CALLERS = 64

export async function run(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help')) return console.info(USAGE)
  const options = readOptions(argv)
  pinSelf(LOAD_CORE)
  await using on = await ground()
  const samples: ClaimsSample[] = []
  const functions: FunctionSample[] = []
  for (let round = 1; round <= options.rounds; round++) {
    for (const layout of inTurn(LAYOUTS, round)) samples.push(...(await layoutOf(on, layout, round, options)))
    if (options.only.has('batches')) samples.push(...(await batchesOf(on, round, options)))
    if (options.only.has('function')) functions.push(...(await functionsOf(on, round, options)))
  }
  const processor = `${cpus().length} × ${cpus()[0]?.model ?? 'an unknown processor'}`
  const at = new Date().toISOString()
  publish(
    { at, node: process.version, processor, rounds: options.rounds, samples, functions },
    options.isWhole,
  )
}

/** P4 and the sweep of callers, on one fresh stand. */
async function layoutOf(
  on: Ground,
  layout: Layout,
  round: number,
  { only, seconds, callers }: ClaimsOptions,
): Promise<readonly ClaimsSample[]> {
  if (!only.has('P4') && !only.has('callers')) return []
  await using stood = await stand(on, layout)
  const claim = claimOf(stood.campaignId)
  for (const work of [claim, WHO_AM_I]) await measure(stood, on, work, WARM_UP_CALLERS, seconds / 2)
  const planned = [
    ...(only.has('P4')
      ? [claim, WHO_AM_I].map(work => ({ part: 'P4' as const, work, callers: RATIO_CALLERS }))
      : []),
    ...(only.has('callers')
      ? callers.map(count => ({ part: 'callers' as const, work: claim, callers: count }))
      : []),
  ]
  const samples: ClaimsSample[] = []
  for (const { part, work, callers: count } of inTurn(planned, round)) {
    const window = await measure(stood, on, work, count, seconds)
    samples.push({ part, round, layout, work: work.name, callers: count, batchMax: undefined, window })
    say(samples.at(-1)!)
  }
  return samples
}

async function batchesOf(
  on: Ground,
  round: number,
  { batches, seconds }: ClaimsOptions,
): Promise<readonly ClaimsSample[]> {
  const samples: ClaimsSample[] = []
  for (const batchMax of inTurn(batches, round)) {
    await using stood = await stand(on, 'services', batchMax)
    const claim = claimOf(stood.campaignId)
    await measure(stood, on, claim, WARM_UP_CALLERS, seconds / 2)
    const window = await measure(stood, on, claim, BATCH_CALLERS, seconds)
    const callers = BATCH_CALLERS
    samples.push({ part: 'batches', round, layout: 'services', work: claim.name, callers, batchMax, window })
    say(samples.at(-1)!)
  }
  return samples
}

async function functionsOf(
  on: Ground,
  round: number,
  { batches, seconds }: ClaimsOptions,
): Promise<readonly FunctionSample[]> {
  // For its campaign; nobody asks it for anything.
  await using stood = await stand(on, 'embedded')
  const samples: FunctionSample[] = []
  for (const batch of inTurn(batches, round)) {
    await functionRate(on.postgres, stood.campaignId, batch, seconds / 4)
    const { perSecond, voidReason } = await functionRate(on.postgres, stood.campaignId, batch, seconds)
    samples.push({ round, batch, perSecond, voidReason })
    process.stderr.write(
      `function round ${round}  ${`${batch} a call`.padEnd(24)} ${perSecond.toFixed(0).padStart(6)}/s${voidReason === undefined ? '' : `  void: ${voidReason}`}\n`,
    )
  }
  return samples
}

/** Raw results as JSON, and tables; what is published is a whole run, never a part or a rehearsal. */
function publish(results: ClaimsResults, isWhole: boolean): void {
  const folder = join(ROOT, 'test/bench/results')
  mkdirSync(folder, { recursive: true })
  const raw = join(folder, `claims-${results.at.replaceAll(':', '-')}.json`)
  writeFileSync(raw, JSON.stringify(results, null, 2))
  const text = markdown(results)
  console.info(text)
  console.info(`raw results: ${raw}`)
  if (isWhole) writeFileSync(join(folder, 'claims.md'), text)
}

function say({ part, round, layout, work, callers, batchMax, window }: ClaimsSample): void {
  const { perSecond, cpuUs, postgresUs, busy, voidReason, rateVoidReason } = window
  const what = `${layout} ${work} ${callers}${batchMax === undefined ? '' : ` by ${batchMax}`}`
  const percent = (value: number): string => `${(value * 100).toFixed(0)} %`
  const wrong = voidReason ?? (part === 'P4' ? rateVoidReason : undefined)
  process.stderr.write(
    `${part.padEnd(8)} round ${round}  ${what.padEnd(24)} ${perSecond.toFixed(0).padStart(6)}/s ${cpuUs.toFixed(0).padStart(5)} µs, PostgreSQL ${postgresUs.toFixed(0).padStart(4)} µs  cores ${percent(busy.core)} ${percent(busy.otherCore)}${wrong === undefined ? '' : `  void: ${wrong}`}\n`,
  )
}
