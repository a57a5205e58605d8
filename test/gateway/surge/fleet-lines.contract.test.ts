import { afterAll, beforeAll } from 'vitest'
import { connectRedis } from '../../../gateway/redis/redis-connection.ts'
import { openFleetBudgets } from '../../../gateway/surge/fleet-budgets.ts'
import { silent } from '../../harness/postgres.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { linesContract } from './lines-contract.ts'

let server: TestRedis
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

let tests = 0

linesContract('of a fleet, on Redis', async (lineTerms, clock) => {
  // Patient: what is proved here is not about a machine that is busy elsewhere.
  const store = await openFleetBudgets({
    redis: connectRedis(server.url),
    logger: silent,
    clock,
    lineTerms,
    prefix: `test-${++tests}:`,
    waitMsMax: 30_000,
  })
  return {
    lines: store.lines,
    lose: async () => {
      await server.ask('FLUSHALL')
    },
    // What was told goes to Redis with its instant, before whatever is asked after it.
    settled: () => Promise.resolve(),
    close: () => store.close(),
  }
})

linesContract(
  'of a fleet of one, without Redis',
  async (lineTerms, clock) => {
    const gone = await startRedis()
    await gone.stop()
    const store = await openFleetBudgets({ redis: connectRedis(gone.url), logger: silent, clock, lineTerms })
    return { lines: store.lines, settled: () => Promise.resolve(), close: () => store.close() }
  },
  { canLose: false },
)
