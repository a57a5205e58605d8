import { describe, expect, it } from 'vitest'
import { LineSchedule } from '../../../gateway/surge/line-schedule.ts'
import { DEFAULT_LINE_TERMS } from '../../../gateway/surge/lines.ts'

const open = (): LineSchedule => new LineSchedule({ ...DEFAULT_LINE_TERMS, graceMs: 100, slack: 1 / 8 })

describe('a schedule that inherits', () => {
  it('stands behind the latest turn, whichever it is told of first', () => {
    const schedule = open()
    schedule.inherit(1_000, 0, 0)
    // Later by the wall clock; since then the line was paused.
    schedule.inherit(1_100, 500, 0)
    expect(schedule.isInherited(999)).toBe(true)
    expect(schedule.isInherited(1_000)).toBe(false)
    expect(schedule.endMs).toBe(1_000)
  })

  it('is taken back by nothing that was promised for earlier', () => {
    const schedule = open()
    schedule.place(2_000)
    schedule.inherit(1_000, 0, 0)
    expect(schedule.endMs).toBe(2_000)
  })
})

describe('a schedule is void', () => {
  it.each<[string, (schedule: LineSchedule) => void, number]>([
    ['was given', schedule => schedule.place(500), 500],
    ['stands in no order with the others', schedule => schedule.keep(500), 500],
    [
      'was given after an earlier one was taken up',
      schedule => void [schedule.place(500), schedule.keep(50)],
      500,
    ],
    // Eight of its own length and its own behind now: what places leave free.
    ['was moved', schedule => void [schedule.place(600), schedule.move(500, 510, 510, 20)], 690],
  ])('after the grace of the last place: one that %s', (_, give, lastMs) => {
    const schedule = open()
    give(schedule)
    expect(schedule.isVoid(lastMs + 100)).toBe(false)
    expect(schedule.isVoid(lastMs + 101)).toBe(true)
  })
})
