import { afterEach, beforeEach, expect } from 'vitest'
import type { Bucket, Rate } from '../../../../gateway/surge/bucket.ts'
import {
  type Admitted,
  type Arrival,
  DEFAULT_LINE_TERMS,
  type Kept,
  type Lines,
  type LineTerms,
  type NoPlace,
  type Turn,
} from '../../../../gateway/surge/lines.ts'

/** An implementation, opened for one test. */
export interface OpenLines {
  readonly lines: Lines
  /** Forgets every line, as a flush of the store would; absent where nothing can be lost. */
  readonly lose?: () => Promise<void>
  /** Resolves once the store has all that nobody waits for: refunds, and what was told of pauses. */
  readonly settled: () => Promise<void>
  readonly close: () => Promise<void>
}

/** @param clock milliseconds since 1970, moved by hand; the implementation reads no other. */
export type OpenLinesOf = (terms: LineTerms, clock: () => number) => Promise<OpenLines>

/** A point every 100 ms, 5 at once. */
export const TEN: Rate = { perSecond: 10, burst: 5 }
export const START_MS = 1_795_000_000_000

export const close = (value: number): unknown => expect.closeTo(value, 2)
export const inMs = (ms: number): unknown => close(START_MS + ms)
export const letters = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i}`)

/** As {@link Arrival}, at another rate than {@link TEN}. */
type Asked = Partial<Arrival> & { readonly rate?: Rate }

/** Lines of an implementation, new ones each test, and what tests say to them. */
export interface LineStand {
  nowMs: number
  readonly lines: Lines
  /** Forgets every line. It throws where nothing can be lost. */
  lose(): Promise<void>
  /** Anew, with other terms than the default's without slack: instants are exact where no time is left free. */
  start(terms?: Partial<LineTerms>): Promise<void>
  lineOf(rate: Rate, key?: string): Bucket
  arrivalOf(caller: string, more?: Asked): Arrival
  arrive(caller: string, more?: Asked): Promise<Turn>
  /** These three throw where the turn is another. */
  admitted(caller: string, more?: Asked): Promise<Admitted>
  kept(caller: string, more?: Asked): Promise<Kept>
  none(caller: string, more?: Asked): Promise<NoPlace>
  /** Takes the burst of {@link TEN}: who comes now finds no points, and the next flows in after 100 ms. */
  drain(rate?: Rate): Promise<void>
  /** Gives a place each: with {@link TEN} drained at 100, 200, … ms from now. */
  fill(callers: readonly string[], more?: Asked): Promise<void>
  pass(ms: number): void
  heed(isPaused: boolean): Promise<void>
  giveBack(taken: Admitted, points: number, isDueAgain: boolean): Promise<void>
}

/** To be called where tests are described: opens and closes what they run on. */
export function lineStandOf(open: OpenLinesOf): LineStand {
  const opened: OpenLines[] = []
  let store: OpenLines
  beforeEach(async () => {
    stand.nowMs = START_MS
    await stand.start()
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close()
  })

  async function turnOf<K extends Turn['kind']>(kind: K, caller: string, more: Asked | undefined) {
    const turn = await stand.arrive(caller, more)
    if (turn.kind !== kind) throw new Error(`${caller}: expected ${kind}, got ${JSON.stringify(turn)}`)
    return turn as Extract<Turn, { kind: K }>
  }

  const stand: LineStand = {
    nowMs: START_MS,
    get lines() {
      return store.lines
    },
    async lose() {
      if (store.lose === undefined) throw new Error('expected lines that can be lost')
      await store.lose()
    },
    async start(terms = {}) {
      store = await open({ ...DEFAULT_LINE_TERMS, slack: 0, ...terms }, () => stand.nowMs)
      opened.push(store)
    },
    lineOf: (rate, key = 'line') => ({ key, rate }),
    arrivalOf: (caller, { rate = TEN, ...more } = {}) => ({
      line: stand.lineOf(rate),
      caller,
      points: 1,
      shown: undefined,
      mode: 'OPEN',
      brakedPoints: 1,
      placesMax: Number.POSITIVE_INFINITY,
      ...more,
    }),
    arrive: async (caller, more) => await store.lines.arrive(stand.arrivalOf(caller, more)),
    admitted: (caller, more) => turnOf('admitted', caller, more),
    kept: (caller, more) => turnOf('kept', caller, more),
    none: (caller, more) => turnOf('none', caller, more),
    async drain(rate = TEN) {
      for (let i = 0; i < rate.burst; i++) await stand.admitted(`first ${i}`, { rate })
    },
    async fill(callers, more) {
      for (const caller of callers) await stand.kept(caller, more)
    },
    pass(ms) {
      stand.nowMs += ms
    },
    async heed(isPaused) {
      store.lines.heed(stand.lineOf(TEN), isPaused)
      await store.settled()
    },
    async giveBack(taken, points, isDueAgain) {
      store.lines.giveBack(taken, points, isDueAgain)
      await store.settled()
    },
  }
  return stand
}
