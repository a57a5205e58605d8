import { parseArgs } from 'node:util'
import { WORKLOADS } from './variants.ts'

/** Beside the workloads, what is measured in ways of its own. */
export const PARTS = ['latency', 'plan', 'memory'] as const

export interface Chosen {
  readonly rounds: number
  /** Names of workloads and parts. */
  readonly only: ReadonlySet<string>
  /** Short windows and few repetitions: shows that everything runs, and nothing else. */
  readonly isQuick: boolean
  /** Of workloads, only variants whose names contain this, in any case. */
  readonly variant: string
  /** Whether the gateways write processor profiles. */
  readonly isProfiled: boolean
  /** Whether everything is measured, without anything that disturbs it. */
  readonly isWhole: boolean
}

const NAMES: readonly string[] = [...WORKLOADS.map(({ name }) => name), ...PARTS]
const ROUNDS = 3
const ROUNDS_MAX = 99

export const usageOf = (
  bench: string,
  names: readonly string[] = NAMES,
): string => `npm run bench -- ${bench} [--rounds N] [--only ${names.join(',')}] [--variant TEXT] [--quick] [--profile]

  --rounds N   how often each variant is measured, default ${ROUNDS}; the tables show medians
  --only A,B   some of the parts, default all of them
  --variant T  of the workloads, only variants whose names contain T
  --quick      one round of short windows: shows that everything runs; its figures mean little
  --profile    Node's processor profiles of the gateways under test/bench/results/profiles; they cost a little`

/** @param names of what can be measured. @throws Error that says what was expected. */
export function readArguments(argv: readonly string[], names: readonly string[] = NAMES): Chosen {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      variant: { type: 'string' },
      quick: { type: 'boolean' },
      profile: { type: 'boolean' },
    },
  })
  const { rounds: given, only, variant = '', quick: isQuick = false, profile: isProfiled = false } = values
  const rounds = given === undefined ? (isQuick ? 1 : ROUNDS) : Number(given)
  if (!Number.isSafeInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new Error(`expected --rounds to be 1 to ${ROUNDS_MAX}, got ${given}`)
  }
  const chosen = only === undefined ? names : only.split(',')
  const unknown = chosen.find(name => !names.includes(name))
  if (unknown !== undefined) throw new Error(`expected --only to name ${names.join(', ')}, got ${unknown}`)
  return {
    rounds,
    only: new Set(chosen),
    variant: variant.toLowerCase(),
    isQuick,
    isProfiled,
    isWhole: names.every(name => chosen.includes(name)) && variant === '' && !isQuick && !isProfiled,
  }
}
