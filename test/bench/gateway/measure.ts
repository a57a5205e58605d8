import { isDeepStrictEqual } from 'node:util'
import { ask, askOnce, requestText } from './question.ts'
import { stand } from './stand.ts'
import type { Variant, Workload } from './variants.ts'
import { type Measured, measureWindow, type Timing } from './window.ts'
import { WORLDS } from './worlds.ts'

export interface Sample extends Measured {
  readonly workload: string
  readonly variant: string
  readonly round: number
}

export interface Measurement {
  readonly tool: 'wrk' | 'autocannon'
  readonly workload: Workload
  readonly variant: Variant
  readonly round: number
  readonly timing: Timing
  /** What a bare server answers. */
  readonly answer: string
  readonly isProfiled: boolean
}

/** A fresh stand, warmed up, then measured. */
export async function measure(measurement: Measurement): Promise<Sample> {
  const { tool, workload, variant, round, timing, answer, isProfiled } = measurement
  const world = WORLDS[workload.world]
  await using stood = await stand(variant, workload.world, { answer, isProfiled })
  const expected = await askOnce(variant, world, stood.port)
  const measured = await measureWindow({
    tool,
    pid: stood.gateway.pid,
    load: { port: stood.port, connections: workload.connections, text: requestText(variant, world) },
    timing,
    isRight: async () => isDeepStrictEqual(await ask(variant, world, stood.port), expected),
  })
  return { workload: workload.name, variant: variant.name, round, ...measured }
}
