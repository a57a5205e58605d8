import { median } from '../gateway/table.ts'
import { figure, percent, table, verdict } from '../markdown.ts'
import type { CrowdSeen } from './crowd.ts'
import type { Borne } from './measure.ts'
import {
  type CurveSample,
  type DrainSample,
  goodputOf,
  type OverloadResults,
  type PaymentSample,
} from './results.ts'

/** What is to be reached. */
const GOODPUT_MIN = 0.9
const REQUESTS_MAX = 2.2
const ADMITTED_P99_MS_MAX = 250
const PAYMENT_RATIO_MAX = 1.5
const PAYMENT_MORE_MS_MAX = 100
/** A p99 says nothing of those who were not paid: of a hundred one may be missing. */
const PAID_MIN = 0.99

const VOID_RULES =
  'A run is void, and is shown as void, if the load’s core was more than 85 % busy or anybody else took a tenth of the gateway’s core. It counts in no median, unless all rounds of a line are void.'

/** All results as Markdown. @param chart the name of the chart's file beside it. */
export function markdown(results: OverloadResults, chart: string): string {
  const { at, node, processor, rounds, seconds, serviceRate, drains, curve, payments } = results
  const parts = [
    `Medians of ${rounds} round${rounds === 1 ? '' : 's'} on ${processor}, Node ${node}; ${at.slice(0, 10)}.`,
    `Made by \`npm run bench -- overload\`: the gateway with its shipped supergraph and operations on one core; on the other the shoppers, a process of their own, and subgraphs over HTTP without a database, payment in a process of its own; coupon works off ${serviceRate} claims a second, one after the other, with a queue of five seconds. A fresh gateway for every line of a round.`,
    VOID_RULES,
    ...drainTable(drains),
    ...curveTable(curve, seconds, serviceRate, chart),
    ...paymentTable(payments),
  ]
  return `${parts.join('\n\n')}\n`
}

function drainTable(samples: readonly DrainSample[]): string[] {
  if (samples.length === 0) return []
  const valid = samples.filter(({ borne }) => borne.voidReason === undefined)
  const shown = valid.length > 0 ? valid : samples
  const middle = (figureOf: (sample: DrainSample) => number): number => medianOr(shown.map(figureOf))
  const limit = middle(sample => sample.limit)
  const goodput = middle(({ seen }) => seen.coupons / seen.secondsToLast)
  const requests = middle(({ seen }) => seen.requests / seen.coupons)
  const p99Ms = middle(({ seen }) => seen.admitted?.p99 ?? Number.NaN)
  return [
    '### P6: ten times the limit, drained to the last',
    `Saturation, measured without a limit: ${figure(middle(sample => sample.saturation))} claims/s. The claim limit L is ${figure(limit)}/s, 30 % of it, half a second’s worth at once; ${figure(middle(({ seen }) => seen.came))} shoppers come at ten times that rate and come back when they are told. Goodput is coupons over the time from the first who came to the last coupon; latency is that of the request that brought the coupon, from when its shopper wanted to ask. A round is void, too, if the measurement of its saturation was.`,
    table(
      ['', 'measured', 'to reach', ''],
      [
        [
          'goodput ÷ L',
          (goodput / limit).toFixed(3),
          `≥ ${GOODPUT_MIN}`,
          verdict(goodput / limit >= GOODPUT_MIN),
        ],
        ['requests per success', requests.toFixed(3), `≤ ${REQUESTS_MAX}`, verdict(requests <= REQUESTS_MAX)],
        [
          'p99 of the admitted, ms',
          figure(p99Ms),
          `≤ ${ADMITTED_P99_MS_MAX}`,
          verdict(p99Ms <= ADMITTED_P99_MS_MAX),
        ],
        [
          'without a coupon at the end',
          figure(middle(({ seen }) => seen.came - seen.coupons)),
          '0',
          verdict(middle(({ seen }) => seen.came - seen.coupons) === 0),
        ],
      ],
    ),
    `Levels, in seconds: ${countsOf(shown.at(-1)!.borne.levels)}. What the line made of requests: ${countsOf(shown.at(-1)!.borne.turns)}. Both of the last round shown.`,
    voids(samples),
  ]
}

function curveTable(
  samples: readonly CurveSample[],
  seconds: number,
  serviceRate: number,
  chart: string,
): string[] {
  if (samples.length === 0) return []
  const limit = samples.find(sample => sample.limit !== undefined)?.limit
  return [
    `### Offered load, 0.5 to 20 times what the service works off`,
    `New shoppers come for ${seconds} s at a multiple of ${serviceRate}/s. Each comes back when it is told, or after a second where it is not; none gives up. With the surge layer the claim limit is ${limit === undefined ? 'set' : `${figure(limit)}/s, half a second’s worth at once`}; without it costs are not counted and the level is pinned to CALM, and everything else is the same: the gateway’s deadlines, queues, breaker and adaptive lanes too. Goodput is of the second half of the time, and counts a shopper once; latency is that of the request that brought the coupon, from when its shopper wanted to ask, neither the wait in line nor requests that failed; the last columns say how those stood at its end who had come.`,
    `![The curve](${chart})`,
    table(
      [
        'offered',
        'surge layer',
        'goodput/s',
        'of the rate',
        'p50 ms, admitted',
        'p99 ms, admitted',
        'requests of a served',
        'requests/s',
        'resident MB, before → thirds',
        'heap MB',
        'level, s',
        'coupon',
        'place',
        'errors only',
        'no answer yet',
        'void',
      ],
      groups(samples, ({ multiple, isOn }) => `${multiple} ${isOn}`).map(group => {
        const [{ multiple, isOn }] = group as [CurveSample]
        const valid = group.filter(({ borne }) => borne.voidReason === undefined)
        const shown = valid.length > 0 ? valid : group
        const middle = (figureOf: (seen: CrowdSeen, borne: Borne) => number): number =>
          medianOr(shown.map(({ seen, borne }) => figureOf(seen, borne)))
        const part = (figureOf: (seen: CrowdSeen) => number): string =>
          percent(middle(seen => figureOf(seen) / seen.came))
        const goodput = middle(goodputOf)
        const rss = (at: 0 | 1 | 2): string => mb(middle((_, { rssBytesMax }) => rssBytesMax[at]))
        return [
          `${multiple}×`,
          isOn ? 'on' : 'off',
          figure(goodput),
          percent(goodput / serviceRate),
          figure(middle(({ admitted }) => admitted?.p50 ?? Number.NaN)),
          figure(middle(({ admitted }) => admitted?.p99 ?? Number.NaN)),
          middle(({ asksOfServed }) => asksOfServed).toFixed(2),
          figure(middle(({ requests, seconds }) => requests / seconds)),
          `${mb(middle((_, { rssBytesBefore }) => rssBytesBefore))} → ${rss(0)} ${rss(1)} ${rss(2)}`,
          mb(middle((_, { heapBytesAfter }) => heapBytesAfter)),
          countsOf(shown.at(-1)!.borne.levels),
          part(({ coupons }) => coupons),
          part(({ withPlace }) => withPlace),
          part(({ withNothing }) => withNothing),
          part(({ unanswered }) => unanswered),
          voidsOf(group),
        ]
      }),
    ),
  ]
}

function paymentTable(samples: readonly PaymentSample[]): string[] {
  if (samples.length === 0) return []
  const [{ browseLimit, flood }] = samples as [PaymentSample]
  return [
    '### I13: payments under a browsing flood',
    `200 shoppers on 200 connections search, each ten times as often as its budget lets through (${browseLimit.toFixed(1)} searches a second, by their price), every search another; ${figure(flood.sent)} are sent in all. Payments come at 50 a second, each of another order, from a process of their own. Before, both run for three seconds, searches as fast as budgets let through. To reach: a p99, from when each was due, within max(${PAYMENT_RATIO_MAX}×, +${PAYMENT_MORE_MS_MAX} ms) of calm, and ${percent(PAID_MIN)} of those due paid.`,
    table(
      [
        'surge layer',
        'p50 calm, ms',
        'p99 calm',
        'p50 flooded',
        'p99 flooded',
        'at most',
        '',
        'paid of due',
        'searches answered',
        'void',
      ],
      groups(samples, ({ isOn }) => `${isOn}`).map(group => {
        const valid = group.filter(({ borne }) => borne.voidReason === undefined)
        const shown = valid.length > 0 ? valid : group
        const middle = (figureOf: (sample: PaymentSample) => number): number => medianOr(shown.map(figureOf))
        const calmMs = middle(({ calm }) => calm.latency?.p99 ?? Number.NaN)
        const floodedMs = middle(({ flooded }) => flooded.latency?.p99 ?? Number.NaN)
        const paid = middle(({ flooded }) => (flooded.latency?.count ?? 0) / flooded.due)
        const mostMs = Math.max(calmMs * PAYMENT_RATIO_MAX, calmMs + PAYMENT_MORE_MS_MAX)
        return [
          group[0]!.isOn ? 'on' : 'off',
          middle(({ calm }) => calm.latency?.p50 ?? Number.NaN).toFixed(1),
          calmMs.toFixed(1),
          middle(({ flooded }) => flooded.latency?.p50 ?? Number.NaN).toFixed(1),
          floodedMs.toFixed(1),
          mostMs.toFixed(0),
          verdict(floodedMs <= mostMs && paid >= PAID_MIN),
          percent(paid),
          percent(middle(one => (one.flood.latency?.count ?? 0) / one.flood.sent)),
          voidsOf(group),
        ]
      }),
    ),
  ]
}

type Voidable = { readonly borne: Borne }

function voidsOf(samples: readonly Voidable[]): string {
  const reasons = samples.flatMap(({ borne }) => borne.voidReason ?? [])
  return reasons.length === 0 ? '' : `${reasons.length} of ${samples.length}: ${reasons[0]}`
}

function voids(samples: readonly Voidable[]): string {
  const said = voidsOf(samples)
  return said === '' ? 'No round was void.' : `Void: ${said}.`
}

const countsOf = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')

function groups<Sample>(samples: readonly Sample[], keyOf: (sample: Sample) => string): Sample[][] {
  return [...Map.groupBy(samples, keyOf).values()]
}

const medianOr = (values: readonly number[]): number => (values.length === 0 ? Number.NaN : median(values))
const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
