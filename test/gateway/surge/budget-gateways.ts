import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Load, Order, Outcome, Report } from './budget-gateway.ts'

/** Processes of their own that draw on the budgets of one Redis, as gateways do. */
export interface BudgetGateways extends AsyncDisposable {
  /** All begin at once. The outcomes of every process, a list a load. */
  run(durationMs: number, loads: readonly Load[]): Promise<readonly (readonly Outcome[])[]>
  look(): Promise<readonly { readonly source: string; readonly gateways: number }[]>
  /** SIGKILL to one; the others are asked further on. */
  kill(index: number): Promise<void>
  stop(): Promise<void>
}

export async function startBudgetGateways(
  count: number,
  store: 'redis' | 'fleet',
  url: string,
): Promise<BudgetGateways> {
  const program = fileURLToPath(new URL('./budget-gateway.ts', import.meta.url))
  const children = Array.from({ length: count }, () => fork(program, { execArgv: [] }))
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end))
  }
  const tellAll = async <K extends Report['kind']>(order: Order, kind: K) =>
    await Promise.all(children.map(child => tell(child, order, kind)))
  try {
    await tellAll({ kind: 'open', store, url }, 'opened')
  } catch (error) {
    await stop()
    throw error
  }
  return {
    async run(durationMs, loads) {
      const startMs = performance.timeOrigin + performance.now() + 50
      const reports = await tellAll({ kind: 'run', startMs, durationMs, loads }, 'done')
      return loads.map((_, i) => reports.map(({ outcomes }) => outcomes[i]!))
    },
    look: async () => await tellAll({ kind: 'look' }, 'seen'),
    async kill(index) {
      const [child] = children.splice(index, 1)
      await end(child!)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function tell<K extends Report['kind']>(
  child: ChildProcess,
  order: Order,
  kind: K,
): Promise<Extract<Report, { kind: K }>> {
  const listening = new AbortController()
  const { signal } = listening
  const gone = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`a gateway of the test ended (${code}) while it was told to ${order.kind}`)
  })
  gone.catch(() => {})
  const answered = once(child, 'message', { signal })
  try {
    child.send(order)
    const [report] = (await Promise.race([answered, gone])) as [Report]
    if (report.kind !== kind)
      throw new Error(`expected ${kind} from a gateway of the test, got ${report.kind}`)
    return report as Extract<Report, { kind: K }>
  } finally {
    answered.catch(() => {})
    listening.abort()
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
