import { type Logger, pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import type { PinnedLevel, Reading } from '../../../gateway/surge/level.ts'
import { createSurgeLevel, type SurgeLevelOptions } from '../../../gateway/surge/surge-level.ts'
import { silent, until } from '../../harness/postgres.ts'

const waitOf = (name: string, value: number): Reading => ({ name, value, target: 50, raises: 'SHED' })

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A level that samples when it is told to, of the readings that are set. */
function byHand(options: Partial<SurgeLevelOptions> = {}, logger: Logger = silent) {
  const now = { ms: 0, readings: [] as readonly Reading[] }
  const level = createSurgeLevel({
    readings: () => now.readings,
    logger,
    sampleEveryMs: 1e9,
    clock: () => now.ms,
    ...options,
  })
  closing.push(() => level.close())
  return {
    level,
    sample(...readings: readonly Reading[]) {
      now.readings = readings
      now.ms += 200
      level.sample()
    },
  }
}

test('the measured level holds, of the readings as they were last, the one that presses most first', () => {
  const { level, sample } = byHand()
  expect([level.current, level.measured, level.pinned]).toEqual(['CALM', 'CALM', undefined])
  for (let i = 0; i < 2; i++)
    sample(waitOf('a', 10), waitOf('b', 250), { name: 'c', value: 0.95, target: 0.9, raises: 'BUSY' })
  expect([level.current, level.measured]).toEqual(['SURGE', 'SURGE'])
  expect(level.readings.map(({ name }) => name)).toEqual(['b', 'c', 'a'])
})

test('a pinned level holds in place of the measured one, which is measured all the same', () => {
  let pinned: PinnedLevel | undefined
  const { level, sample } = byHand({ pinned: () => pinned })
  pinned = { level: 'SHED', setBy: 'control-room', setAt: '2027-02-06T12:00:00.000Z' }
  expect([level.current, level.measured, level.pinned]).toEqual(['SHED', 'CALM', pinned])
  for (let i = 0; i < 2; i++) sample(waitOf('a', 60))
  pinned = { ...pinned, level: 'CALM' }
  expect([level.current, level.measured]).toEqual(['CALM', 'BUSY'])
  pinned = undefined
  expect(level.current).toBe('BUSY')
})

test('every change is counted and told with what made it: a warning where some are refused from now on', () => {
  const lines: string[] = []
  const { level, sample } = byHand(
    {},
    pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line)) }),
  )
  for (let i = 0; i < 2; i++) sample(waitOf('convoy:coupon', 60))
  for (let i = 0; i < 26; i++) sample(waitOf('convoy:coupon', 0))
  for (let i = 0; i < 2; i++) sample(waitOf('convoy:coupon', 210))
  for (let i = 0; i < 3; i++) sample(waitOf('convoy:coupon', 810))
  for (let i = 0; i < 35; i++) sample(waitOf('convoy:coupon', 60))
  expect((['CALM', 'BUSY', 'SURGE', 'SHED'] as const).map(name => level.changesTo(name))).toEqual([
    1, 2, 2, 1,
  ])
  const told = (from: string, to: string, priority: number, value: number) => ({
    msg: 'level changed',
    level: priority,
    from,
    to,
    worst: { name: 'convoy:coupon', value },
  })
  expect(lines).toMatchObject([
    told('CALM', 'BUSY', 30, 60),
    told('BUSY', 'CALM', 30, 0),
    told('CALM', 'SURGE', 40, 210),
    told('SURGE', 'SHED', 40, 810),
    told('SHED', 'SURGE', 30, 60),
    told('SURGE', 'BUSY', 30, 60),
  ])
})

test('readings that cannot be had press for nothing, and are told of once', () => {
  const lines: string[] = []
  let fails = false
  const readings = (): readonly Reading[] => {
    if (fails) throw new Error('told to fail')
    return [waitOf('a', 60)]
  }
  const { level, sample } = byHand(
    { readings },
    pino({ level: 'error' }, { write: line => void lines.push(line) }),
  )
  for (let i = 0; i < 2; i++) sample()
  expect(level.current).toBe('BUSY')
  fails = true
  for (let i = 0; i < 26; i++) sample()
  expect(level.current).toBe('CALM')
  expect(level.readings).toEqual([])
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('told to fail')
})

test('it samples by itself until it is closed', async () => {
  const asked = { closed: 0, open: 0 }
  const [closed, open] = (['closed', 'open'] as const).map(
    name =>
      byHand({
        sampleEveryMs: 1,
        readings: () => {
          asked[name]++
          return [waitOf('a', 900)]
        },
      }).level,
  )
  await until('it has sampled', () => asked.closed >= 3)
  expect(closed!.measured).toBe('SHED')
  closed!.close()
  const { closed: askedBefore, open: openBefore } = asked
  await until('another one has gone on', () => asked.open >= openBefore + 5)
  expect(asked.closed).toBe(askedBefore)
  expect(open!.measured).toBe('SHED')
})
