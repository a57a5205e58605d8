import { describe, expect, it } from 'vitest'
import { type Arrival, DEFAULT_LINE_TERMS, type LineTerms, type Turn } from '../../../gateway/surge/lines.ts'
import {
  createMemoryLines,
  type LocalLines,
  type MemoryLinesOptions,
} from '../../../gateway/surge/memory-lines.ts'
import type { OpenLines } from './lines-contract/line-stand.ts'
import { linesContract } from './lines-contract.ts'

/** No time is left free between places. */
const EXACT: LineTerms = { ...DEFAULT_LINE_TERMS, slack: 0 }

linesContract('in memory', async (terms, clock) => losable(terms, clock))

/** What a process that begins again is told of the turns that it promised before. */
function losable(terms: LineTerms, clock: () => number): OpenLines {
  let lines = createMemoryLines({ terms, clock })
  let promisedMs = 0
  let lostMs = 0
  const note = (turn: Turn): Turn => {
    if (turn.kind === 'kept') promisedMs = Math.max(promisedMs, turn.admitAtMs)
    return turn
  }
  return {
    lines: {
      terms,
      arrive: arrival => note(lines.arrive(arrival, 1, lostMs)),
      giveBack: (...given) => lines.giveBack(...given),
      heed: (...heeded) => lines.heed(...heeded),
    },
    lose: async () => {
      lines = createMemoryLines({ terms, clock })
      lostMs = promisedMs
    },
    settled: async () => {},
    close: async () => {},
  }
}

describe('lines in memory', () => {
  let nowMs = 0
  const rate = { perSecond: 10, burst: 20 }
  const slow = { perSecond: 1, burst: 1 }
  const open = (options: MemoryLinesOptions = {}): LocalLines => {
    nowMs = 1_795_000_000_000
    return createMemoryLines({ clock: () => nowMs, terms: EXACT, ...options })
  }
  const arrivalOf = (caller: string, key: string, more: Partial<Arrival> = {}): Arrival => ({
    line: { key, rate: slow },
    caller,
    points: 1,
    shown: undefined,
    mode: 'OPEN',
    brakedPoints: 1,
    placesMax: Number.POSITIVE_INFINITY,
    ...more,
  })

  it('answer with values: nobody waits a turn for them', () => {
    const lines = open()
    expect(lines.arrive(arrivalOf('a', 'k'))).toMatchObject({ kind: 'admitted' })
    expect(lines.arrive(arrivalOf('b', 'k'))).toMatchObject({ kind: 'kept' })
    expect(lines.lines).toEqual([{ key: 'k', waiting: 1 }])
    expect(lines.waiting).toBe(1)
  })

  it.each([0, -1, 1.5, Number.NaN])('cannot be %d lines or places', max => {
    expect(() => open({ linesMax: max })).toThrow(
      new RangeError(`linesMax: expected a positive integer, got ${max}`),
    )
    expect(() => open({ placesMax: max })).toThrow(
      new RangeError(`placesMax: expected a positive integer, got ${max}`),
    )
  })

  it('refuse to be asked for braked points that never fit', () => {
    const lines = open()
    const arrival = arrivalOf('a', 'k', { mode: 'SPENT', brakedPoints: 2 })
    expect(() => lines.arrive(arrival)).toThrow(
      new RangeError('bucket k: expected more than 0 and at most 1 points, got 2'),
    )
  })

  it('remember no more lines than they may', () => {
    const lines = open({ linesMax: 100 })
    for (let i = 0; i < 1_000; i++) {
      lines.arrive(arrivalOf('a', `campaign ${i}`))
      lines.arrive(arrivalOf('b', `campaign ${i}`))
    }
    expect(lines.lines).toHaveLength(100)
    expect(lines.waiting).toBe(100)
  })

  it('forget those first that nobody misses, and then those without places', () => {
    const lines = open({ linesMax: 8 })
    const keep = (key: string): void => {
      lines.arrive(arrivalOf('a', key))
      lines.arrive(arrivalOf('b', key))
    }
    for (const key of ['k1', 'k2', 'k3']) keep(key)
    for (const key of ['empty1', 'empty2']) lines.arrive(arrivalOf('a', key))
    nowMs += 60_000
    for (const key of ['owed1', 'owed2', 'owed3']) lines.arrive(arrivalOf('a', key))
    for (const key of ['new1', 'new2']) keep(key)
    const names = (): string[] => lines.lines.map(({ key }) => key).sort()
    expect(names()).toEqual(['k1', 'k2', 'k3', 'new1', 'new2', 'owed1', 'owed2', 'owed3'])
    for (const key of ['new3', 'new4', 'new5']) keep(key)
    expect(names()).toEqual(['k1', 'k2', 'k3', 'new1', 'new2', 'new3', 'new4', 'new5'])
    keep('new6')
    expect(names()).toEqual(['k2', 'k3', 'new1', 'new2', 'new3', 'new4', 'new5', 'new6'])
  })

  it('remember a line for as long as somebody has a token that was used', () => {
    const lines = open({ linesMax: 2 })
    lines.arrive(arrivalOf('a', 'used'))
    const turn = lines.arrive(arrivalOf('b', 'used'))
    if (turn.kind !== 'kept') throw new Error('expected a place')
    nowMs += 1_000
    expect(lines.arrive(arrivalOf('b', 'used'))).toMatchObject({ kind: 'admitted' })
    lines.arrive(arrivalOf('a', 'other'))
    nowMs += 60_000
    // Both are full again, and one has to go.
    lines.arrive(arrivalOf('a', 'third'))
    expect(lines.lines.map(({ key }) => key)).toEqual(['used', 'third'])
    lines.arrive(arrivalOf('a', 'used'))
    expect(lines.arrive(arrivalOf('b', 'used', { shown: turn.place }))).toMatchObject({ isNew: true })
  })

  it.each([
    ['miss a line that stands still', EXACT.horizonMs - 1, ['paused', 'other']],
    ['miss no line whose pause nobody has told the end of', EXACT.horizonMs, ['owed', 'other']],
  ])('%s', (_, ms, names) => {
    const lines = open({ linesMax: 2 })
    lines.arrive(arrivalOf('a', 'owed', { line: { key: 'owed', rate: { perSecond: 0.0001, burst: 1 } } }))
    nowMs += 1
    lines.heed({ key: 'paused', rate: slow }, true)
    nowMs += ms
    lines.arrive(arrivalOf('a', 'other'))
    expect(lines.lines.map(({ key }) => key)).toEqual(names)
  })

  it('count nobody as waiting whose place is due again too late', () => {
    const lines = open()
    for (const caller of ['first', 'a']) lines.arrive(arrivalOf(caller, 'k'))
    nowMs += 1_000
    const turn = lines.arrive(arrivalOf('a', 'k'))
    nowMs += EXACT.graceMs + 1
    if (turn.kind === 'admitted') lines.giveBack(turn, 0, true)
    expect(lines.waiting).toBe(0)
  })

  it('keep no more places than they may, of all lines', () => {
    const lines = open({ placesMax: 10 })
    for (const key of ['k1', 'k2']) for (let i = 0; i <= 5; i++) lines.arrive(arrivalOf(`c${i}`, key))
    expect(lines.waiting).toBe(10)
    lines.arrive(arrivalOf('a', 'k3'))
    expect(lines.arrive(arrivalOf('b', 'k3'))).toMatchObject({ kind: 'none', reason: 'FULL' })
    // A place of another life is none here, either.
    const shown = { epoch: 'other', instantMs: 0, shiftMs: nowMs + 500 }
    expect(lines.arrive(arrivalOf('b', 'k3', { shown }))).toMatchObject({ kind: 'none', reason: 'FULL' })
    nowMs += 1_000
    expect(lines.arrive(arrivalOf('c1', 'k1'))).toMatchObject({ kind: 'admitted' })
    expect(lines.arrive(arrivalOf('d', 'k1'))).toMatchObject({ kind: 'kept', isNew: true })
    expect(lines.waiting).toBe(10)
  })

  it('forget those who do not come, however many they are', () => {
    const lines = open({ terms: { ...EXACT, graceMs: 1_000 } })
    const many = { line: { key: 'k', rate: { perSecond: 10_000, burst: 1 } } }
    for (let i = 0; i < 50_000; i++) lines.arrive(arrivalOf(`c${i}`, 'k', many))
    nowMs += 3_000
    // The first 20,000 have had their time: each arrival clears some of them away.
    for (let i = 0; i < 30; i++) lines.arrive(arrivalOf('c49999', 'k', many))
    expect(lines.waiting).toBe(50_000 - 20_000)
    nowMs += 60_000
    lines.arrive(arrivalOf('new', 'k', many))
    expect(lines.waiting).toBe(0)
  })

  it('honour no place of a life twice, moved or not', () => {
    const lines = open()
    const shown = { epoch: 'other', instantMs: 0, shiftMs: nowMs }
    expect(lines.arrive(arrivalOf('a', 'k', { shown }))).toMatchObject({ kind: 'admitted', lateMs: 0 })
    const moved = { epoch: 'other', instantMs: 50, shiftMs: nowMs }
    nowMs += 100
    expect(lines.arrive(arrivalOf('a', 'k', { shown: moved }))).toMatchObject({ kind: 'kept', isNew: true })
  })

  it('owe nothing for what another life gave', () => {
    const lines = open({ linesMax: 1 })
    const before = lines.arrive(arrivalOf('a', 'k'))
    lines.arrive(arrivalOf('a', 'other'))
    expect(lines.arrive(arrivalOf('b', 'k'))).toMatchObject({ kind: 'admitted' })
    if (before.kind === 'admitted') lines.giveBack(before, 1, false)
    expect(lines.arrive(arrivalOf('c', 'k'))).toMatchObject({ kind: 'kept' })
  })

  describe('in equal parts', () => {
    const arrive = (lines: LocalLines, caller: string, points: number): Turn =>
      lines.arrive(arrivalOf(caller, 'k', { line: { key: 'k', rate }, points }), 4)

    it('give each the rate and the burst divided', () => {
      const lines = open()
      // A quarter: 5 at once, then 2.5 a second.
      expect(arrive(lines, 'a', 5)).toMatchObject({ kind: 'admitted', availablePoints: 0 })
      expect(arrive(lines, 'b', 1)).toMatchObject({ kind: 'kept', retryAfterMs: 400 })
      expect(arrive(lines, 'c', 1)).toMatchObject({ kind: 'kept', retryAfterMs: 800 })
      nowMs += 400
      expect(arrive(lines, 'b', 1)).toMatchObject({ kind: 'admitted' })
    })

    it('admit a demand above a part’s burst when the part is full, and let it be paid off', () => {
      const lines = open()
      expect(arrive(lines, 'a', 20)).toMatchObject({
        kind: 'admitted',
        isStandby: false,
        availablePoints: 0,
      })
      // 20 points flow in within 8 s, and the next asks for one beyond 15 of them.
      expect(arrive(lines, 'b', 1)).toMatchObject({ kind: 'kept', retryAfterMs: 6_400 })
      nowMs += 6_400
      expect(arrive(lines, 'b', 1)).toMatchObject({ kind: 'admitted' })
      expect(arrive(lines, 'c', 20)).toMatchObject({ kind: 'kept', retryAfterMs: 8_000 })
    })

    it('stand behind a turn that was promised elsewhere, each time it is told of a later one', () => {
      const lines = open()
      const turn = (caller: string, promisedMs: number): Turn =>
        lines.arrive(arrivalOf(caller, 'k', { line: { key: 'k', rate } }), 1, promisedMs)
      const promisedMs = nowMs + 30_000
      expect(turn('a', promisedMs)).toMatchObject({ kind: 'kept', retryAfterMs: 30_100 })
      expect(turn('b', promisedMs)).toMatchObject({ kind: 'kept', retryAfterMs: 30_200 })
      expect(turn('c', promisedMs + 5_000)).toMatchObject({ kind: 'kept', retryAfterMs: 35_100 })
    })
  })
})
