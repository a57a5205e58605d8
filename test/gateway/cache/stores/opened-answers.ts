import { pino } from 'pino'
import type { Entry } from '../../../../gateway/cache/entry.ts'
import type { AnswerStore, AnswersBounds } from '../../../../gateway/cache/stores/answers.ts'
import { openStores, type Stores } from '../../../../gateway/cache/stores/stores.ts'
import type { RedisClient } from '../../../../gateway/redis/redis-connection.ts'
import type { FleetMember } from '../tags/fleet-of-tags.ts'

const BOUNDS: AnswersBounds = {
  entriesMax: 10_000,
  bytesMax: 100_000_000,
  entryBytesMax: 100_000,
  sharedBytesMax: 1_000_000,
  compressBytesMin: 4_096,
}

export interface OpenedAnswers extends FleetMember {
  readonly answers: AnswerStore
  readonly stores: Stores
  /** What was logged. */
  readonly lines: string[]
  readonly errors: unknown[]
}

export interface OpenedAnswersOptions {
  readonly member: FleetMember
  readonly redis?: RedisClient | undefined
  readonly memory?: boolean
  readonly isStretched?: () => boolean
  readonly bounds?: Partial<AnswersBounds>
  /** Default: longer than any machine is busy. */
  readonly waitMsMax?: number
}

/** One gateway's. */
export function openAnswers({
  member,
  redis,
  memory = true,
  isStretched,
  bounds,
  waitMsMax = 20_000,
}: OpenedAnswersOptions): OpenedAnswers {
  const lines: string[] = []
  const errors: unknown[] = []
  const stores = openStores({
    redis,
    waitMsMax,
    answers: { ...member, bounds: { ...BOUNDS, ...bounds }, memory, isStretched },
    logger: pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line).msg) }),
    onError: error => void errors.push(error),
  })
  return { ...member, answers: stores.answers!, stores, lines, errors }
}

/** Asked for now; fresh for a second, stale for nine more. */
export function entryOf({ tags }: FleetMember, value: unknown, more: Partial<Entry> = {}): Entry {
  const born = tags.now()
  return {
    value,
    born,
    freshUntilMs: born.atMs + 1_000,
    staleUntilMs: born.atMs + 10_000,
    stretchedUntilMs: born.atMs + 10_000,
    tags: ['Campaign', 'Campaign:spring'],
    bytes: 100,
    ...more,
  }
}
