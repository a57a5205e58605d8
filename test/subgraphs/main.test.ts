import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createTestDatabase } from '../harness/postgres.ts'
import { type RunningProgram, runProgram } from '../harness/processes.ts'

const programs: RunningProgram[] = []
afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

function run(args: readonly string[], environment: Record<string, string> = {}): RunningProgram {
  const program = runProgram('subgraphs/main.ts', args, environment)
  programs.push(program)
  return program
}

/** Where nobody answers: a port that was free a moment ago. */
async function nowhere(): Promise<string> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return `postgres://postgres@127.0.0.1:${port}/spillway`
}

test('without IDENTITY_KEY it says what that means, and serves', async () => {
  const database = await createTestDatabase()
  try {
    const catalog = run(['catalog'], { DATABASE_URL: database.url, SEED: 'false' })
    await catalog.says(/"level":40.*IDENTITY_KEY is not set: every caller is anonymous/)
    await catalog.says(/catalog is ready/)
    expect(await catalog.stop()).toEqual({ code: 0, signal: null })
  } finally {
    await database.close()
  }
})

test('waits for a PostgreSQL that is not there yet, and ends at once when told to', async () => {
  const coupon = run(['coupon'], { DATABASE_URL: await nowhere() })
  await coupon.says(/PostgreSQL cannot be reached yet/)
  expect(await coupon.stop()).toEqual({ code: 0, signal: null })
  expect(coupon.output).toContain('"stopped"')
})

test('starts while its peers are down', async () => {
  const database = await createTestDatabase()
  try {
    const payment = run(['payment'], {
      DATABASE_URL: database.url,
      IDENTITY_KEY: 'k'.repeat(32),
      SUBGRAPH_URL_COUPON: 'http://127.0.0.1:1/graphql',
      SUBGRAPH_URL_CATALOG: 'http://127.0.0.1:1/graphql',
    })
    await payment.says(/payment is ready/)
    expect(payment.output).not.toContain('IDENTITY_KEY is not set')
    expect(await payment.stop()).toEqual({ code: 0, signal: null })
  } finally {
    await database.close()
  }
})

test.each([
  [['orders'], 'expected one of coupon, catalog, campaign, payment, got "orders"'],
  [['catalog'], 'DATABASE_URL: '],
  [[], 'Usage: npm run subgraph'],
])('%j without settings ends with 1 and says %j', async (args, message) => {
  const program = run(args)
  expect(await program.exited).toEqual({ code: 1, signal: null })
  expect(program.output).toContain(message)
})
