import type { Logger } from 'pino'
import { ANONYMOUS, type Caller } from '../protocol/caller.ts'
import { deadlineIn, nowMs } from '../protocol/deadline.ts'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import type { FieldLimit } from './cost/field-limits.ts'
import type { CompiledLimit } from './cost/field-limits-compile.ts'
import type { Variables } from './execution/variables.ts'
import { type LineStatus, lineStatusIn } from './status-answer.ts'
import type { StatusOperation } from './status-operation.ts'
import { DEFAULT_LINE_TERMS, type Turn } from './surge/lines.ts'

/** A limited field's requests for one value of the argument that the limit is kept by. */
export interface Line {
  /** Its bucket's. */
  readonly key: string
  readonly coordinate: string
  readonly value: unknown
  /** The last answer; `undefined`: there was none yet, or none that tells. */
  readonly status: LineStatus | undefined
  /** How often no answer came. */
  readonly failures: number
  /** Whose places are kept, of all gateways, when this one last heard of it. */
  readonly waiting: number
}

export interface LineStatuses {
  /**
   * What is known of a line; `undefined`: nothing, or its limit names no status. Whoever looks keeps the line live.
   * @param key `limited.keyOf` of the same variables.
   */
  statusOf(limited: CompiledLimit, key: string, variables: Variables): LineStatus | undefined
  /** A turn that somebody was given: a line with places stays live until the last of them may have been used. */
  turned(key: string, turn: Turn): void
  /** Those that are live. */
  readonly lines: readonly Line[]
  /** Questions asked, and those that brought no answer, since the start. */
  readonly asked: number
  readonly failed: number
  close(): void
}

export interface LineStatusOptions {
  /** Read at every question: a new graph's operations and clients serve the lines that there are. */
  readonly graph: {
    readonly current: {
      readonly statusOperations: ReadonlyMap<string, StatusOperation>
      readonly clients: ReadonlyMap<string, SubgraphClient>
    }
  }
  readonly logger: Logger
  /** Told of each answer. */
  readonly onStatus?: (limit: FieldLimit, key: string, status: LineStatus) => void
  /** How long a place may be used. Default: {@link DEFAULT_LINE_TERMS}'s. */
  readonly graceMs?: number
  /** Defaults: {@link ASK_EVERY_MS}, {@link LIVE_MS}, {@link LINES_MAX}. */
  readonly askEveryMs?: number
  readonly liveMs?: number
  readonly linesMax?: number
}

/** Less than a second by what an answer takes: a pause is to be known within a second. */
const ASK_EVERY_MS = 750
const ASK_MS_MAX = 1_000
/** A line that nobody has asked for so long is forgotten. */
const LIVE_MS = 10_000
/** Of those of which nothing is known, if there are any, the one that was asked for longest ago makes room. */
const LINES_MAX = 100
const VALUE_CHARACTERS_MAX = 256

/** Whoever asks without a token sees the same. */
const ASKER: Caller = Object.freeze({ ...ANONYMOUS, client: 'gateway' })

interface LiveLine extends Line {
  readonly limit: FieldLimit
  status: LineStatus | undefined
  failures: number
  waiting: number
  seenMs: number
  /** The last place's time is over; put off by as long as the line is paused. */
  placesUntilMs: number
  isAsking: boolean
}

/**
 * Asks, for every live line, the persisted query that its limit names, again and again: the gateway learns that a line
 * is paused or has come to its end without knowing what it hands out. Each gateway asks for itself, so that none needs
 * another, nor Redis. When no answer comes, the last one holds.
 */
export function createLineStatuses(options: LineStatusOptions): LineStatuses {
  const { graph, logger, onStatus, graceMs = DEFAULT_LINE_TERMS.graceMs } = options
  const { askEveryMs = ASK_EVERY_MS, liveMs = LIVE_MS, linesMax = LINES_MAX } = options
  const lines = new Map<string, LiveLine>()
  let asked = 0
  let failed = 0
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  function begin({ limit }: CompiledLimit, key: string, value: unknown): LiveLine {
    const isFull = lines.size >= linesMax
    if (isFull) lines.delete(mostIdle(lines.values()))
    const line: LiveLine = {
      key,
      coordinate: limit.coordinate,
      value,
      status: undefined,
      failures: 0,
      waiting: 0,
      limit,
      seenMs: nowMs(),
      placesUntilMs: Number.NEGATIVE_INFINITY,
      isAsking: false,
    }
    lines.set(key, line)
    timer ??= setInterval(askAll, askEveryMs).unref()
    // Whoever makes up values must not make the gateway ask as often.
    if (!isFull) void ask(line)
    return line
  }

  function askAll(): void {
    const now = nowMs()
    for (const line of lines.values()) {
      if (line.status?.isPaused && line.placesUntilMs > now) line.placesUntilMs += askEveryMs
      if (line.seenMs < now - liveMs && line.placesUntilMs < now) lines.delete(line.key)
      else if (!line.isAsking) void ask(line)
    }
    if (lines.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  async function ask(line: LiveLine): Promise<void> {
    const { statusOperations, clients } = graph.current
    const status = statusOperations.get(line.limit.id)
    // The limit, or its status, went with the graph that it was of.
    if (status === undefined) {
      lines.delete(line.key)
      return
    }
    line.isAsking = true
    asked++
    try {
      const { compiled } = status.operation
      const given = status.variable === undefined ? {} : { [status.variable]: line.value }
      const { data, errors } = await compiled.execute({
        variables: compiled.coerceVariables(given),
        caller: ASKER,
        deadlineMs: deadlineIn(ASK_MS_MAX),
        priority: 'OPERATE',
        clients,
      })
      if (errors.length > 0) throw errors[0]
      line.status = lineStatusIn(data)
      if (line.status !== undefined) onStatus?.(line.limit, line.key, line.status)
      line.failures = 0
    } catch (error) {
      failed++
      // Made-up values fail from the first time on.
      const level = line.failures++ === 0 && line.status !== undefined ? 'warn' : 'debug'
      logger[level]({ line: line.key, reason: (error as Error).message }, 'status of a line not known')
    } finally {
      line.isAsking = false
    }
  }

  return {
    statusOf(limited, key, variables) {
      if (limited.limit.status === undefined || isClosed) return undefined
      let line = lines.get(key)
      if (line === undefined) {
        const value = limited.readValue(variables)
        if (limited.limit.by !== undefined && !isAskable(value)) return undefined
        line = begin(limited, key, value)
      }
      line.seenMs = nowMs()
      return line.status
    },
    turned(key, turn) {
      const line = lines.get(key)
      if (line === undefined) return
      line.waiting = turn.waiting
      if (turn.kind === 'admitted') countOut(line)
      if (turn.kind === 'kept')
        line.placesUntilMs = Math.max(line.placesUntilMs, nowMs() + turn.retryAfterMs + graceMs)
    },
    get lines() {
      return [...lines.values()].map(({ key, coordinate, value, status, failures, waiting }) => ({
        key,
        coordinate,
        value,
        status,
        failures,
        waiting,
      }))
    },
    get asked() {
      return asked
    },
    get failed() {
      return failed
    },
    close() {
      isClosed = true
      clearInterval(timer)
      timer = undefined
      lines.clear()
    },
  }
}

/**
 * Until its owner says so itself one fewer is left: places are promised for no more. That nothing is left only the owner
 * knows, for some come for what they have already.
 */
function countOut(line: LiveLine): void {
  const { status } = line
  if (status === undefined || status.isPaused || status.remaining <= 1) return
  line.status = { ...status, remaining: status.remaining - 1 }
}

/** Nothing is known by a longer name, and lines are kept. */
const isAskable = (value: unknown): boolean =>
  typeof value === 'string' ? value.length <= VALUE_CHARACTERS_MAX : typeof value === 'number'

/** Values that somebody made up have no status: they make room for one another, never those lines that are braked. */
function mostIdle(lines: Iterable<LiveLine>): string {
  let found: LiveLine | undefined
  for (const line of lines) if (found === undefined || isIdler(line, found)) found = line
  return found?.key ?? ''
}

function isIdler(line: LiveLine, than: LiveLine): boolean {
  const isUnknown = line.status === undefined
  return isUnknown === (than.status === undefined) ? line.seenMs < than.seenMs : isUnknown
}
