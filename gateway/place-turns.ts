import type { Fault } from '../protocol/fault.ts'
import { brakedBy } from './cost-refusals.ts'
import { brakedPoints, type TurnDraw } from './draws.ts'
import { noPlaceFault, type PlaceTold } from './kept-place.ts'
import type { PlaceCounts } from './place-counts.ts'
import {
  type Admitted,
  BRAKED_RETRY_MS_MIN,
  type Kept,
  type Lines,
  type NoPlace,
  type Place,
  type Turn,
} from './surge/lines.ts'
import type { PlaceTokens } from './surge/place-token.ts'

/** How requests ask lines for their turn, and what they are told. */
export interface PlaceTurns {
  ask(draw: TurnDraw): Turn | Promise<Turn>
  /** Whether that is the token of the caller's place in the line, and the instant that was promised has come. */
  isDue(lineKey: string, caller: string, token: unknown): boolean
  /** What the holder of a place is told. */
  told(draw: TurnDraw, kept: Kept): PlaceTold
  /** The refusal of whoever got none. */
  refusal(draw: TurnDraw, none: NoPlace): Fault
  /** {@link Lines.giveBack} of all points. */
  undo(admitted: Admitted): void
  /** The turn was used, and nothing came of it: its place, if it came by one, admits once more. The points are spent. */
  failed(admitted: Admitted): void
}

export interface PlaceTurnsOptions {
  readonly lines: Lines
  readonly tokens: PlaceTokens
  readonly counts: PlaceCounts
  /** Told of every turn, by the key of its line. */
  readonly onTurn: (key: string, turn: Turn) => void
  /** Milliseconds since 1970; `Date.now` outside tests. */
  readonly clock?: (() => number) | undefined
}

export function createPlaceTurns({
  lines,
  tokens,
  counts,
  onTurn,
  clock = Date.now,
}: PlaceTurnsOptions): PlaceTurns {
  function shownIn({ token, bucket, caller }: TurnDraw): Place | undefined {
    if (typeof token !== 'string' || token === '') return undefined
    const read = tokens.read(token, bucket.key, caller)
    if (typeof read !== 'string') return read
    // Its own place, if it has one, is found by the caller: whoever mangles a token loses nothing.
    counts.ignored(read)
    return undefined
  }

  function note(draw: TurnDraw, turn: Turn): Turn {
    counts.turned(draw.subject, turn)
    onTurn(draw.bucket.key, turn)
    return turn
  }

  return {
    ask(draw) {
      const { bucket, caller, price, mode, status } = draw
      const turning = lines.arrive({
        line: bucket,
        caller,
        points: price,
        shown: shownIn(draw),
        mode,
        brakedPoints: brakedPoints(price, bucket),
        placesMax: status?.remaining ?? Number.POSITIVE_INFINITY,
      })
      return turning instanceof Promise ? turning.then(turn => note(draw, turn)) : note(draw, turning)
    },
    isDue(lineKey, caller, token) {
      if (typeof token !== 'string') return false
      const place = tokens.read(token, lineKey, caller)
      return typeof place !== 'string' && place.instantMs + place.shiftMs <= clock()
    },
    told({ bucket, caller, mode, status }, { place, admitAtMs, retryAfterMs, position }) {
      const token = tokens.sign(place, bucket.key, caller)
      if (mode !== 'PAUSED') return { token, admitAtMs, retryAfterMs, position }
      // Nobody knows how long a pause lasts: a crowd shall not come back at once to hear of it again.
      const waitMs = Math.max(BRAKED_RETRY_MS_MIN, retryAfterMs)
      return {
        token,
        admitAtMs: admitAtMs + waitMs - retryAfterMs,
        retryAfterMs: waitMs,
        position,
        notice: { zh: status?.noticeZh ?? '目前已暂停', en: status?.noticeEn ?? 'Paused for now' },
      }
    },
    refusal({ subject, status }, none) {
      const isBraked = none.reason === 'BRAKED' && status !== undefined
      return isBraked ? brakedBy(subject, status, none.retryAfterMs) : noPlaceFault(none)
    },
    undo: admitted => lines.giveBack(admitted, admitted.points, true),
    failed: admitted => lines.giveBack(admitted, 0, true),
  }
}
