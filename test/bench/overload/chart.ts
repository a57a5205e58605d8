import { median } from '../gateway/table.ts'
import { type CurveSample, goodputOf, type OverloadResults } from './results.ts'

/** One figure of the curve, with the surge layer and without. */
interface Panel {
  readonly title: string
  readonly unit: string
  readonly isLogarithmic: boolean
  readonly figureOf: (sample: CurveSample) => number
  /** Drawn across. */
  readonly mark?: { readonly at: number; readonly label: string }
}

const WIDTH = 1_000
const HEIGHT = 740
const PANEL = { width: 360, height: 210 }
const LEFTS = [70, 560] as const
const TOPS = [140, 450] as const
const LAYERS = [
  { isOn: true, name: 'with', className: 'on' },
  { isOn: false, name: 'without', className: 'off' },
] as const

const STYLE = `
  svg { font: 13px system-ui, sans-serif; background: #fff; }
  text { fill: #333; } .faint { fill: #777; } .title { font-size: 18px; font-weight: 600; } .name { font-weight: 600; }
  .axis { stroke: #bbb; } .grid { stroke: #e8e8e8; } .mark { stroke: #777; stroke-dasharray: 4 4; }
  .line { fill: none; stroke-width: 2.5; } .on .line { stroke: #0072b2; } .off .line { stroke: #d55e00; }
  .on circle, .on text { fill: #0072b2; } .off circle, .off text { fill: #d55e00; }
  @media (prefers-color-scheme: dark) {
    svg { background: #16181c; } text { fill: #ddd; } .faint { fill: #999; } .axis { stroke: #555; } .grid { stroke: #2a2d33; }
    .on .line { stroke: #56b4e9; } .off .line { stroke: #e69f00; }
    .on circle, .on text { fill: #56b4e9; } .off circle, .off text { fill: #e69f00; }
  }`

/** The curve as one SVG that stands by itself. */
export function chartOf({ curve, serviceRate, seconds }: OverloadResults): string {
  const multiples = [...new Set(curve.map(({ multiple }) => multiple))].sort((a, b) => a - b)
  const panels: readonly Panel[] = [
    {
      title: 'Goodput',
      unit: 'coupons/s',
      isLogarithmic: false,
      figureOf: ({ seen }) => goodputOf(seen),
      mark: { at: serviceRate, label: 'what the service works off' },
    },
    {
      title: 'Wait of an admitted claim, p99',
      unit: 'ms',
      isLogarithmic: true,
      figureOf: ({ seen }) => seen.admitted?.p99 ?? Number.NaN,
    },
    {
      title: 'Requests, comings back included',
      unit: 'requests/s',
      isLogarithmic: true,
      figureOf: ({ seen }) => seen.requests / seen.seconds,
    },
    {
      title: 'Memory of the gateway, at most',
      unit: 'MB resident',
      isLogarithmic: false,
      figureOf: ({ borne }) => Math.max(...borne.rssBytesMax) / 2 ** 20,
    },
  ]
  const drawn = panels.map((panel, index) =>
    draw(panel, curve, multiples, LEFTS[index % 2]!, TOPS[index >> 1]!),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="Overload with and without the surge layer">
<style>${STYLE}</style>
<text class="title" x="${LEFTS[0]}" y="36">More shoppers than the service can bear</text>
<text class="faint" x="${LEFTS[0]}" y="58">New shoppers for ${seconds} s at multiples of ${serviceRate} claims/s; each comes back when it is told, or after a second</text>
<g class="on"><text x="${LEFTS[0]}" y="84">with the surge layer: limit, kept places, levels</text></g><g class="off"><text x="${LEFTS[0] + 330}" y="84">without it</text></g>
${drawn.join('\n')}
</svg>
`
}

function draw(
  { title, unit, isLogarithmic, figureOf, mark }: Panel,
  curve: readonly CurveSample[],
  multiples: readonly number[],
  left: number,
  top: number,
): string {
  const lines = LAYERS.map(layer => ({
    ...layer,
    points: multiples.flatMap((multiple, index) => {
      const values = curve
        .filter(
          one => one.multiple === multiple && one.isOn === layer.isOn && one.borne.voidReason === undefined,
        )
        .map(figureOf)
        .filter(value => value > 0)
      return values.length === 0 ? [] : [{ index, value: median(values) }]
    }),
  }))
  const values = [
    ...lines.flatMap(({ points }) => points.map(({ value }) => value)),
    ...(mark ? [mark.at] : []),
  ]
  if (values.length === 0) return `<text x="${left}" y="${top}">${title}: no run that is not void</text>`
  const ticks = ticksOf(Math.min(...values), Math.max(...values), isLogarithmic)
  const [least, most] = [ticks[0]!, ticks.at(-1)!]
  const part = (value: number): number =>
    isLogarithmic ? Math.log(value / least) / Math.log(most / least) : (value - least) / (most - least)
  const x = (index: number): number =>
    left + 20 + (index * (PANEL.width - 40)) / Math.max(1, multiples.length - 1)
  const y = (value: number): number => top + PANEL.height - part(value) * PANEL.height
  const at = (value: number): string => value.toFixed(1)
  return [
    `<text class="name" x="${left}" y="${top - 14}">${title} <tspan class="faint" font-weight="400">${unit}</tspan></text>`,
    ...ticks.map(
      tick =>
        `<line class="grid" x1="${left}" x2="${left + PANEL.width}" y1="${at(y(tick))}" y2="${at(y(tick))}"/><text class="faint" text-anchor="end" x="${left - 8}" y="${at(y(tick) + 4)}">${shown(tick)}</text>`,
    ),
    ...multiples.map(
      (multiple, index) =>
        `<text class="faint" text-anchor="middle" x="${at(x(index))}" y="${top + PANEL.height + 20}">${multiple}×</text>`,
    ),
    `<line class="axis" x1="${left}" x2="${left + PANEL.width}" y1="${top + PANEL.height}" y2="${top + PANEL.height}"/>`,
    mark === undefined
      ? ''
      : `<line class="mark" x1="${left}" x2="${left + PANEL.width}" y1="${at(y(mark.at))}" y2="${at(y(mark.at))}"/><text class="faint" x="${left + 4}" y="${at(y(mark.at) - 6)}">${mark.label}</text>`,
    ...lines.map(({ className, name, points }) => {
      const last = points.at(-1)
      if (last === undefined) return ''
      // Where both end at nearly the same height, the names still stand apart.
      const other = lines.find(line => line.className !== className)?.points.at(-1)
      const isClose = other !== undefined && Math.abs(y(other.value) - y(last.value)) < 16
      const shift = isClose ? (last.value >= other.value ? -10 : 18) : 4
      return `<g class="${className}"><polyline class="line" points="${points.map(one => `${at(x(one.index))},${at(y(one.value))}`).join(' ')}"/>${points.map(one => `<circle cx="${at(x(one.index))}" cy="${at(y(one.value))}" r="3.5"/>`).join('')}<text x="${at(x(last.index) + 8)}" y="${at(y(last.value) + shift)}">${name}</text></g>`
    }),
  ].join('\n')
}

/** From below the least to above the most, round and few. */
function ticksOf(least: number, most: number, isLogarithmic: boolean): number[] {
  if (isLogarithmic) {
    const from = Math.floor(Math.log10(least))
    const to = Math.max(from + 1, Math.ceil(Math.log10(most)))
    return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index))
  }
  const rough = most / 4
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map(one => one * unit).find(one => one >= rough)!
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step)
}

const shown = (value: number): string => (value >= 1 ? value.toLocaleString('en') : `${value}`)
