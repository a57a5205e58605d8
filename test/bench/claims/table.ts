import { median } from '../gateway/table.ts'
import { figure, percent, table, verdict } from '../markdown.ts'
import { WHO_AM_I } from './manifest.ts'
import type { Window } from './measure.ts'
import type { ClaimsResults, ClaimsSample } from './results.ts'
import { LAYOUTS } from './stand.ts'

/** What is to be reached: P4 by rate, P5 by processor time. */
const CLAIM_SHARE_MIN = 0.5
const MANY_SHARE_MAX = 1 / 3

const VOID_RULES =
  'A window is void if a request failed or anybody else took a tenth of the core of what is measured. For P4 it is void, too, unless that core is at least 95 % busy and the other at most 85 %. What is void is shown as void and counts in no median, unless all rounds of a line are. CPU is user and system time of the gateway and of the subgraph that claims need, all threads, a request; PostgreSQL’s stands apart.'

/** All results as Markdown. */
export function markdown({ at, node, processor, rounds, samples, functions }: ClaimsResults): string {
  const ofPart = (part: ClaimsSample['part']): readonly ClaimsSample[] =>
    samples.filter(one => one.part === part)
  const rates = ratesOf(functions)
  const parts = [
    `Medians of ${rounds} round${rounds === 1 ? '' : 's'} on ${processor}, Node ${node}; ${at.slice(0, 10)}.`,
    'Made by `npm run bench -- claims`: what is measured on one core, load and PostgreSQL (durable, as shipped) on the other; a fresh process and a warm-up a layout and round, alternating order. Every request is a new shopper’s with a new token; tokens are verified, costs, budgets and limits enforced, with a claim limit that is not met and the level pinned to CALM. `embedded` is gateway and subgraphs in one process, as `npm start` has them; `services` is the gateway and coupon over HTTP.',
    VOID_RULES,
    ...ratioTable(ofPart('P4'), rates),
    ...shareTable(ofPart('callers')),
    ...callersTable(ofPart('callers')),
    ...batchTable(ofPart('batches'), rates),
  ]
  return `${parts.join('\n\n')}\n`
}

function ratioTable(samples: readonly ClaimsSample[], rates: Rates): string[] {
  if (samples.length === 0) return []
  const rows = LAYOUTS.flatMap(layout => {
    const mine = samples.filter(one => one.layout === layout)
    if (mine.length === 0) return []
    const claim = summaryOf(
      mine.filter(({ work }) => work === 'claim'),
      isRateValid,
    )
    const me = summaryOf(
      mine.filter(({ work }) => work === WHO_AM_I.name),
      isRateValid,
    )
    const ratio = claim.perSecond / me.perSecond
    return [
      [
        layout,
        ...[claim, me].flatMap(one => [figure(one.perSecond), figure(one.cpuUs), one.cores]),
        figure(claim.postgresUs),
        ratio.toFixed(2),
        `≥ ${CLAIM_SHARE_MIN}`,
        verdict(ratio >= CLAIM_SHARE_MIN),
        (me.cpuUs / claim.cpuUs).toFixed(2),
        [claim.voids, me.voids].filter(text => text !== '').join('; '),
      ],
    ]
  })
  return [
    `### P4: a durable claim beside a persisted operation without database work`,
    `At ${samples[0]!.callers} callers. The other operation is \`{ me { id } }\`, persisted: the same door, token, checks and hop to the same subgraph for the same new shopper, and neither kept nor shared, so that what differs is the claim. (\`{ __typename }\` would be answered by the gateway alone, CampaignHome by what it keeps.)${ceilingOf(rates)}`,
    table(
      [
        '',
        'claims/s',
        'CPU µs',
        'cores busy',
        'me/s',
        'CPU µs',
        'cores busy',
        'PostgreSQL µs a claim',
        'by rate',
        'to reach',
        '',
        'by CPU',
        'void',
      ],
      rows,
    ),
  ]
}

function shareTable(samples: readonly ClaimsSample[]): string[] {
  if (samples.length === 0) return []
  const callers = samples.map(one => one.callers)
  const [few, many] = [Math.min(...callers), Math.max(...callers)]
  return [
    `### P5: processor time a claim, ${many.toLocaleString('en')} callers ÷ ${few}`,
    table(
      ['', `CPU µs at ${few}`, `CPU µs at ${many.toLocaleString('en')}`, 'ratio', 'to reach', '', 'void'],
      LAYOUTS.flatMap(layout => {
        const at = (count: number): readonly ClaimsSample[] =>
          samples.filter(one => one.layout === layout && one.callers === count)
        if (at(few).length === 0) return []
        const [one, all] = [summaryOf(at(few)), summaryOf(at(many))]
        const ratio = all.cpuUs / one.cpuUs
        return [
          [
            layout,
            figure(one.cpuUs),
            figure(all.cpuUs),
            ratio.toFixed(3),
            '≤ 0.333',
            verdict(ratio <= MANY_SHARE_MAX),
            [one.voids, all.voids].filter(text => text !== '').join('; '),
          ],
        ]
      }),
    ),
  ]
}

function callersTable(samples: readonly ClaimsSample[]): string[] {
  if (samples.length === 0) return []
  return [
    '### Callers',
    'Each sends its next request when it has the last answer: the rate is what they bring about, the latency that of so many.',
    windowTable(
      'callers',
      samples,
      ({ layout, callers }) => `${layout}, ${callers.toLocaleString('en')}`,
      (a, b) => LAYOUTS.indexOf(a.layout) - LAYOUTS.indexOf(b.layout) || a.callers - b.callers,
    ),
  ]
}

function batchTable(samples: readonly ClaimsSample[], rates: Rates): string[] {
  if (samples.length === 0 && rates.size === 0) return []
  const parts = ['### Claims in one SQL call']
  if (samples.length > 0) {
    const { layout, callers } = samples[0]!
    parts.push(
      `Coupon’s batches bounded at other sizes, ${layout}, ${callers.toLocaleString('en')} callers.`,
      windowTable(
        'at most',
        samples,
        ({ batchMax }) => `${batchMax}`,
        (a, b) => (a.batchMax ?? 0) - (b.batchMax ?? 0),
      ),
    )
  }
  if (rates.size > 0) {
    parts.push(
      'The ceiling: the shipped SQL function called straight from Node, one caller, batch after batch of new shoppers, on the core of PostgreSQL while the other is idle.',
      table(
        ['claims a call', 'claims/s', 'void'],
        [...rates].map(([batch, { perSecond, voids }]) => [`${batch}`, figure(perSecond), voids]),
      ),
    )
  }
  return parts
}

function windowTable(
  name: string,
  samples: readonly ClaimsSample[],
  labelOf: (sample: ClaimsSample) => string,
  order: (a: ClaimsSample, b: ClaimsSample) => number,
): string {
  const groups = Map.groupBy(samples.toSorted(order), labelOf)
  return table(
    [name, 'claims/s', 'p50 ms', 'p99 ms', 'CPU µs a claim', 'PostgreSQL µs a claim', 'cores busy', 'void'],
    [...groups].map(([label, group]) => {
      const { perSecond, p50Ms, p99Ms, cpuUs, postgresUs, cores, voids } = summaryOf(group)
      return [
        label,
        figure(perSecond),
        p50Ms.toFixed(1),
        p99Ms.toFixed(1),
        figure(cpuUs),
        figure(postgresUs),
        cores,
        voids,
      ]
    }),
  )
}

const isWindowValid = ({ voidReason }: Window): boolean => voidReason === undefined
const isRateValid = (window: Window): boolean => isWindowValid(window) && window.rateVoidReason === undefined

function summaryOf(samples: readonly ClaimsSample[], isValid: (window: Window) => boolean = isWindowValid) {
  const windows = samples.map(({ window }) => window)
  const valid = windows.filter(isValid)
  const shown = valid.length > 0 ? valid : windows
  const middle = (figureOf: (window: Window) => number): number =>
    shown.length === 0 ? Number.NaN : median(shown.map(figureOf))
  const wrong = windows.filter(window => !isValid(window))
  const [first] = wrong
  return {
    perSecond: middle(one => one.perSecond),
    p50Ms: middle(({ seen }) => seen.latency?.p50 ?? Number.NaN),
    p99Ms: middle(({ seen }) => seen.latency?.p99 ?? Number.NaN),
    cpuUs: middle(one => one.cpuUs),
    postgresUs: middle(one => one.postgresUs),
    cores: `${percent(middle(({ busy }) => busy.core))}, ${percent(middle(({ busy }) => busy.otherCore))}`,
    voids:
      first === undefined
        ? ''
        : `${wrong.length} of ${windows.length}: ${first.voidReason ?? first.rateVoidReason}`,
  }
}

interface Rate {
  readonly perSecond: number
  readonly voids: string
}
/** By claims a call. */
type Rates = ReadonlyMap<number, Rate>

function ratesOf(functions: ClaimsResults['functions']): Rates {
  const byBatch = Map.groupBy(functions, ({ batch }) => batch)
  return new Map([...byBatch].sort(([a], [b]) => a - b).map(([batch, all]) => [batch, rateOf(all)]))
}

function rateOf(all: ClaimsResults['functions']): Rate {
  const valid = all.filter(({ voidReason }) => voidReason === undefined)
  const shown = valid.length > 0 ? valid : all
  const wrong = all.find(({ voidReason }) => voidReason !== undefined)
  return {
    perSecond: median(shown.map(one => one.perSecond)),
    voids: wrong === undefined ? '' : `${all.length - valid.length} of ${all.length}: ${wrong.voidReason}`,
  }
}

function ceilingOf(rates: Rates): string {
  if (rates.size === 0) return ''
  const [batch, { perSecond }] = [...rates].reduce((best, one) =>
    one[1].perSecond > best[1].perSecond ? one : best,
  )
  return ` The shipped SQL function called straight from Node, the ceiling, brings about ${figure(perSecond)} claims/s in batches of ${batch}.`
}
