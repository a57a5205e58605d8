import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as othersTurn } from 'node:timers/promises'
import { createGateway } from '../../gateway/gateway.ts'
import { loadSupergraph } from '../../gateway/supergraph/supergraph.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { manyOperations } from '../harness/many-operations.ts'

/**
 * How long a manifest of thousands takes, and how long others wait for the event loop meanwhile: at the start, as a new
 * manifest of which nothing is known, and with a new supergraph.
 */

const COUNT = 5_000
/** Finer than what a request would notice. */
const RESOLUTION_MS = 1

interface Figures {
  readonly what: string
  readonly seconds: number
  /** Processor time of the thread that serves. */
  readonly threadSeconds: number
  /** Of the event loop, whoever has the processor. */
  readonly delayMsMax: number
  /** Processor time of the thread between two turns of others: what of the delay is our own. */
  readonly stretchMsMax: number
}

export async function run([count]: readonly string[]): Promise<void> {
  const operations = count === undefined ? COUNT : Number(count)
  if (!Number.isSafeInteger(operations) || operations < 1)
    throw new Error(`expected a number of operations, got ${count}`)
  const sdl = readFileSync('schema/supergraph.graphql', 'utf8')
  const { apiSchema } = loadSupergraph(sdl)
  const manifest = (seed: number): string => withOurs(manyOperations(apiSchema, operations, seed))
  const [first, second] = [manifest(1), manifest(2)]
  const create = () =>
    createGateway({
      supergraphSdl: sdl,
      manifest: first,
      clients: ({ name }) => silent(name),
      production: false,
    })
  const [gateway, start] = await measured(`start with ${operations} operations`, create)
  const rows = [start]
  try {
    rows.push((await measured('another manifest', () => gateway.swap({ manifest: second })))[1])
    const supergraphSdl = `${sdl}\n# another`
    rows.push((await measured('another supergraph', () => gateway.swap({ supergraphSdl })))[1])
  } finally {
    await gateway.close()
  }
  console.table(rows)
}

/** With the operations that limits of fields name. */
function withOurs(text: string): string {
  const many = JSON.parse(text) as { operations: object[] }
  const ours = JSON.parse(readFileSync('schema/operations.json', 'utf8')) as typeof many
  return JSON.stringify({ ...many, operations: [...many.operations, ...ours.operations] })
}

const silent = (name: string): SubgraphClient => ({
  name,
  execute: async () => ({ data: {} }),
  ready: async () => {},
  close: async () => {},
})

async function measured<Value>(
  what: string,
  work: () => Promise<Value>,
): Promise<readonly [value: Value, figures: Figures]> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  // What went before ends with its turn.
  await othersTurn()
  let isDone = false
  let stretchMsMax = 0
  let lastMs = threadMs()
  const turn = (): void => {
    const nowMs = threadMs()
    stretchMsMax = Math.max(stretchMsMax, nowMs - lastMs)
    lastMs = nowMs
    if (!isDone) setTimeout(turn, RESOLUTION_MS)
  }
  setTimeout(turn, RESOLUTION_MS)
  delay.enable()
  const [sinceMs, sinceThreadMs] = [performance.now(), threadMs()]
  const value = await work()
  const figures = {
    what,
    seconds: rounded((performance.now() - sinceMs) / 1_000),
    threadSeconds: rounded((threadMs() - sinceThreadMs) / 1_000),
    delayMsMax: rounded(delay.max / 1e6),
    stretchMsMax: rounded(stretchMsMax),
  }
  isDone = true
  delay.disable()
  return [value, figures]
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const rounded = (value: number): number => Math.round(value * 10) / 10
