import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { DEFAULT_TIERS } from '../../gateway/cost-settings.ts'
import { operation } from '../harness/graph.ts'
import { ROOT } from '../harness/processes.ts'
import { tokenFor } from '../harness/tokens.ts'
import { IDENTITY } from './gateway/identity.ts'
import { pinSelf } from './gateway/pinned.ts'
import { LOAD_CORE } from './gateway/processor.ts'
import { inTurn } from './gateway/window.ts'
import { chartOf } from './overload/chart.ts'
import { type Borne, crowd, paced, watched } from './overload/measure.ts'
import { type OverloadOptions, readOptions, USAGE } from './overload/options.ts'
import {
  type CurveSample,
  type DrainSample,
  goodputOf,
  type OverloadResults,
  type PaymentSample,
} from './overload/results.ts'
import { type OverloadStand, SERVICE, stand } from './overload/stand.ts'
import { markdown } from './overload/table.ts'

/** More than the service behind the gateway works off, with the surge layer and without. */

const RATE = SERVICE.claims.perSecond
/** Of the measured saturation, in P6. */
const DRAIN_LIMIT_SHARE = 0.3
const DRAIN_MULTIPLE = 10
/** As an operator sets it who knows what the service bears. */
const CURVE_LIMIT_SHARE = 0.9
/** Of a service whose queue is never empty and never full. */
const SATURATING_CONNECTIONS = 64
const SATURATING_SECONDS = 10
const PAYMENTS_PER_SECOND = 50
const BROWSERS = 200
const BROWSE_MULTIPLE = 10
/** Compiled, before anything counts. */
const WARM_UP_PER_SECOND = 300
const WARM_UP_SECONDS = 3

export async function run(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help')) return console.info(USAGE)
  const options = readOptions(argv)
  pinSelf(LOAD_CORE)
  const { only, rounds, seconds } = options
  const drains: DrainSample[] = []
  const curve: CurveSample[] = []
  const payments: PaymentSample[] = []
  for (let round = 1; round <= rounds; round++) {
    if (only.has('P6')) drains.push(await drain(round, options))
    if (only.has('curve')) curve.push(...(await curveOf(round, options)))
    if (only.has('payment')) payments.push(...(await paymentsOf(round, options)))
  }
  curve.sort((a, b) => a.multiple - b.multiple || Number(b.isOn) - Number(a.isOn))
  publish(
    {
      at: new Date().toISOString(),
      node: process.version,
      processor: `${cpus().length} × ${cpus()[0]?.model ?? 'an unknown processor'}`,
      rounds,
      seconds,
      serviceRate: RATE,
      drains,
      curve,
      payments,
    },
    options.isWhole,
  )
}

async function drain(round: number, { drainSeconds: seconds }: OverloadOptions): Promise<DrainSample> {
  const { saturation, voidReason } = await saturationOf()
  await using stood = await stand(true)
  await warmUp(stood)
  const limit = Math.floor(saturation * DRAIN_LIMIT_SHARE)
  await stood.limitClaims(limit)
  const { seen, borne: drained } = await crowd(stood, {
    prefix: 'crowd',
    perSecond: DRAIN_MULTIPLE * limit,
    seconds,
    // Twice what it takes at the limit.
    drainSecondsMax: 2 * DRAIN_MULTIPLE * seconds,
  })
  const borne = voidWith(drained, 'saturation', voidReason)
  say(
    `P6     round ${round}  L ${limit}/s  goodput ${(seen.coupons / seen.secondsToLast).toFixed(1)}/s  ${(seen.requests / seen.coupons).toFixed(2)} requests a success  p99 ${seen.admitted?.p99.toFixed(0)} ms${voidOf(borne)}`,
  )
  return { round, saturation, limit, seen, borne }
}

async function curveOf(
  round: number,
  { multiples, layers, seconds }: OverloadOptions,
): Promise<readonly CurveSample[]> {
  const samples: CurveSample[] = []
  for (const multiple of inTurn(multiples, round)) {
    for (const isOn of inTurn(layers, round)) {
      await using stood = await stand(isOn)
      await warmUp(stood)
      const limit = isOn ? RATE * CURVE_LIMIT_SHARE : undefined
      if (limit !== undefined) await stood.limitClaims(limit)
      const { seen, borne } = await crowd(stood, {
        prefix: 'crowd',
        perSecond: multiple * RATE,
        seconds,
        drainSecondsMax: 0,
      })
      samples.push({ round, isOn, multiple, limit, seen, borne })
      say(
        `curve  round ${round}  ${`${multiple}×`.padStart(4)} ${isOn ? 'on ' : 'off'}  goodput ${goodputOf(seen).toFixed(0).padStart(4)}/s  p99 ${(seen.admitted?.p99 ?? Number.NaN).toFixed(0).padStart(6)} ms  ${(seen.requests / seen.seconds).toFixed(0).padStart(6)} requests/s${voidOf(borne)}`,
      )
    }
  }
  return samples
}

async function paymentsOf(
  round: number,
  { layers, seconds }: OverloadOptions,
): Promise<readonly PaymentSample[]> {
  const samples: PaymentSample[] = []
  for (const isOn of inTurn(layers, round)) {
    await using stood = await stand(isOn)
    const pay = (prefix: string, forSeconds: number) =>
      paced(stood, {
        operation: 'PayOrder',
        prefix,
        shoppers: PAYMENTS_PER_SECOND * 10,
        perSecond: PAYMENTS_PER_SECOND,
        seconds: forSeconds,
        connections: 64,
      })
    const browse = (prefix: string, forSeconds: number, perSecond: number) =>
      paced(stood, {
        operation: 'SearchProducts',
        prefix,
        shoppers: BROWSERS,
        perSecond: BROWSERS * perSecond,
        seconds: forSeconds,
        connections: BROWSERS,
      })
    const browseLimit = DEFAULT_TIERS.shopper.perSecond / (await priceOfSearch(stood, isOn))
    await Promise.all([pay('first', WARM_UP_SECONDS), browse('first', WARM_UP_SECONDS, browseLimit)])
    const { seen: calm, borne: inCalm } = await watched(stood, () => pay('calm', seconds))
    const { seen, borne: underFlood } = await watched(stood, () =>
      Promise.all([pay('flooded', seconds), browse('browser', seconds, BROWSE_MULTIPLE * browseLimit)]),
    )
    const [flooded, flood] = seen
    const borne = voidWith(underFlood, 'calm', inCalm.voidReason)
    samples.push({ round, isOn, calm, flooded, flood, browseLimit, borne })
    say(
      `pay    round ${round}  ${isOn ? 'on ' : 'off'}  p99 calm ${calm.latency?.p99.toFixed(1)} ms, flooded ${flooded.latency?.p99.toFixed(1)} ms${voidOf(borne)}`,
    )
  }
  return samples
}

async function warmUp(stood: OverloadStand): Promise<void> {
  await crowd(stood, {
    prefix: 'first',
    perSecond: WARM_UP_PER_SECOND,
    seconds: WARM_UP_SECONDS,
    drainSecondsMax: WARM_UP_SECONDS,
  })
}

/** Claims a second while somebody always waits, and nothing else holds them back: more come than there are connections for. */
async function saturationOf(): Promise<{ readonly saturation: number } & Pick<Borne, 'voidReason'>> {
  await using stood = await stand(false)
  await warmUp(stood)
  const { seen, borne } = await crowd(stood, {
    prefix: 'saturating',
    perSecond: 2 * RATE,
    seconds: SATURATING_SECONDS,
    drainSecondsMax: 0,
    connections: SATURATING_CONNECTIONS,
  })
  return { saturation: goodputOf(seen), voidReason: borne.voidReason }
}

/** In points, as the gateway tells it; where it counts none, as one does that counts. */
async function priceOfSearch(stood: OverloadStand, isOn: boolean): Promise<number> {
  if (!isOn) {
    await using counting = await stand(true)
    return await priceOfSearch(counting, true)
  }
  const { body } = await request(`http://127.0.0.1:${stood.port}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'spillway-cost-debug': '1',
      authorization: `Bearer ${tokenFor(IDENTITY.tokenSecret, { sub: 'asks-for-the-price' })}`,
    },
    body: JSON.stringify({
      documentId: `sha256:${operation('SearchProducts').id}`,
      variables: { query: 'tea' },
    }),
  })
  const answer = (await body.json()) as {
    readonly extensions?: { readonly cost?: { readonly requestedQueryCost?: number } }
  }
  const price = answer.extensions?.cost?.requestedQueryCost
  if (price === undefined) throw new Error(`expected the price of a search, got ${JSON.stringify(answer)}`)
  return price
}

/** Raw results as JSON, a table and a chart; what is published is a whole run, never a part or a rehearsal. */
function publish(results: OverloadResults, isWhole: boolean): void {
  const folder = join(ROOT, 'test/bench/results')
  mkdirSync(folder, { recursive: true })
  const name = `overload-${results.at.replaceAll(':', '-')}`
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(results, null, 2))
  const chart = results.curve.length === 0 ? undefined : chartOf(results)
  if (chart !== undefined) writeFileSync(join(folder, `${name}.svg`), chart)
  console.info(markdown(results, `${name}.svg`))
  console.info(`raw results: ${join(folder, name)}.json`)
  if (!isWhole) return
  writeFileSync(join(folder, 'overload.md'), markdown(results, 'overload.svg'))
  if (chart !== undefined) writeFileSync(join(folder, 'overload.svg'), chart)
}

/** What one figure is held against must not be noise either. @param what it is. */
const voidWith = (borne: Borne, what: string, reason: string | undefined): Borne =>
  reason === undefined || borne.voidReason !== undefined
    ? borne
    : { ...borne, voidReason: `${what}: ${reason}` }

const voidOf = ({ voidReason }: { readonly voidReason: string | undefined }): string =>
  voidReason === undefined ? '' : `  void: ${voidReason}`

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}
