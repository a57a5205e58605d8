import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { usedTestFolder } from '../harness/postgres.ts'
import { runProgram } from '../harness/processes.ts'
import { REPORT_FILES } from './report.ts'

const ORDERS = 20_000
/** People who order, a second, and claims that are admitted: fewer than come, so that places are given. */
const RATE = 240
const LIMIT = 180
/** A guard against a hang on a machine that does other things. */
const HANGS_MS = 900_000

test('the command replays the drop, keeps every promise, and leaves its table and its chart', {
  timeout: HANGS_MS,
}, async () => {
  await using folder = await usedTestFolder()
  const options = { orders: ORDERS, rate: RATE, limit: LIMIT, out: folder.path }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  await using program = runProgram('test/replay/main.ts', args, {})
  const { code } = await program.exited
  expect(program.output).toContain('7 of 7 promises checked and kept')
  expect(code).toBe(0)

  const file = (name: string): Promise<string> => readFile(join(folder.path, name), 'utf8')
  const figures = JSON.parse(await file(REPORT_FILES.json))
  expect(figures).toMatchObject({ orders: ORDERS, unserved: 0, turnedAway: 0 })
  expect(figures.places).toBeGreaterThan(0)
  expect(figures.checks.map(({ id, holds }: { id: string; holds: boolean }) => [id, holds])).toEqual(
    ['I1', 'I2', 'I3', 'I4', 'I9', 'I10', 'I12'].map(id => [id, true]),
  )
  expect(figures.limit.claimsPerSecond).toBe(LIMIT)
  expect(await file(REPORT_FILES.chart)).toMatch(/^<svg[\s\S]*<\/svg>\n$/)
  expect(await file(REPORT_FILES.page)).toContain(`Replay: ${ORDERS.toLocaleString('en')} orders`)
  expect(await file(REPORT_FILES.markdown)).toContain('| I9 | Admitted is within rate and burst | kept |')
})
