import { randomBytes } from 'node:crypto'
import type { RedisClient } from '../redis/redis-connection.ts'
import { loadScript } from '../redis/redis-script.ts'
import type { Bucket, Rate } from './budgets.ts'
import { type Awaited, CallLanes, HELD_MS_MAX, type StoreCalls, type Unawaited } from './call-lanes.ts'
import { assertDemand } from './demand.ts'
import { RedisAdmitted } from './line-admitted.ts'
import {
  type Admitted,
  type Arrival,
  DEFAULT_LINE_TERMS,
  type LineMode,
  type Lines,
  type LineTerms,
  type Place,
  type Turn,
} from './lines.ts'
import { PromisedTurns } from './promised-turns.ts'
import { keptMs, withoutBraces } from './redis-keys.ts'
import { type LineAnswer, type LineAnswers, turnOf } from './redis-turns.ts'

export interface RedisLinesOptions {
  readonly redis: RedisClient
  /** Begins every key. Default: `spillway:`. */
  readonly prefix?: string
  /** Default: {@link DEFAULT_LINE_TERMS}. */
  readonly terms?: LineTerms
  /** Milliseconds since 1970, for tests. Default: the clock of the server that keeps the line. */
  readonly clock?: () => number
  /** Answers an arrival that Redis has not answered. Default: the arrival rejects with the error. */
  readonly instead?: (arrival: Arrival) => Turn
  /** Told of each call that failed. */
  readonly failed?: (error: Error) => void
}

/** What Redis has not answered is answered by `instead`. */
export interface RedisLines extends Lines, StoreCalls {
  arrive(arrival: Arrival): Promise<Turn>
  /** A turn was promised elsewhere in the line of that key: in Redis newcomers stand behind it, a horizon ahead at most. */
  promised(lineKey: string, admitAtMs: number): void
  /** The latest turn that this gateway knows to be promised in the line, in milliseconds since 1970; 0: none. */
  lastPromisedMs(lineKey: string): number
  /** Whether a call is under way, or something waits for one. */
  readonly isBusy: boolean
}

/** A script stands in the server's way while it runs: this many take one to three milliseconds. */
const STEPS_MAX = 256
/** All who stand in line may come back in one moment. Some 20 MB, and half a second of Redis's time. */
const WAITING_MAX = 65_536
/** Numbers that the script reads are finite. */
const COUNT_MAX = 1e15

const ARRIVE = loadScript(new URL('./arrive-line.lua', import.meta.url))

const LETTERS: Readonly<Record<LineMode, string>> = { OPEN: 'O', PLACES: 'P', SPENT: 'S', PAUSED: 'Z' }

type Argument = string | number
type Step = Asking | Telling

interface StepOfLine {
  readonly line: Bucket
  /** Under a clock of the tests' own: steps of different instants share no call of the script. */
  readonly atMs: number | undefined
}

interface Asking extends StepOfLine, Awaited<LineAnswers> {
  readonly arrival: Arrival
}

interface Telling extends StepOfLine, Unawaited {
  readonly args: readonly Argument[]
}

/**
 * Lines that the gateways of one Redis share, each under a hash tag of its own: a script decides the order in which their
 * callers come. What arrives while a line's call is under way rides in the next one. A Redis that loses a line gives away a
 * burst more at most; its promises are kept by the tokens that are out.
 *
 * Measured on a machine that was busy with seven other loads, 512 arrivals at a time, an arrival: where nobody waits 5 µs of
 * Redis (a bucket 2.5 there) and 8 of this process; with 100,000 who wait 12 of Redis for whoever is told its place again,
 * 23 for a new one. An arrival that rides alone takes 150 of Redis, a bucket 100. A place takes 132 bytes of Redis.
 */
export function createRedisLines(options: RedisLinesOptions): RedisLines {
  return new LinesInRedis(options)
}

class LinesInRedis implements RedisLines {
  readonly terms: LineTerms
  readonly #options: RedisLinesOptions
  readonly #lanes: CallLanes<LineAnswers, Step>
  readonly #promised = new PromisedTurns()
  readonly #head: readonly Argument[]
  readonly #epochs = epochs()

  constructor(options: RedisLinesOptions) {
    this.#options = options
    this.terms = options.terms ?? DEFAULT_LINE_TERMS
    const { horizonMs, graceMs, holdMs, slack, aheadMs, placesMax } = this.terms
    this.#head = [
      keptMs(options.clock),
      horizonMs,
      graceMs,
      holdMs,
      slack,
      aheadMs,
      Math.min(placesMax, COUNT_MAX),
    ]
    this.#lanes = new CallLanes({
      stepsMax: STEPS_MAX,
      waitingMax: WAITING_MAX,
      heldMsMax: HELD_MS_MAX,
      send: steps => this.#send(steps),
      failed: options.failed ?? (() => {}),
    })
  }

  get isBusy(): boolean {
    return this.#lanes.size > 0
  }

  get calls(): number {
    return this.#lanes.calls
  }

  get oldestSentMs(): number | undefined {
    return this.#lanes.oldestSentMs
  }

  arrive(arrival: Arrival): Promise<Turn> {
    const { line, points, mode, brakedPoints } = arrival
    assertDemand(line, points)
    if (mode === 'SPENT' || mode === 'PAUSED') assertDemand(line, brakedPoints)
    const { instead, clock } = this.#options
    return new Promise((resolve, reject) => {
      this.#lanes.add(line.key, {
        isAwaited: true,
        line,
        atMs: clock?.(),
        arrival,
        answer: (answers, index) => {
          const turn = turnOf(arrival, answers[index]!)
          if (turn.kind === 'kept') this.#promised.note(line.key, turn.admitAtMs, turn.place.epoch)
          resolve(turn)
        },
        fail: error => {
          if (instead === undefined) reject(error)
          else resolve(instead(arrival))
        },
      })
    })
  }

  giveBack(admitted: Admitted, points: number, isDueAgain: boolean): void {
    const { line, caller, place } = admitted
    const given = Math.min(points, admitted.points)
    const due = isDueAgain ? place : undefined
    if (!(admitted instanceof RedisAdmitted) || Number.isNaN(given)) return
    if (given <= 0 && due === undefined) return
    const whose = due === undefined ? ['', ''] : [caller, due.instantMs]
    this.#tell(line, ['g', Math.max(0, given), admitted.epoch, ...whose])
  }

  heed(line: Bucket, isPaused: boolean): void {
    this.#tell(line, ['h', isPaused ? 1 : 0])
  }

  promised(lineKey: string, admitAtMs: number): void {
    this.#promised.note(lineKey, admitAtMs, '')
  }

  lastPromisedMs(lineKey: string): number {
    return this.#promised.of(lineKey)?.latestMs ?? 0
  }

  abandon(error: Error): void {
    this.#lanes.abandon(error)
  }

  #tell(line: Bucket, args: readonly Argument[]): void {
    this.#lanes.add(line.key, { isAwaited: false, line, atMs: this.#options.clock?.(), args })
  }

  /** One call for all steps, but under a clock of the tests' own, where there is one for those of each instant. */
  async #send(steps: readonly Step[]): Promise<LineAnswers> {
    const answers: LineAnswer[] = []
    for (let from = 0, to = 1; to <= steps.length; to++) {
      if (to < steps.length && steps[to]!.atMs === steps[from]!.atMs) continue
      await this.#run(steps.slice(from, to), answers)
      from = to
    }
    return answers
  }

  async #run(steps: readonly Step[], answers: LineAnswer[]): Promise<void> {
    const { redis, prefix = 'spillway:' } = this.#options
    const [{ line, atMs }] = steps as [Step]
    const known = this.#promised.of(line.key)
    const toldMs = known?.latestMs
    const args: Argument[] = [atMs ?? '', ...this.#head]
    args.push(this.#epochs(), known?.epoch ?? '', toldMs ?? '')
    let rate: Rate | undefined
    for (const step of steps) {
      if (step.line.rate !== rate) {
        rate = step.line.rate
        args.push('r', rate.perSecond / 1_000, rate.burst)
      }
      if (step.isAwaited) pushArrival(args, step.arrival)
      else args.push(...step.args)
    }
    const key = `${prefix}line:{${withoutBraces(line.key)}}`
    const reply = await ARRIVE.run(redis, [key, `${key}:places`, `${key}:honoured`, `${key}:away`], args)
    if (!Array.isArray(reply)) throw new Error(`expected a list from Redis, got ${typeof reply}`)
    const [nowText, epoch, ...texts] = reply.map(String)
    const arrivals = steps.filter(({ isAwaited }) => isAwaited).length
    if (texts.length !== arrivals)
      throw new Error(`expected ${arrivals} turns from Redis, got ${texts.length}`)
    const nowMs = Number(nowText)
    for (const text of texts) answers.push({ nowMs, epoch: epoch!, text })
    // Before the next call of the line leaves.
    if (toldMs !== undefined) this.#promised.know(line.key, epoch!, toldMs)
  }
}

function pushArrival(args: Argument[], arrival: Arrival): void {
  const { mode, caller, points, shown, brakedPoints, placesMax } = arrival
  const limit = mode === 'OPEN' || mode === 'PLACES' ? Math.min(placesMax, COUNT_MAX) : brakedPoints
  args.push(LETTERS[mode], caller, points, limit, shown === undefined ? '' : textOf(shown))
}

const textOf = ({ epoch, instantMs, shiftMs }: Place): string => `${epoch} ${instantMs} ${shiftMs}`

/** A new one each time: a line that is lost and made again must not get the one that it had. */
function epochs(): () => string {
  const process = randomBytes(6).toString('base64url')
  let count = 0
  return () => `${process}${(count++ % 36 ** 8).toString(36)}`
}
