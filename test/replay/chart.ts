import {
  clockOf,
  levelBands,
  type Point,
  pointWidthS,
  shortNumber,
  thinned,
  tickStep,
  timeStepS,
} from './chart-series.ts'
import type { Figures } from './figures.ts'

/** What the chart is made of. */
export interface ChartOptions {
  readonly title: string
  readonly subtitle: string
  /** Claims a second that are admitted; drawn as a line to be held against. */
  readonly claimsPerSecond?: number | undefined
}

const WIDTH = 1_120
const LEFT = 64
/** Room for the legends. */
const RIGHT = 228
const PLOT = WIDTH - LEFT - RIGHT
const HEAD = 84
const GAP = 46
const FOOT = 46
const STRIP = 18
const POINTS_MAX = 420
const TICKS_X = 10
const TICKS_Y = 4
const LABEL_GAP = 19

/** A line or an area of a panel. */
interface Series {
  readonly name: string
  readonly kind: 'line' | 'area' | 'thin'
  /** A class of {@link STYLE}. */
  readonly colour: string
  readonly of: (point: Point) => number
}

interface Panel {
  readonly title: string
  readonly height: number
  /** Behind a value of it. */
  readonly unit: string
  readonly series: readonly Series[]
  /** A level to be held against. */
  readonly bound?: { readonly name: string; readonly value: number } | undefined
}

/**
 * A replay over time as one SVG: the level as a strip, then requests, what came of them and who waited, each with an axis
 * of its own over one of time. Light or dark as the reader's screen; needs nothing from elsewhere.
 */
export function chartSvg(figures: Pick<Figures, 'seconds'>, options: ChartOptions): string {
  const { seconds } = figures
  const widthS = pointWidthS(seconds.length, POINTS_MAX)
  const points = thinned(seconds, widthS)
  const endS = Math.max(1, (seconds.at(-1)?.atS ?? 0) + 1)
  const x = (atS: number): number => LEFT + (PLOT * atS) / endS
  const panels = panelsOf(options.claimsPerSecond)

  const parts: string[] = []
  const stripTop = HEAD
  let top = stripTop + STRIP + GAP
  const tops = panels.map(({ height }) => {
    const at = top
    top += height + GAP
    return at
  })
  const bottom = top - GAP
  parts.push(levels(figures, x, stripTop, bottom))
  parts.push(timeAxis(endS, x, tops[0]!, bottom))
  panels.forEach((panel, i) => {
    parts.push(panelSvg(panel, points, x, tops[i]!))
  })
  const height = bottom + FOOT
  const each = widthS === 1 ? 'each second' : `each ${widthS} s: mean of rates, most of waiting`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="replay-title replay-text" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif" font-size="12">
<title id="replay-title">${escaped(options.title)}</title>
<desc id="replay-text">${escaped(options.subtitle)}</desc>
<style>${STYLE}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
<text class="title" x="${LEFT}" y="34">${escaped(options.title)}</text>
<text class="soft" x="${LEFT}" y="56" font-size="13">${escaped(options.subtitle)}</text>
${parts.join('\n')}
<text class="soft" x="${LEFT + PLOT / 2}" y="${bottom + 36}" text-anchor="middle">time since the start · one point ${each}</text>
</svg>
`
}

function panelsOf(claimsPerSecond: number | undefined): Panel[] {
  return [
    {
      title: 'Offered: requests a second',
      height: 120,
      unit: '/s',
      series: [
        { name: 'requests sent', kind: 'area', colour: 'offered', of: ({ offered }) => offered },
        { name: 'refused, failed', kind: 'line', colour: 'refused', of: ({ refused }) => refused },
      ],
    },
    {
      title: 'Served: shoppers a second',
      height: 190,
      unit: '/s',
      series: [
        { name: 'new shoppers', kind: 'thin', colour: 'arrived', of: ({ arrived }) => arrived },
        { name: 'admitted claims', kind: 'line', colour: 'admitted', of: ({ admitted }) => admitted },
        { name: 'goodput: orders', kind: 'line', colour: 'goodput', of: ({ goodput }) => goodput },
      ],
      bound: claimsPerSecond === undefined ? undefined : { name: 'limit on claims', value: claimsPerSecond },
    },
    {
      title: 'Waiting: shoppers with a kept place',
      height: 110,
      unit: '',
      series: [{ name: 'waiting', kind: 'area', colour: 'waiting', of: ({ waiting }) => waiting }],
    },
  ]
}

/** The strip on top says the level in words and colour; below it the panels are tinted alike. */
function levels(
  { seconds }: Pick<Figures, 'seconds'>,
  x: (atS: number) => number,
  top: number,
  bottom: number,
): string {
  const bands = levelBands(seconds)
  const parts = [`<text class="soft" x="${LEFT - 10}" y="${top + 13}" text-anchor="end">level</text>`]
  if (bands.length === 0)
    parts.push(`<text class="soft" x="${LEFT}" y="${top + 13}">not told by the stack</text>`)
  for (const { level, fromS, toS } of bands) {
    const left = x(fromS)
    const width = x(toS) - left
    const colour = /^[A-Z]+$/.test(level) ? level.toLowerCase() : 'calm'
    const at = `x="${px(left)}" width="${px(width)}"`
    parts.push(
      `<rect class="band ${colour}" ${at} y="${top}" height="${STRIP}"><title>${escaped(level)} ${clockOf(fromS)}–${clockOf(toS)}</title></rect>`,
    )
    if (colour !== 'calm')
      parts.push(
        `<rect class="tint ${colour}" ${at} y="${top + STRIP + GAP}" height="${bottom - top - STRIP - GAP}"/>`,
      )
    if (width > level.length * 8 + 8)
      parts.push(
        `<text class="on-band" x="${px(left + width / 2)}" y="${top + 13}" text-anchor="middle" font-size="11">${escaped(level)}</text>`,
      )
  }
  return parts.join('\n')
}

function timeAxis(endS: number, x: (atS: number) => number, top: number, bottom: number): string {
  const stepS = timeStepS(endS, TICKS_X)
  const parts: string[] = []
  for (let atS = 0; atS <= endS; atS += stepS) {
    parts.push(`<path class="grid" d="M${px(x(atS))} ${top}V${bottom}"/>`)
    parts.push(`<text x="${px(x(atS))}" y="${bottom + 17}" text-anchor="middle">${clockOf(atS)}</text>`)
  }
  return parts.join('\n')
}

function panelSvg(panel: Panel, points: readonly Point[], x: (atS: number) => number, top: number): string {
  const { title, height, unit, series, bound } = panel
  const bottom = top + height
  const most = Math.max(1, bound?.value ?? 0, ...series.flatMap(({ of }) => points.map(of)))
  const step = tickStep(most, TICKS_Y)
  const max = Math.ceil(most / step) * step
  const y = (value: number): number => bottom - (height * value) / max

  const parts = [`<text class="panel" x="${LEFT}" y="${top - 11}">${escaped(title)}</text>`]
  for (let value = 0; value <= max * 1.000_001; value += step) {
    const at = px(y(value))
    parts.push(`<path class="${value === 0 ? 'base' : 'grid'}" d="M${LEFT} ${at}H${LEFT + PLOT}"/>`)
    parts.push(
      `<text x="${LEFT - 10}" y="${px(y(value) + 4)}" text-anchor="end">${shortNumber(value)}</text>`,
    )
  }
  const labels: Label[] = []
  if (bound !== undefined) {
    parts.push(`<path class="bound" d="M${LEFT} ${px(y(bound.value))}H${LEFT + PLOT}"/>`)
    labels.push({ mark: 'bound', text: `${bound.name}: ${shortNumber(bound.value)}/s` })
  }
  for (const { name, kind, colour, of } of series) {
    const d = points
      .map((point, i) => `${i === 0 ? 'M' : 'L'}${px(x(point.atS))} ${px(y(of(point)))}`)
      .join('')
    const [first, last] = [points[0], points.at(-1)]
    if (first === undefined || last === undefined) continue
    if (kind === 'area')
      parts.push(
        `<path class="fill ${colour}" d="${d}L${px(x(last.atS))} ${bottom}L${px(x(first.atS))} ${bottom}Z"/>`,
      )
    parts.push(`<path class="${kind === 'thin' ? 'thin' : 'line'} ${colour}" d="${d}"/>`)
    const peak = Math.max(...points.map(of))
    const shape = kind === 'area' ? 'fill' : kind
    labels.push({ mark: `${shape} ${colour}`, text: `${name}, peak ${shortNumber(peak)}${unit}` })
  }
  return [...parts, ...labels.map((label, i) => labelSvg(label, top + 5 + i * LABEL_GAP))].join('\n')
}

/** A line of a panel's legend, which stands beside it. */
interface Label {
  /** How it is drawn, as a class. */
  readonly mark: string
  readonly text: string
}

const labelSvg = ({ mark, text }: Label, y: number): string => {
  const left = LEFT + PLOT + 16
  const isArea = mark.startsWith('fill')
  const shape = isArea
    ? `<rect class="${mark}" x="${left}" y="${px(y - 5)}" width="18" height="10"/>`
    : `<path class="${mark}" d="M${left} ${px(y)}h18"/>`
  return `${shape}<text class="ink" x="${left + 26}" y="${px(y + 4)}">${escaped(text)}</text>`
}

const px = (value: number): string => String(Math.round(value * 10) / 10)

export const escaped = (text: string): string =>
  text.replace(
    /[&<>"]/g,
    found => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[found] as string,
  )

/** Blue and vermilion differ for every kind of colour vision, and in lightness; greys carry what is only context. */
const LIGHT = {
  ground: '#ffffff',
  ink: '#1d2430',
  soft: '#667085',
  grid: '#e7eaef',
  base: '#aab2bf',
  offered: '#8b95a5',
  refused: '#b3261e',
  arrived: '#667085',
  admitted: '#0067b1',
  goodput: '#d55e00',
  waiting: '#7a5195',
  calm: '#e3f1e8',
  busy: '#fbe9a9',
  surge: '#f6bd7b',
  shed: '#e58a84',
}
const DARK: typeof LIGHT = {
  ground: '#12161d',
  ink: '#e6e9ef',
  soft: '#98a2b3',
  grid: '#232a35',
  base: '#475467',
  offered: '#7d8898',
  refused: '#ff8a80',
  arrived: '#98a2b3',
  admitted: '#56b4e9',
  goodput: '#ff9a4d',
  waiting: '#b794d4',
  calm: '#1d3327',
  busy: '#5b4c12',
  surge: '#7a4a14',
  shed: '#7d2a26',
}

const variables = (colours: typeof LIGHT): string =>
  `svg{${Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';')}}`

const COLOURED = ['offered', 'refused', 'arrived', 'admitted', 'goodput', 'waiting', 'soft']
  .map(name => `.line.${name},.thin.${name}{stroke:var(--${name})}.fill.${name}{fill:var(--${name})}`)
  .join('')
const LEVELS = ['calm', 'busy', 'surge', 'shed'].map(name => `.${name}{fill:var(--${name})}`).join('')

const STYLE = `${variables(LIGHT)}@media (prefers-color-scheme:dark){${variables(DARK)}}
text{fill:var(--soft)}.title{fill:var(--ink);font-size:20px;font-weight:600}.panel{fill:var(--ink);font-weight:600;font-size:13px}
.ink,.on-band{fill:var(--ink)}.ground{fill:var(--ground)}.grid{stroke:var(--grid)}.base{stroke:var(--base)}
.line,.thin,.grid,.base,.bound{fill:none}.line{stroke-width:2;stroke-linejoin:round}.thin{stroke-width:1.5;stroke-dasharray:2 3}
.bound{stroke:var(--soft);stroke-dasharray:6 4}.fill{fill-opacity:.3}.tint{opacity:.22}${COLOURED}${LEVELS}`
