import { expect, test } from 'vitest'
import type { PlanElsewhere, PlanRequest } from '../../../gateway/execution/operation-plan.ts'
import { NO_ROLLOUT } from '../../../gateway/execution/plan.ts'
import { PlanHost } from '../../../gateway/execution/plan-host.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { TINY_SUPERGRAPH } from '../../harness/tiny-graph.ts'

/** Urgent requests go together; what is true of one alone stays true. */

const supergraph = loadSupergraph(TINY_SUPERGRAPH)
const asking = (text: string): PlanRequest => ({ supergraph, text, shape: 0, rollout: NO_ROLLOUT })
const names = Array.from({ length: 20 }, (_, i) => `n${i}`)

interface Made extends Disposable {
  readonly host: PlanHost
  readonly urgent: PlanElsewhere
  readonly plan: PlanElsewhere
  readonly deaths: string[]
  /** Starts the process, and stops it as if it were lost in a plan. */
  stop(): Promise<number>
}

function made(): Made {
  const host = new PlanHost()
  const deaths: string[] = []
  const plan = host.planner(({ operation }) => deaths.push(operation))
  return {
    host,
    deaths,
    plan,
    urgent: host.planner(({ operation }) => deaths.push(operation), true),
    async stop() {
      await plan(asking('{ who }'))
      process.kill(host.pid!, 'SIGSTOP')
      return host.pid!
    },
    [Symbol.dispose]() {
      if (host.pid !== undefined) process.kill(host.pid, 'SIGKILL')
    },
  }
}

test('each gets its own plan, or what is wrong with it', async () => {
  using planning = made()
  const texts = names.map((name, i) => (i % 5 === 3 ? `{ ${name}: nothing }` : `{ ${name}: who }`))
  const together = await Promise.allSettled(texts.map(text => planning.urgent(asking(text))))
  const alone: PromiseSettledResult<unknown>[] = []
  for (const text of texts) alone.push(...(await Promise.allSettled([planning.plan(asking(text))])))
  expect(together).toEqual(alone)
  expect(together.filter(({ status }) => status === 'rejected')).toHaveLength(4)
  expect(planning.host).toMatchObject({ plans: 40, deaths: 0, pending: 0 })
})

test('a process that is lost over some of them costs none: each is asked for again, alone', async () => {
  using planning = made()
  await planning.plan(asking('{ who }'))
  // The first one finds nobody to go with; the others go once it is answered.
  const asked = names.map(name => planning.urgent(asking(`{ ${name}: who }`)))
  await asked[0]
  process.kill(planning.host.pid!, 'SIGKILL')
  for (const plan of await Promise.all(asked)) expect(plan).toHaveProperty('stages')
  expect(planning.deaths).toEqual([])
  expect(planning.host).toMatchObject({ deaths: 1, pending: 0 })
})

test('between those that go together others have their turn, as many', async () => {
  using planning = made()
  const pid = await planning.stop()
  const order: string[] = []
  const ask = (name: string, plan: PlanElsewhere): Promise<unknown> =>
    plan(asking(`{ ${name}: who }`)).then(() => order.push(name))
  const asked = [
    ask('first', planning.plan),
    ...names.slice(0, 16).map(name => ask(name, planning.urgent)),
    ...['x', 'y', 'z'].map(name => ask(name, planning.plan)),
  ]
  process.kill(pid, 'SIGCONT')
  await Promise.all(asked)
  expect(order).toEqual(['first', ...names.slice(0, 8), 'x', 'y', 'z', ...names.slice(8, 16)])
})
