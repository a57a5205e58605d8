import { createServer, type Server } from 'node:net'
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

async function listening(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

const closed = (server: Server): Promise<unknown> => new Promise(resolve => server.close(resolve))

/** Where nobody answers: a port that was free a moment ago. */
async function nowhere(): Promise<string> {
  const server = createServer()
  const port = await listening(server)
  await closed(server)
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
  await coupon.says(/PostgreSQL at 127\.0\.0\.1:\d+ cannot be reached yet/)
  expect(coupon.output).toContain('ECONNREFUSED')
  expect(await coupon.stop()).toEqual({ code: 0, signal: null })
  expect(coupon.output).toContain('"stopped"')
})

test('while it waits for PostgreSQL it says so once in a while, in one short line', async () => {
  let asked = 0
  const thrice = Promise.withResolvers<void>()
  const server = createServer(socket => {
    socket.on('error', () => {}).destroy()
    if (++asked === 3) thrice.resolve()
  })
  const port = await listening(server)
  try {
    const coupon = run(['coupon'], { DATABASE_URL: `postgres://postgres@127.0.0.1:${port}/spillway` })
    await thrice.promise
    await coupon.stop()
    const warned = coupon.output
      .split('\n')
      .filter(line => /"level":(40|50)/.test(line) && !/IDENTITY_KEY/.test(line))
    expect(warned).toHaveLength(1)
    expect(warned[0]).toContain(`PostgreSQL at 127.0.0.1:${port} cannot be reached yet`)
    expect(coupon.output).not.toContain('stack')
  } finally {
    await closed(server)
  }
})

test('a database that does not exist, and a wrong password, end it at once with the cause in one line', async () => {
  const database = await createTestDatabase()
  try {
    const missing = new URL(database.url)
    missing.pathname = '/nosuch'
    const wrong = new URL(database.url)
    wrong.password = 'sesame'
    for (const [url, cause] of [
      [missing, 'database "nosuch" does not exist'],
      [wrong, `password authentication failed for user "${database.connection.user}"`],
    ] as const) {
      const catalog = run(['catalog'], { DATABASE_URL: url.href, IDENTITY_KEY: 'k'.repeat(32) })
      expect(await catalog.exited).toEqual({ code: 1, signal: null })
      expect(catalog.output).toBe(
        `spillway catalog: PostgreSQL at ${url.host} refuses the connection: ${cause}\n`,
      )
    }
  } finally {
    await database.close()
  }
})

test('a port in use ends it with what to do', async () => {
  const database = await createTestDatabase()
  const server = createServer()
  const port = await listening(server)
  try {
    const catalog = run(['catalog'], { DATABASE_URL: database.url, SEED: 'false', PORT: String(port) })
    expect(await catalog.exited).toEqual({ code: 1, signal: null })
    expect(catalog.output).toContain(
      `spillway catalog: port ${port} on 127.0.0.1 is in use; name another one with PORT\n`,
    )
  } finally {
    await closed(server)
    await database.close()
  }
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
  [['catalog'], 'DATABASE_URL: expected a postgres:// URL, got nothing\n'],
  [[], 'expected the name of a subgraph: coupon, catalog, campaign, payment\n\nUsage: npm run subgraph'],
])('%j without settings ends with 1 and says %j', async (args, message) => {
  const program = run(args)
  expect(await program.exited).toEqual({ code: 1, signal: null })
  expect(program.output).toContain(message)
})
