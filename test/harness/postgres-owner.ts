import { pino } from 'pino'
import { AlreadyRunning, startEmbeddedPostgres } from '../../subgraphs/embedded-postgres.ts'

/**
 * A process that owns an embedded PostgreSQL, for tests that kill it: `node postgres-owner.ts <dataDir>`. Tells what
 * happens as lines of JSON on stdout (see `OwnerLine` in the test), stops on SIGTERM, and ignores Ctrl-C.
 */
const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

process.on('SIGINT', () => tell({ interrupted: true }))
try {
  const server = await startEmbeddedPostgres({
    dataDir: process.argv[2]!,
    listen: { kind: 'socket' },
    connectionsMax: 20,
    log: pino({ level: 'silent' }),
    onState: state => tell({ state }),
  })
  process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)))
  tell({ ready: { connection: server.connection, admin: server.admin, pid: server.pid } })
  process.stdin.resume()
} catch (error) {
  const { message } = error as Error
  tell({ failed: { message, ...(error instanceof AlreadyRunning ? { ownerPid: error.pid } : {}) } })
}
