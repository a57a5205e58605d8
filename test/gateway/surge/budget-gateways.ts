import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Load, Order, Outcome, Report } from './budget-gateway.ts'

/** Processes of their own that draw on the budgets of one Redis, as gateways do. */
export interface BudgetGateways extends AsyncDisposable {
  /** All begin at once. The outcomes of every process, a list a load. */
  run(durationMs: number, loads: readonly Load[]): Promise<readonly (readonly Outcome[])[]>
  look(): Promise<readonly Extract<Report, { kind: 'seen' }>[]>
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

/** Reports of other kinds are answers to orders that are under way as well. */
async function tell<K extends Report['kind']>(
  child: ChildProcess,
  order: Order,
  kind: K,
): Promise<Extract<Report, { kind: K }>> {
  return await new Promise((resolve, reject) => {
    const settle = (): void => {
      child.off('message', heard)
      child.off('exit', left)
    }
    const heard = (report: Report): void => {
      if (report.kind !== kind) return
      settle()
      resolve(report as Extract<Report, { kind: K }>)
    }
    const left = (code: number | null): void => {
      settle()
      reject(new Error(`a gateway of the test ended (${code}) while it was told to ${order.kind}`))
    }
    child.on('message', heard)
    child.on('exit', left)
    child.send(order)
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** A sum over what came of one load in every process. */
export const sum = (
  outcomes: readonly Outcome[],
  what: 'offeredPoints' | 'admittedPoints' | 'failed',
): number => outcomes.reduce((total, outcome) => total + outcome[what], 0)

/** How long any of them was held up, each moment counted once. */
export function noiseMs(outcomes: readonly Outcome[]): number {
  let untilMs = Number.NEGATIVE_INFINITY
  let total = 0
  const spans = outcomes.flatMap(({ noise }) => noise).sort(([a], [b]) => a - b)
  for (const [fromMs, toMs] of spans) {
    total += Math.max(0, toMs - Math.max(fromMs, untilMs))
    untilMs = Math.max(untilMs, toMs)
  }
  return total
}

/** From the first demand to the last, and to the last answer. */
export function spansMs(outcomes: readonly Outcome[]): { readonly asked: number; readonly answered: number } {
  const firstMs = Math.min(...outcomes.map(one => one.firstMs))
  return {
    asked: Math.max(...outcomes.map(one => one.lastSentMs)) - firstMs,
    answered: Math.max(...outcomes.map(one => one.lastAnsweredMs)) - firstMs,
  }
}
