import type { Second } from './figures.ts'

/** Some seconds of a replay as one point of the chart: means of rates, the most that waited. */
export interface Point {
  /** The middle of them, since the start. */
  readonly atS: number
  readonly offered: number
  readonly arrived: number
  readonly admitted: number
  readonly goodput: number
  readonly refused: number
  readonly waiting: number
}

/** A stretch of one level, from its first second to the one after its last. */
export interface LevelBand {
  readonly level: string
  readonly fromS: number
  readonly toS: number
}

/** Seconds a point; round numbers, so that a point can be spoken of. */
const WIDTHS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600]

/** How many seconds go into a point, that there be at most so many. */
export function pointWidthS(seconds: number, pointsMax: number): number {
  return WIDTHS_S.find(widthS => seconds / widthS <= pointsMax) ?? Math.ceil(seconds / pointsMax)
}

export function thinned(seconds: readonly Second[], widthS: number): Point[] {
  const points: Point[] = []
  for (let from = 0; from < seconds.length; from += widthS) {
    const group = seconds.slice(from, from + widthS)
    // The last second of a replay is only begun, and a rate of what is left of a group would be a drop that was none.
    const mean = (of: (second: Second) => number): number =>
      group.reduce((sum, second) => sum + of(second), 0) / group.length
    points.push({
      atS: group[0]!.atS + group.length / 2,
      offered: mean(({ offered }) => offered),
      arrived: mean(({ arrived }) => arrived),
      admitted: mean(({ admitted }) => admitted),
      goodput: mean(({ goodput }) => goodput),
      refused: mean(({ refused }) => refused),
      waiting: Math.max(...group.map(({ waiting }) => waiting)),
    })
  }
  return points
}

/** Seconds that nobody was told the level of have none. */
export function levelBands(seconds: readonly Second[]): LevelBand[] {
  const bands: LevelBand[] = []
  for (const { atS, level } of seconds) {
    if (level === undefined) continue
    const last = bands.at(-1)
    if (last?.level === level && last.toS === atS) bands[bands.length - 1] = { ...last, toS: atS + 1 }
    else bands.push({ level, fromS: atS, toS: atS + 1 })
  }
  return bands
}

/** The step between ticks of an axis: 1, 2 or 5 of a power of ten, so that there are at most so many. */
export function tickStep(max: number, ticksMax: number): number {
  const rough = Math.max(max, Number.MIN_VALUE) / ticksMax
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 5, 10].find(candidate => candidate * power >= rough * 0.999_999) ?? 10
  return factor * power
}

const TIME_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400]

export function timeStepS(maxS: number, ticksMax: number): number {
  return TIME_STEPS_S.find(stepS => maxS / stepS <= ticksMax) ?? Math.ceil(maxS / ticksMax / 14_400) * 14_400
}

/** `0:05`, `12:00`, `1:30:00`. */
export function clockOf(seconds: number): string {
  const whole = Math.round(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  const hours = Math.floor(whole / 3_600)
  const minutes = Math.floor((whole % 3_600) / 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

/** `950`, `1.2k`, `12k`, `3.4M`. */
export function shortNumber(value: number): string {
  for (const [unit, of] of [
    ['M', 1_000_000],
    ['k', 1_000],
  ] as const) {
    // What would be rounded up to the next unit is shown in it.
    if (Math.abs(value) >= of * 0.9995) return `${trimmed(value / of)}${unit}`
  }
  return trimmed(value)
}

const trimmed = (value: number): string => {
  const digits = Math.abs(value) >= 99.95 ? 0 : 1
  return value.toFixed(digits).replace(/\.0$/, '')
}
