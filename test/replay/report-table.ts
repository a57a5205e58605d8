import type { Budget } from './campaign.ts'
import { clockOf, levelBands } from './chart-series.ts'
import type { Check } from './check-result.ts'
import type { Figures, Spread } from './figures.ts'

/** A table of the report. Cells are ready to be read; the first row names the columns. */
export interface Table {
  readonly title: string
  readonly rows: readonly (readonly string[])[]
}

const LEVELS_MAX = 12
const OUTCOMES_MAX = 20

/** Everything that people want to know of a replay, as tables. */
export function tablesOf(
  figures: Figures,
  checks: readonly Check[],
  budget: Budget | undefined,
): readonly Table[] {
  return [
    { title: 'Load', rows: loadRows(figures) },
    { title: 'Latency of what was admitted, in milliseconds', rows: latencyRows(figures) },
    { title: 'Kept places', rows: placeRows(figures) },
    ...loadItself(figures),
    { title: 'Level over time', rows: levelRows(figures) },
    { title: 'Budget', rows: budgetRows(budget) },
    { title: 'Outcomes', rows: outcomeRows(figures) },
    { title: 'Promises', rows: checkRows(checks) },
  ]
}

/** One sentence: what somebody reads who reads nothing else. */
export function verdictOf(checks: readonly Check[]): string {
  const broken = checks.filter(({ holds }) => holds === false).map(({ id }) => id)
  const open = checks.filter(({ holds }) => holds === undefined).map(({ id }) => id)
  const empty = checks.filter(isEmpty).map(({ id }) => id)
  const kept = checks.length - broken.length - open.length - empty.length
  const parts = [
    broken.length > 0
      ? `broken: ${broken.join(', ')}`
      : `${kept} of ${checks.length} promises checked and kept`,
    ...(open.length > 0 ? [`not checked: ${open.join(', ')}`] : []),
    ...(empty.length > 0 ? [`nothing to look at: ${empty.join(', ')}`] : []),
  ]
  return parts.join('; ')
}

function loadRows(figures: Figures): string[][] {
  const { seconds, tookMs, shoppers, orders, turnedAway, unserved, requests, requestsPerSuccess } = figures
  const admitted = seconds.reduce((sum, second) => sum + second.admitted, 0)
  const perSecond = (count: number): string => `${whole(tookMs > 0 ? (count * 1_000) / tookMs : 0)}/s`
  const peak = (of: keyof (typeof seconds)[number]): string =>
    `${whole(seconds.reduce((most, second) => Math.max(most, Number(second[of])), 0))}/s`
  return [
    ['', 'in all', 'mean', 'peak'],
    ['Shoppers', whole(shoppers), perSecond(shoppers), peak('arrived')],
    ['Requests offered', whole(requests), perSecond(requests), peak('offered')],
    ['Claims admitted', whole(admitted), perSecond(admitted), peak('admitted')],
    ['Orders (goodput)', whole(orders), perSecond(orders), peak('goodput')],
    ['Claims sent for each coupon', decimal(requestsPerSuccess), '', ''],
    ['Turned away, told so', whole(turnedAway), '', ''],
    ['Gave up, or still waiting at the end', whole(unserved), '', ''],
    ['Took', clockOf(tookMs / 1_000), '', ''],
  ]
}

function latencyRows({ latency, latencyOfSteps }: Figures): string[][] {
  const header = ['', 'answers', 'p50', 'p95', 'p99', 'most']
  const named = (of: Readonly<Record<string, Spread | undefined>>, prefix: string): string[][] =>
    Object.entries(of).flatMap(([name, spread]) =>
      spread === undefined ? [] : [[`${prefix}${name}`, ...spreadCells(spread)]],
    )
  return [header, ...named(latency, ''), ...named(latencyOfSteps, 'step ')]
}

/** What is the load's own doing is told apart: who is held up in it comes later than a shopper would. */
function loadItself({ driver }: Figures): Table[] {
  if (driver === undefined) return []
  const { busy, held } = driver
  const [, p50, p95, p99, max] = held === undefined ? [] : spreadCells(held)
  const waited = held === undefined ? '–' : `p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, at most ${max} ms`
  const rows = [
    ['', ''],
    ['Of one core', `${Math.round(busy * 100)} %`],
    ['Due requests waited in it to be sent', waited],
  ]
  return [{ title: 'The load itself', rows }]
}

function placeRows({ places, lateness, seconds }: Figures): string[][] {
  const admitted = places.filter(({ admittedMs }) => admittedMs !== undefined).length
  const returned = places.filter(({ returnedMs }) => returnedMs !== undefined).length
  const most = seconds.reduce((max, { waiting }) => Math.max(max, waiting), 0)
  const rows = [
    ['', ''],
    ['Places given', whole(places.length)],
    ['Holders who asked again at their instant or later', whole(returned)],
    ['Holders admitted, by that or by asking before', whole(admitted)],
    ['Most waiting at once', whole(most)],
  ]
  if (lateness === undefined) return [...rows, ['Admitted after the promised instant', 'nobody had a place']]
  const [, p50, p95, p99, max] = spreadCells(lateness)
  const spread = `p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, at most ${max} ms`
  return [...rows, ['Admitted after the promised instant', spread]]
}

function levelRows({ seconds }: Figures): string[][] {
  const bands = levelBands(seconds)
  if (bands.length === 0)
    return [
      ['', ''],
      ['Level', 'not told by the stack'],
    ]
  const shown = bands
    .slice(0, LEVELS_MAX)
    .map(({ level, fromS, toS }) => [level, `${clockOf(fromS)} to ${clockOf(toS)}`])
  if (bands.length <= LEVELS_MAX) return [['level', 'from … to'], ...shown]
  const totals = new Map<string, number>()
  for (const { level, fromS, toS } of bands) totals.set(level, (totals.get(level) ?? 0) + toS - fromS)
  const rest = [...totals].map(([level, wholeS]) => `${level} ${clockOf(wholeS)}`).join(', ')
  return [
    ['level', 'from … to'],
    ...shown,
    [`and ${bands.length - LEVELS_MAX} changes more`, `in all ${rest}`],
  ]
}

function budgetRows(budget: Budget | undefined): string[][] {
  if (budget === undefined)
    return [
      ['', ''],
      ['Budget', 'not told by the stack'],
    ]
  const { limit, issued, remaining, allottedFen, availableFen, liabilityFen, expenseFen, returnedFen } =
    budget
  return [
    ['', 'coupons', 'yuan'],
    ['Allotted', whole(limit), yuan(allottedFen)],
    ['Issued', whole(issued), yuan(allottedFen - availableFen)],
    ['  spent on paid orders', '', yuan(expenseFen)],
    ['  in wallets', '', yuan(liabilityFen)],
    ['  returned', '', yuan(returnedFen)],
    ['Left', whole(remaining), yuan(availableFen)],
  ]
}

function outcomeRows({ outcomes }: Figures): string[][] {
  const all = Object.entries(outcomes).toSorted(([, a], [, b]) => b - a)
  const rest = all.slice(OUTCOMES_MAX)
  return [
    ['answer', 'times'],
    ...all.slice(0, OUTCOMES_MAX).map(([name, times]) => [name, whole(times)]),
    ...(rest.length === 0
      ? []
      : [[`${rest.length} others`, whole(rest.reduce((sum, [, times]) => sum + times, 0))]]),
  ]
}

function checkRows(checks: readonly Check[]): string[][] {
  const word = (check: Check): string =>
    check.holds === undefined
      ? 'not checked'
      : isEmpty(check)
        ? 'nothing to look at'
        : check.holds
          ? 'kept'
          : 'BROKEN'
  return [
    ['', 'promise', '', 'looked at', 'found'],
    ...checks.map(check => [
      ...[check.id, check.promise, word(check)],
      ...[whole(check.checked), check.detail],
    ]),
  ]
}

/** A promise that nothing happened to test is neither kept nor broken. */
const isEmpty = ({ holds, checked }: Check): boolean => holds === true && checked === 0

const spreadCells = ({ count, p50, p95, p99, max }: Spread): string[] => [
  whole(count),
  ...[p50, p95, p99, max].map(ms),
]

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
const decimal = (value: number): string => (Number.isFinite(value) ? value.toFixed(2) : '–')
const ms = (value: number): string => (Math.abs(value) < 10 ? value.toFixed(1) : whole(value))
const yuan = (fen: number): string => (fen / 100).toLocaleString('en-US', { maximumFractionDigits: 2 })
