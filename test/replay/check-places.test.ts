import { describe, expect, it } from 'vitest'
import { checkOrderOfPlaces, checkPlacesHonoured } from './check-places.ts'
import type { Figures, PlaceGiven } from './figures.ts'

const START_MS = Date.UTC(2027, 1, 6)
const at = (ms: number): number => START_MS + ms

/** Asked and answered at these milliseconds, with an instant for coming back. */
const place = (askedMs: number, answeredMs: number, admitAtMs: number, more: Partial<PlaceGiven> = {}) => ({
  askedMs: at(askedMs),
  answeredMs: at(answeredMs),
  admitAtMs: at(admitAtMs),
  ...more,
})

describe('I10', () => {
  const GRACE_MS = 120_000
  const honoured = (places: readonly PlaceGiven[], tookMs = 600_000, slowestMs = 0) => {
    const spread = { count: 1, p50: 0, p95: 0, p99: 0, max: slowestMs }
    const figures: Pick<Figures, 'places' | 'startedAt' | 'tookMs' | 'latencyOfSteps'> = {
      ...{ places, tookMs, startedAt: new Date(START_MS).toISOString() },
      latencyOfSteps: { claim: spread },
    }
    return checkPlacesHonoured(figures, { graceMs: GRACE_MS })
  }
  const holder = (returnedMs: number | undefined, admittedMs: number | undefined): PlaceGiven =>
    place(0, 10, 1_000, {
      returnedMs: returnedMs === undefined ? undefined : at(returnedMs),
      admittedMs: admittedMs === undefined ? undefined : at(admittedMs),
    })

  it('holds for who came in their grace and was admitted within it', () => {
    expect(honoured([holder(1_000, 1_005), holder(121_000, 121_000)])).toMatchObject({
      ...{ id: 'I10', holds: true, checked: 2 },
      detail: expect.stringContaining('the latest 120000 ms after its instant'),
    })
  })

  it('does not hold for who came in their grace and was admitted after it, or never', () => {
    expect(honoured([holder(5_000, 121_001)])).toMatchObject({ holds: false, checked: 1 })
    expect(honoured([holder(5_000, undefined)])).toMatchObject({ holds: false, checked: 1 })
  })

  it('lets the answer to a request at the very end of the grace come after it', () => {
    expect(honoured([holder(120_900, 121_080)], 600_000, 200)).toMatchObject({ holds: true })
    expect(honoured([holder(120_900, 121_101)], 600_000, 200)).toMatchObject({ holds: false })
  })

  it('judges nobody who came too late, stayed away, or had time left when the replay ended', () => {
    expect(honoured([holder(121_001, undefined), holder(undefined, undefined)])).toMatchObject({
      holds: true,
      checked: 0,
    })
    const { holds, checked, detail } = honoured([holder(5_000, undefined)], 60_000)
    expect({ holds, checked }).toEqual({ holds: true, checked: 0 })
    expect(detail).toContain('1 were still within it')
    // Who has given up waits for nothing any more.
    const gone = { ...holder(5_000, undefined), hasGivenUp: true as const }
    expect(honoured([gone], 60_000)).toMatchObject({ holds: false, checked: 1 })
  })
})

describe('I12', () => {
  const ordered = (places: readonly PlaceGiven[]) => checkOrderOfPlaces({ places })

  it('holds where whoever asks later has a later instant, in whatever order they are listed', () => {
    expect(ordered([place(20, 25, 1_020), place(0, 5, 1_000), place(10, 15, 1_010)])).toMatchObject({
      ...{ id: 'I12', holds: true, checked: 3 },
    })
  })

  it('does not judge two who asked at the same time: who was answered later may have come first', () => {
    expect(ordered([place(0, 30, 1_010), place(10, 20, 1_000)])).toMatchObject({ holds: true })
    // Answered in the same millisecond as the other asked.
    expect(ordered([place(0, 10, 1_010), place(10, 20, 1_000)])).toMatchObject({ holds: true })
  })

  it('lets instants be the same, which are told in whole milliseconds', () => {
    expect(ordered([place(0, 5, 1_000), place(10, 15, 1_000)])).toMatchObject({ holds: true })
  })

  it('counts everybody who was overtaken by somebody that had come and been answered before', () => {
    const places = [place(0, 5, 2_000), place(10, 15, 1_000), place(20, 25, 1_500), place(30, 35, 2_001)]
    const { holds, detail } = ordered(places)
    expect(holds).toBe(false)
    expect(detail).toBe('4 places, 2 inversions, by 1000 ms at most')
  })

  it('finds the one inversion in a large crowd', () => {
    const crowd = Array.from({ length: 100_000 }, (_, i) => place(i, i + 5, 10_000 + i))
    expect(ordered(crowd)).toMatchObject({ holds: true, checked: 100_000 })
    crowd[70_000] = place(70_000, 70_005, 10_000 + 69_990)
    expect(ordered(crowd).detail).toContain(' 1 inversions, by 4 ms')
  })
})
