import type { Sample } from './measure.ts'
import type { MemoryGrowth } from './memory.ts'
import type { LatencySample, PlanSample, Results } from './results.ts'
import type { Workload } from './variants.ts'

/** One way to bear a workload. */
interface Way {
  readonly name: string
  /** Our requests a second over this one's, at least; of the workload's first variant. */
  readonly ratioMin?: number
}

/** As much of a workload as a table shows. */
interface Shown<Variant extends Way> {
  readonly name: string
  readonly title: string
  readonly connections: number
  /** The first is ours. */
  readonly variants: readonly Variant[]
}

/** What the rounds of one variant come to. */
export interface Summary<Variant extends Way = Way> {
  readonly variant: Variant
  /** Of the rounds that are not void; `undefined` when all are. */
  readonly perSecond: number | undefined
  /** Of all rounds that answered anything. */
  readonly cpuUs: number | undefined
  readonly rounds: number
  readonly voids: readonly string[]
  readonly p99Ms: number
  readonly gatewayBusy: number
  readonly loadBusy: number
}

/** One summary a variant, in the workload's order. */
export function summaries<Variant extends Way>(
  workload: Shown<Variant>,
  samples: readonly Sample[],
): readonly Summary<Variant>[] {
  return workload.variants.flatMap(variant => {
    const mine = samples.filter(one => one.workload === workload.name && one.variant === variant.name)
    if (mine.length === 0) return []
    const valid = mine.filter(one => one.voidReason === undefined)
    return {
      variant,
      perSecond: medianOrNone(valid.map(one => one.perSecond)),
      cpuUs: medianOrNone(mine.flatMap(one => one.cpuUs ?? [])),
      rounds: mine.length,
      voids: mine.flatMap(one => one.voidReason ?? []),
      p99Ms: median(mine.map(one => one.load.p99Ms)),
      gatewayBusy: median(mine.map(one => one.busy.gatewayCore)),
      loadBusy: median(mine.map(one => one.busy.loadCore)),
    }
  })
}

/** Of an even number, the higher of the two in the middle. @throws RangeError for nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('expected at least one value, got none')
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

export const VOID_RULES =
  'A run is void unless the gateway’s core is at least 95 % busy, the other at most 85 %, and nobody else takes a tenth of the gateway’s. CPU is user and system time of the gateway’s process, all threads; it can be compared between void runs too, if with care.'

/** All results as Markdown. */
export function markdown(results: Results, workloads: readonly Workload[]): string {
  const { at, node, processor, tool, rounds, samples, latencies, plans, memory } = results
  const parts = [
    `Medians of ${rounds} round${rounds === 1 ? '' : 's'} on ${processor}, Node ${node}, ${tool}; ${at.slice(0, 10)}.`,
    'Made by `npm run bench -- gateway`: gateway on one core, load and subgraphs on the other, a fresh process and a warm-up a variant, alternating order.',
    VOID_RULES,
    ...workloads.flatMap(workload => ofWorkload(workload, samples)),
    ...ofLatencies(latencies),
    ...ofPlans(plans),
    ...ofMemory(memory),
  ]
  return `${parts.join('\n\n')}\n`
}

/** A heading and a table; nothing where nothing was measured. */
export function ofWorkload(workload: Shown<Way>, samples: readonly Sample[]): string[] {
  const { name, title, connections } = workload
  const rows = summaries(workload, samples)
  const [ours] = rows
  if (ours === undefined) return []
  return [
    `### ${name}: ${title}`,
    table(
      [
        '',
        'requests/s',
        'CPU µs a request',
        'Spillway is, by rate',
        'by CPU',
        'to reach',
        `p99 ms at ${connections}`,
        'cores busy',
        'void',
      ],
      rows.map(row => [
        row.variant.name,
        row.perSecond === undefined ? 'void' : row.perSecond.toFixed(0),
        row.cpuUs?.toFixed(0) ?? 'none answered',
        row === ours ? '' : times(ratio(ours.perSecond, row.perSecond)),
        row === ours ? '' : times(ratio(row.cpuUs, ours.cpuUs)),
        row.variant.ratioMin === undefined ? '' : times(row.variant.ratioMin),
        row.p99Ms.toFixed(0),
        `${percent(row.gatewayBusy)}, ${percent(row.loadBusy)}`,
        row.voids.length === 0 ? '' : `${row.voids.length} of ${row.rounds}: ${row.voids[0]}`,
      ]),
    ),
  ]
}

function ofLatencies(samples: readonly LatencySample[]): string[] {
  const variants = [...new Set(samples.map(({ variant }) => variant))]
  if (variants.length === 0) return []
  return [
    `### Latency at ${samples[0]!.perSecond} requests/s, P1’s operation`,
    table(
      ['', 'p50 ms', 'p95 ms', 'p99 ms', 'failed'],
      variants.map(variant => {
        const mine = samples.filter(sample => sample.variant === variant).map(({ latency }) => latency)
        return [
          variant,
          median(mine.map(({ p50Ms }) => p50Ms)).toFixed(2),
          median(mine.map(({ p95Ms }) => p95Ms)).toFixed(2),
          median(mine.map(({ p99Ms }) => p99Ms)).toFixed(2),
          `${mine.reduce((sum, { failed }) => sum + failed, 0)}`,
        ]
      }),
    ),
  ]
}

function ofPlans(samples: readonly PlanSample[]): string[] {
  const keys = [...new Set(samples.map(({ world, planner }) => `${world} ${planner}`))]
  if (keys.length === 0) return []
  return [
    '### A text never seen: from the parsed document to something that runs',
    table(
      ['', 'first ms', 'once warm, µs'],
      keys.map(key => {
        const mine = samples.filter(({ world, planner }) => `${world} ${planner}` === key)
        const { planner, workload } = mine[0]!
        return [
          `${planner}, ${workload}’s operation`,
          (median(mine.map(({ timed }) => timed.firstUs)) / 1_000).toFixed(1),
          median(mine.map(({ timed }) => timed.medianUs)).toFixed(0),
        ]
      }),
    ),
  ]
}

function ofMemory(growths: readonly MemoryGrowth[]): string[] {
  if (growths.length === 0) return []
  const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
  return [
    '### Memory after texts that are all different, MB',
    table(
      [
        '',
        'texts',
        'heap after 1,000',
        'heap after all',
        'resident after 1,000',
        'resident after all',
        'texts/s',
        'failed',
      ],
      growths.map(({ variant, texts, before, after, perSecond, failed }) => [
        variant,
        texts.toLocaleString('en'),
        mb(before.heapBytes),
        mb(after.heapBytes),
        mb(before.rssBytes),
        mb(after.rssBytes),
        perSecond.toFixed(0),
        `${failed}`,
      ]),
    ),
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  )
}

const medianOrNone = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : median(values)
const ratio = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? undefined : one / other
const times = (value: number | undefined): string =>
  value === undefined ? '' : `${value.toFixed(value < 10 ? 2 : 1)}×`
const percent = (part: number): string => `${(part * 100).toFixed(0)} %`
