import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import type { TestProject } from 'vitest/node'
import { type PostgresConnection, startEmbeddedPostgres } from '../../subgraphs/embedded-postgres.ts'
import { locatePostgres } from '../../subgraphs/postgres-binaries.ts'
import { prepareCluster } from '../../subgraphs/postgres-cluster.ts'
import { isAlive, isPostmasterOf, readPostmasterFile } from '../../subgraphs/postgres-process.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server that all test files share; each makes its own databases in it. */
    postgres: PostgresConnection
    /** A cluster that was never started, to be copied: 0.1 s instead of initdb's 1 s. */
    postgresTemplate: string
  }
}

const prefix = 'spillway-test-'
/** What does not say whose it is may be in use. */
const OWNED = new RegExp(`^${prefix}(\\d+)-`)

/** One real PostgreSQL for the whole run, durable as in production, removed afterwards. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeAbandoned()
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`))
  // Root hands the server to another user, who has to get in.
  await chmod(folder, 0o711)
  const log = pino({ level: 'error' })
  const template = join(folder, 'template')
  await prepareCluster(template, await locatePostgres(), log)
  const dataDir = join(folder, 'postgres')
  await promisify(execFile)('cp', ['-a', template, dataDir])
  const server = await startEmbeddedPostgres({ dataDir, listen: { kind: 'tcp' }, connectionsMax: 300, log })
  project.provide('postgresTemplate', template)
  project.provide('postgres', server.connection)
  return async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a run that was killed left behind: its server and its data. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, owner] = OWNED.exec(name) ?? []
    if (owner === undefined || isAlive(Number(owner))) continue
    const dataDir = join(tmpdir(), name, 'postgres')
    const file = await readPostmasterFile(dataDir)
    if (file && isPostmasterOf(file.pid, dataDir)) process.kill(file.pid, 'SIGQUIT')
    await rm(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}
