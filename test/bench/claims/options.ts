import { parseArgs } from 'node:util'

/** What the bench is made of. */
export const PARTS = ['P4', 'callers', 'batches', 'function'] as const
export type PartName = (typeof PARTS)[number]

export interface ClaimsOptions {
  readonly only: ReadonlySet<PartName>
  readonly rounds: number
  /** Of a window, beside a third of it to warm up. */
  readonly seconds: number
  readonly callers: readonly number[]
  readonly batches: readonly number[]
  /** Whether everything is measured at full length: that is what is published. */
  readonly isWhole: boolean
}

const ROUNDS = 3
const ROUNDS_MAX = 99
const SECONDS = 6
const CALLERS = [1, 8, 64, 256, 1_024] as const
const BATCHES = [1, 16, 64, 256, 512] as const

export const USAGE: string = `npm run bench -- claims [--only ${PARTS.join(',')}] [--rounds N] [--quick]

  --only A,B   some of the parts, default all of them
  --rounds N   how often each is measured, default ${ROUNDS}; the tables show medians
  --quick      one round of short windows and few of them: shows that everything runs; its figures mean little`

/** @throws Error that says what was expected. */
export function readOptions(argv: readonly string[]): ClaimsOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: { only: { type: 'string' }, rounds: { type: 'string' }, quick: { type: 'boolean' } },
  })
  const { quick: isQuick = false } = values
  const rounds = values.rounds === undefined ? (isQuick ? 1 : ROUNDS) : Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX)
    throw new Error(`expected --rounds to be 1 to ${ROUNDS_MAX}, got ${JSON.stringify(values.rounds)}`)
  const only = values.only === undefined ? PARTS : values.only.split(',').map(partOf)
  return {
    only: new Set(only),
    rounds,
    seconds: isQuick ? 2 : SECONDS,
    callers: isQuick ? [1, 64] : CALLERS,
    batches: isQuick ? [1, 256] : BATCHES,
    isWhole: !isQuick && only.length === PARTS.length,
  }
}

function partOf(text: string): PartName {
  const part = PARTS.find(name => name === text)
  if (part === undefined)
    throw new Error(`expected --only to name ${PARTS.join(', ')}, got ${JSON.stringify(text)}`)
  return part
}
