import type { Random } from './seeded.ts'

/** How arrivals spread over a replay: how many come at a moment, of any unit, between moments linearly. */
export type Shape = readonly (readonly [at: number, intensity: number])[]

export const FLAT: Shape = [
  [0, 1],
  [1, 1],
]

/**
 * The day of the incident in minutes, nine hours of it, as arrivals beside their mean. What is public: 10 million orders
 * in nine hours, 309 a second on average; 50,000 free-order cards meant for six hours were gone in eight minutes, so that
 * more came than were served, and the first hour had many times the mean. What is assumed between those points: everybody
 * comes within two minutes, nine times the mean (2,750 a second of 10 million) until the cards are gone, and then the
 * news spreads them: 45 % of the day come in its first hour.
 */
export const INCIDENT: Shape = [
  [0, 1],
  [2, 12],
  [8, 12],
  [20, 5],
  [60, 2],
  [180, 0.8],
  [540, 0.5],
]

/** `count` instants in the order of time, from 0 to `durationMs`, spread by the shape, each independent of the others. */
export class Arrivals {
  readonly durationMs: number
  readonly #curve: Curve
  readonly #random: Random
  #left: number
  /** How much of all arrivals lies before the last one that was drawn. */
  #passed = 0

  /** @throws RangeError for a shape that does not go on in time, or at which nobody comes. */
  constructor(shape: Shape, durationMs: number, count: number, random: Random) {
    this.durationMs = durationMs
    this.#curve = curveOf(shape)
    this.#left = count
    this.#random = random
  }

  /** Milliseconds since the start; Infinity: all have come. */
  next(): number {
    if (this.#left === 0) return Number.POSITIVE_INFINITY
    // The smallest of so many numbers that are spread evenly over what is left.
    this.#passed += (1 - this.#passed) * (1 - (1 - this.#random()) ** (1 / this.#left))
    this.#left--
    return this.#curve.at(this.#passed) * this.durationMs
  }
}

interface Curve {
  /** Where in time, from 0 to 1, this part of all has come. */
  at(part: number): number
}

function curveOf(shape: Shape): Curve {
  const [first, last] = [shape[0], shape.at(-1)]
  const isShape =
    first !== undefined &&
    last !== undefined &&
    shape.every(([at, intensity], index) => intensity >= 0 && (index === 0 || at > shape[index - 1]![0]))
  const spanOf = (index: number): number => shape[index + 1]![0] - shape[index]![0]
  /** Of everything before each point. */
  const areas = [0]
  for (let index = 0; isShape && index + 1 < shape.length; index++) {
    areas.push(areas[index]! + ((shape[index]![1] + shape[index + 1]![1]) / 2) * spanOf(index))
  }
  const whole = areas.at(-1)!
  if (!isShape || !(whole > 0)) {
    throw new RangeError(`expected a shape whose points follow one another, got ${JSON.stringify(shape)}`)
  }
  return {
    at(part) {
      const area = part * whole
      let index = 0
      while (index + 2 < areas.length && areas[index + 1]! < area) index++
      const [at, from] = shape[index]!
      const rise = (shape[index + 1]![1] - from) / spanOf(index)
      const rest = Math.max(0, area - areas[index]!)
      // rest = from · t + rise · t² / 2, solved in the form that has no difference of nearly equal numbers.
      const root = Math.sqrt(Math.max(0, from * from + 2 * rise * rest))
      const t = from + root === 0 ? 0 : (2 * rest) / (from + root)
      return (at + Math.min(t, spanOf(index)) - first[0]) / (last[0] - first[0])
    },
  }
}
