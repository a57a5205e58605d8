import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { type Logger, pino } from 'pino'
import { inject } from 'vitest'
import { type PostgresConnection, serverSettings } from '../../subgraphs/embedded-postgres.ts'
import { locatePostgres } from '../../subgraphs/postgres-binaries.ts'
import { prepareCluster } from '../../subgraphs/postgres-cluster.ts'
import {
  freePort,
  launchPostgres,
  PostgresNotStarted,
  type PostgresProcess,
} from '../../subgraphs/postgres-process.ts'
import './postgres-setup.ts'

/** For what must be given a logger and whose lines no test reads. */
export const silent: Logger = pino({ level: 'silent' })

/** Polls until `holds` answers truthy, and answers that; fails after 30 s saying what it waited for. */
export async function until<T>(what: string, holds: () => Promise<T> | T): Promise<NonNullable<T>> {
  const giveUpMs = performance.now() + 30_000
  for (;;) {
    const answer = await holds()
    if (answer) return answer
    if (performance.now() > giveUpMs) throw new Error(`waited 30 s for: ${what}`)
    await delay(10)
  }
}

export interface TestDatabase extends AsyncDisposable {
  readonly connection: PostgresConnection
  /** The same as a `DATABASE_URL`. */
  readonly url: string
  /** Drops it. Throws when a connection to it was left open: close every pool first. */
  close(): Promise<void>
}

/** A new, empty database on the run's shared server, or a copy of `template` (to which nobody may be connected). */
export async function createTestDatabase(
  options: { readonly template?: string } = {},
): Promise<TestDatabase> {
  const server = inject('postgres')
  const name = `test_${randomBytes(6).toString('hex')}`
  await ask(server, `CREATE DATABASE ${name}${options.template ? ` TEMPLATE ${options.template}` : ''}`)
  const connection = { ...server, database: name }
  const close = async (): Promise<void> => {
    const open = `SELECT application_name AS name, state, query FROM pg_stat_activity WHERE datname = '${name}'`
    // A client that has ended is seen by the server a moment later.
    const giveUpMs = performance.now() + 3_000
    let leaked = await ask(server, open)
    while (leaked.length > 0 && performance.now() < giveUpMs) {
      await delay(20)
      leaked = await ask(server, open)
    }
    await ask(server, `DROP DATABASE ${name} WITH (FORCE)`)
    if (leaked.length > 0) throw new Error(`connections left open: ${JSON.stringify(leaked)}`)
  }
  return { connection, url: urlOf(connection), close, [Symbol.asyncDispose]: close }
}

export const urlOf = ({ host, port, user, password = '', database }: PostgresConnection): string =>
  `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`

/** One statement on a connection of its own, outside any pool. */
export async function ask<Row extends object = Record<string, unknown>>(
  connection: PostgresConnection,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ ...connection, ssl: false })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

/** Moves a schema's clock() by `ms` against the real time, for everyone, from their next statement on. 0 sets it right. */
export async function shiftClock(connection: PostgresConnection, schema: string, ms: number): Promise<void> {
  await ask(
    connection,
    `CREATE OR REPLACE FUNCTION ${schema}.clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
       RETURN pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => ${(ms / 1000).toFixed(3)})`,
  )
}

/** A server of one test's own, to be killed. */
export interface OwnPostgres extends AsyncDisposable {
  readonly connection: PostgresConnection
  readonly url: string
  readonly pid: number
  /** SIGKILL to the postmaster and every backend, as a power cut would; resolves when they are gone. */
  kill9(): Promise<void>
  /** Again on the same port and data, after kill9() or stop(). */
  start(): Promise<void>
  /** Fast shutdown; the data stays. */
  stop(): Promise<void>
  /** Stops it and removes the data. */
  close(): Promise<void>
}

/** Durable, TCP with a password, role and database `spillway`. Nothing restarts it but the test. */
export async function startOwnPostgres(
  options: { readonly settings?: Readonly<Record<string, string | number>> } = {},
): Promise<OwnPostgres> {
  const { dataDir, remove } = await copyCluster()
  const binaries = await locatePostgres()
  const cluster = await prepareCluster(dataDir, binaries, silent)
  const socketDir = await mkdtemp(join(tmpdir(), 'spillway-pg-'))
  if (cluster.runAs) await chown(socketDir, cluster.runAs.uid, cluster.runAs.gid)
  const port = await freePort()
  const password = randomBytes(12).toString('hex')
  const connection = { host: '127.0.0.1', port, user: 'spillway', password, database: 'spillway' }
  let server: PostgresProcess | undefined

  async function start(): Promise<void> {
    server = await launchAgain(() =>
      launchPostgres({
        ...cluster,
        postgres: binaries.postgres,
        port,
        socketDir,
        tcp: true,
        settings: { ...serverSettings(120), ...options.settings },
        log: silent,
      }),
    )
  }
  const running = (): PostgresProcess => {
    if (!server?.running) throw new Error('expected a running server')
    return server
  }
  const close = async (): Promise<void> => {
    await server?.stop()
    await rm(socketDir, { recursive: true, force: true })
    await remove()
  }
  try {
    await start()
    const admin = { host: socketDir, port, user: 'postgres', database: 'postgres' }
    await ask(admin, `CREATE ROLE spillway LOGIN CREATEDB PASSWORD '${password}'`)
    await ask(admin, 'CREATE DATABASE spillway OWNER spillway')
  } catch (error) {
    await close()
    throw error
  }
  return {
    connection,
    url: urlOf(connection),
    get pid() {
      return running().pid
    },
    async kill9() {
      const postmaster = running()
      await killPostgres(postmaster.pid)
      await postmaster.exited
    },
    start,
    stop: async () => await running().stop(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A new cluster's data directory, as initdb leaves it; `remove` it with its folder. */
export async function copyCluster(): Promise<{ dataDir: string; remove: () => Promise<void> }> {
  const folder = await testFolder()
  const dataDir = join(folder, 'postgres')
  await promisify(execFile)('cp', ['-a', inject('postgresTemplate'), dataDir])
  return {
    dataDir,
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }),
  }
}

/** A new folder that an unprivileged server can enter; swept by the next run if this one is killed. */
export async function testFolder(): Promise<string> {
  // Runs that begin meanwhile know by the number that it is in use.
  const folder = await mkdtemp(join(tmpdir(), `spillway-test-${process.pid}-`))
  await chmod(folder, 0o711)
  return folder
}

/** The same, removed when it is disposed of. */
export async function usedTestFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await testFolder()
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }),
  }
}

/** The killed server's memory is freed only once the last of its backends has gone. */
async function launchAgain(launch: () => Promise<PostgresProcess>): Promise<PostgresProcess> {
  return await until('the old server to let go of its memory', async () => {
    try {
      return await launch()
    } catch (error) {
      if (error instanceof PostgresNotStarted && /still in use/.test(error.exit.lastLines)) return undefined
      throw error
    }
  })
}

/** SIGKILL to a postmaster and every backend, as a power cut would. */
export async function killPostgres(postmasterPid: number): Promise<void> {
  const backends = await childrenOf(postmasterPid)
  for (const pid of [postmasterPid, ...backends]) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended with its parent.
    }
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}
