import { parseArgs } from 'node:util'

/** What the bench is made of. */
export const PARTS = ['P6', 'curve', 'payment'] as const
export type PartName = (typeof PARTS)[number]

export interface OverloadOptions {
  readonly only: ReadonlySet<PartName>
  readonly rounds: number
  /** For which shoppers come, at each point of the curve and to pay. */
  readonly seconds: number
  /** For which the crowd of P6 comes. */
  readonly drainSeconds: number
  /** Offered load, as multiples of what the service works off. */
  readonly multiples: readonly number[]
  /** With the surge layer, without it. */
  readonly layers: readonly boolean[]
  /** Whether everything is measured at full length: that is what is published. */
  readonly isWhole: boolean
}

const ROUNDS = 3
const ROUNDS_MAX = 99
const SECONDS = 30
const SECONDS_MIN = 4
const SECONDS_MAX = 3_600
const DRAIN_SECONDS = 10
const DRAIN_SECONDS_QUICK = 1
const MULTIPLES = [0.5, 1, 2, 5, 10, 20] as const
const MULTIPLE_MAX = 100

export const USAGE: string = `npm run bench -- overload [--only ${PARTS.join(',')}] [--rounds N] [--seconds N] [--multiples A,B] [--layer on|off] [--quick]

  --only A,B       some of the parts, default all of them
  --rounds N       how often each is measured, default ${ROUNDS}; the tables show medians
  --seconds N      for how long shoppers come at each point of the curve, default ${SECONDS}
  --multiples A,B  offered load as multiples of the service's rate, default ${MULTIPLES.join(',')}
  --layer on|off   with or without the surge layer only, default both
  --quick          one short round: shows that everything runs; its figures mean little

  20 times the load for ten minutes: --only curve --multiples 20 --seconds 600 --rounds 1 --layer on`

/** @throws Error that says what was expected. */
export function readOptions(argv: readonly string[]): OverloadOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      multiples: { type: 'string' },
      layer: { type: 'string' },
      quick: { type: 'boolean' },
    },
  })
  const { quick: isQuick = false, layer } = values
  const number = (
    name: string,
    text: string | undefined,
    fallback: number,
    min: number,
    max: number,
  ): number => {
    const value = text === undefined ? fallback : Number(text)
    if (text !== '' && value >= min && value <= max) return value
    throw new Error(`expected --${name} to be ${min} to ${max}, got ${JSON.stringify(text)}`)
  }
  const rounds = number('rounds', values.rounds, isQuick ? 1 : ROUNDS, 1, ROUNDS_MAX)
  if (!Number.isInteger(rounds)) throw new Error(`expected --rounds to be a whole number, got ${rounds}`)
  const only = values.only === undefined ? PARTS : values.only.split(',').map(partOf)
  if (layer !== undefined && layer !== 'on' && layer !== 'off')
    throw new Error(`expected --layer to be on or off, got ${JSON.stringify(layer)}`)
  const multiples =
    values.multiples?.split(',').map(text => number('multiples', text, 1, 0.01, MULTIPLE_MAX)) ??
    (isQuick ? [1, 5] : MULTIPLES)
  return {
    only: new Set(only),
    rounds,
    seconds: number('seconds', values.seconds, isQuick ? SECONDS_MIN : SECONDS, SECONDS_MIN, SECONDS_MAX),
    drainSeconds: isQuick ? DRAIN_SECONDS_QUICK : DRAIN_SECONDS,
    multiples,
    layers: layer === undefined ? [true, false] : [layer === 'on'],
    isWhole:
      !isQuick &&
      only.length === PARTS.length &&
      layer === undefined &&
      values.multiples === undefined &&
      values.seconds === undefined,
  }
}

function partOf(text: string): PartName {
  const part = PARTS.find(name => name === text)
  if (part === undefined)
    throw new Error(`expected --only to name ${PARTS.join(', ')}, got ${JSON.stringify(text)}`)
  return part
}
