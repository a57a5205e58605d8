import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { nowMs } from '../../protocol/deadline.ts'
import { ProcessLoad } from '../../subgraphs/process-load.ts'
import { gapMsAt } from '../../subgraphs/statement-convoy.ts'
import { until } from '../harness/postgres.ts'

it('a process that computes is busy, and one that waits is not', async () => {
  const load = new ProcessLoad()
  expect(load.utilization).toBe(0)
  const end = nowMs() + 100
  while (nowMs() < end) await turn()
  expect(load.utilization).toBeGreaterThan(0.9)
  await until('the load is over', () => load.utilization < 0.5)
})

it('statements are sent one after another only while the process is busy', () => {
  expect([0, 0.5, 0.8].map(gapMsAt)).toEqual([0, 0, 0])
  expect(gapMsAt(0.875)).toBeCloseTo(20)
  expect([0.95, 1].map(gapMsAt)).toEqual([40, 40])
})
