import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'
import { locatePostgres, type PostgresBinaries } from './postgres-binaries.ts'
import { type Cluster, prepareCluster } from './postgres-cluster.ts'
import {
  AlreadyRunning,
  askHolder,
  clearTheWay,
  makeSocketDir,
  ownerLock,
  ownerName,
  ownerPidSetting,
} from './postgres-ownership.ts'
import {
  freePort,
  isAlive,
  launchPostgres,
  type PostgresExit,
  PostgresNotStarted,
  type PostgresProcess,
} from './postgres-process.ts'

export { AlreadyRunning } from './postgres-ownership.ts'

/** Where a server is found, in the words of `pg`. `host` is an address, or a socket's folder. */
export interface PostgresConnection {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password?: string
  readonly database: string
}

export interface EmbeddedPostgresOptions {
  /** The cluster's folder; made when absent. Its parent must be on the same disk (a rename). */
  readonly dataDir: string
  /** A unix socket for one process; TCP on 127.0.0.1 with a password (a free port when none is given). */
  readonly listen: { readonly kind: 'socket' } | { readonly kind: 'tcp'; readonly port?: number }
  /** Sessions, ours included. The pools' sizes are asserted against it (database.ts). */
  readonly connectionsMax: number
  readonly log: Logger
  /** Server settings beside those below. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** Told of every change of state after the first `up`. */
  readonly onState?: (state: PostgresState) => void
}

/**
 * `up` serving · `down` died under us, being restarted · `stopped` by us · `lost` another process owns the data
 * now (ours was frozen so long that it was taken for dead): final, the process should end.
 */
export type PostgresState = 'up' | 'down' | 'stopped' | 'lost'

export interface EmbeddedPostgres {
  /** Role and database `spillway`; the role may create databases and is no superuser. */
  readonly connection: PostgresConnection
  /** The superuser, through the socket: for tests and for a look inside. */
  readonly admin: PostgresConnection
  readonly state: PostgresState
  /** The postmaster's process id; while down, that of the last one. */
  readonly pid: number
  /** How often it was started again after it died. */
  readonly restarts: number
  /** Ends every session, writes a checkpoint, resolves when the server is gone. May be called twice. */
  stop(): Promise<void>
}

/**
 * Starts a real PostgreSQL 18 on `dataDir` and owns it until `stop()`.
 *
 * Who owns the data is decided in postgres-ownership.ts.
 *
 *     start ── orphan? ── SIGINT, wait ──┐
 *       └── nobody ──────────────────────┴→ launch → lock → up ⇄ down (died: again after 0.1 … 5 s)
 *                                                            └→ stopped | lost
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const binaries = await locatePostgres()
  const cluster = await prepareCluster(options.dataDir, binaries, options.log)
  // Two starts in one process would share an owner pid, and each would take the other for itself.
  if (ownedHere.has(cluster.dataDir)) throw new AlreadyRunning(process.pid, cluster.dataDir)
  ownedHere.add(cluster.dataDir)
  const server = new OwnedServer(options, binaries, cluster)
  try {
    await server.start()
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

/**
 * What the server runs with. Durability is said aloud although it is the default. Sized for a laptop or one small
 * machine that also runs the gateway; `lz4` is not in these binaries, and pglz costs more processor than it saves
 * disk, so wal_compression stays off and checkpoints are made rare instead (each one makes every page's next change
 * write the whole page to the log).
 */
export function serverSettings(connectionsMax: number): Record<string, string | number> {
  const memoryMb = totalmem() / 2 ** 20
  return {
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    max_connections: connectionsMax,
    shared_buffers: `${Math.round(Math.min(512, Math.max(64, memoryMb / 16)))}MB`,
    effective_cache_size: `${Math.round(memoryMb / 4)}MB`,
    work_mem: '8MB',
    maintenance_work_mem: '64MB',
    max_wal_size: '2GB',
    min_wal_size: '256MB',
    wal_buffers: '16MB',
    checkpoint_timeout: '15min',
    random_page_cost: 1.1,
    // Every statement of ours is short: compiling or spreading one over workers only costs.
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Errors reach us with the answer; logged, their detail would put shoppers' ids into the log.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
    log_line_prefix: '',
  }
}

const ownedHere = new Set<string>()
const socketPort = 5432
const startWaitMsMax = 60_000
const backoffMsMin = 100
const backoffMsMax = 5_000
/** Having been up this long, the next death starts the backoff afresh. */
const steadyMs = 60_000

class OwnedServer implements EmbeddedPostgres {
  readonly #options: EmbeddedPostgresOptions
  readonly #binaries: PostgresBinaries
  readonly #cluster: Cluster
  readonly #password: string | undefined
  readonly #stopping = new AbortController()
  #port = socketPort
  #socketDir = ''
  #process: PostgresProcess | undefined
  #owner: pg.Client | undefined
  #supervising: Promise<void> | undefined
  #ending: Promise<void> | undefined
  state: PostgresState = 'down'
  restarts = 0

  constructor(options: EmbeddedPostgresOptions, binaries: PostgresBinaries, cluster: Cluster) {
    this.#options = options
    this.#binaries = binaries
    this.#cluster = cluster
    // Made anew at every start and never written down: the server keeps only its verifier.
    if (options.listen.kind === 'tcp') this.#password = randomBytes(18).toString('base64url')
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get connection(): PostgresConnection {
    const identity = { port: this.#port, user: 'spillway', database: 'spillway' }
    return this.#password === undefined
      ? { host: this.#socketDir, ...identity }
      : { host: '127.0.0.1', password: this.#password, ...identity }
  }

  get admin(): PostgresConnection {
    return { host: this.#socketDir, port: this.#port, user: 'postgres', database: 'postgres' }
  }

  async start(): Promise<void> {
    this.#socketDir = await makeSocketDir(this.#cluster)
    await this.#bringUp()
    this.state = 'up'
    this.#supervising = this.#supervise()
  }

  stop(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    this.#stopping.abort()
    await this.#process?.stop()
    await this.#supervising
    // A launch that was under way when we began to stop.
    await this.#process?.stop()
    await this.#owner?.end().catch(() => {})
    if (this.#socketDir) await rm(this.#socketDir, { recursive: true, force: true })
    ownedHere.delete(this.#cluster.dataDir)
    this.#become('stopped')
  }

  #become(state: PostgresState): void {
    if (this.state === state || this.state === 'stopped') return
    if (this.state === 'lost' && state !== 'stopped') return
    this.state = state
    this.#options.onState?.(state)
  }

  /** Runs until stopped: waits for the server's death, and brings it up again. */
  async #supervise(): Promise<void> {
    const { log } = this.#options
    const { signal } = this.#stopping
    let backoffMs = backoffMsMin
    while (!signal.aborted) {
      const upMs = performance.now()
      const exit = await this.#process!.exited
      if (signal.aborted) return
      this.#become('down')
      log.error({ ...exit, pid: this.pid }, 'PostgreSQL died under us; starting it again')
      if (performance.now() - upMs > steadyMs) backoffMs = backoffMsMin
      for (let up = false; !up && !signal.aborted; ) {
        await delay(backoffMs, undefined, { signal }).catch(() => {})
        backoffMs = Math.min(backoffMs * 2, backoffMsMax)
        if (signal.aborted) return
        try {
          await this.#bringUp()
          up = true
        } catch (error) {
          if (error instanceof AlreadyRunning) {
            log.fatal({ err: error }, 'another process owns the database now')
            this.#become('lost')
            return
          }
          log.error({ err: error, nextTryMs: backoffMs }, 'PostgreSQL could not be started')
        }
      }
      if (signal.aborted) return
      this.restarts++
      this.#become('up')
      log.warn({ pid: this.pid, restarts: this.restarts }, 'PostgreSQL is back')
    }
  }

  /** From whatever state the folder is in to a running server whose lock we hold; throws AlreadyRunning. */
  async #bringUp(): Promise<void> {
    const { listen, log, connectionsMax } = this.#options
    const giveUpMs = performance.now() + startWaitMsMax
    let told = false
    for (;;) {
      await clearTheWay({
        dataDir: this.#cluster.dataDir,
        socketDir: this.#socketDir,
        log,
        signal: this.#stopping.signal,
      })
      if (listen.kind === 'tcp' && this.#process === undefined) this.#port = listen.port ?? (await freePort())
      try {
        this.#process = await launchPostgres({
          ...this.#cluster,
          postgres: this.#binaries.postgres,
          port: this.#port,
          socketDir: this.#socketDir,
          tcp: listen.kind === 'tcp',
          settings: {
            ...serverSettings(connectionsMax),
            ...this.#options.settings,
            [ownerPidSetting]: process.pid,
          },
          log,
          signal: this.#stopping.signal,
        })
        break
      } catch (error) {
        if (
          !(error instanceof PostgresNotStarted) ||
          !mayPass(error.exit, listen) ||
          performance.now() > giveUpMs
        )
          throw error
        if (!told) log.warn({ reason: error.exit.lastLines }, 'PostgreSQL cannot start yet; trying again')
        told = true
        await delay(50)
      }
      this.#stopping.signal.throwIfAborted()
    }
    await this.#takeLock(giveUpMs)
  }

  /** Opens the owner's session, takes the lock, and makes sure that role, password and database are there. */
  async #takeLock(giveUpMs: number): Promise<void> {
    const server = this.#process!
    for (;;) {
      const owner = new pg.Client({
        ...this.admin,
        ssl: false,
        application_name: `${ownerName} ${process.pid}`,
      })
      owner.on('error', () => {})
      try {
        await owner.connect()
        const { rows } = await owner.query('SELECT pg_try_advisory_lock($1, $2) AS locked', [...ownerLock])
        if (!rows[0].locked) throw new Error("the owner's lock is held by another session")
        await this.#furnish(owner)
        this.#owner = owner
        owner.once('end', () => void this.#retakeLock(owner, server))
        return
      } catch (error) {
        await owner.end().catch(() => {})
        const holder = server.running
          ? await askHolder({ ...this.admin, socketDir: this.#socketDir })
          : undefined
        if (holder?.kind === 'held' && holder.ownerPid !== process.pid && isAlive(holder.ownerPid)) {
          throw new AlreadyRunning(holder.ownerPid, this.#cluster.dataDir)
        }
        if (!server.running || performance.now() > giveUpMs || this.#stopping.signal.aborted) throw error
        await delay(50)
      }
    }
  }

  /** After a backend crashes PostgreSQL ends every session, ours with the lock too, while the postmaster lives on. */
  async #retakeLock(ended: pg.Client, server: PostgresProcess): Promise<void> {
    if (this.#owner !== ended) return
    this.#owner = undefined
    const { signal } = this.#stopping
    while (server.running && !signal.aborted && !this.#owner) {
      await delay(50, undefined, { signal }).catch(() => {})
      if (signal.aborted || !server.running) return
      await this.#takeLock(performance.now() + startWaitMsMax).catch(error =>
        this.#options.log.warn({ err: error }, "could not take the owner's lock again yet"),
      )
    }
  }

  async #furnish(owner: pg.Client): Promise<void> {
    const { rows } = await owner.query(
      `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'spillway') AS role,
              EXISTS (SELECT FROM pg_database WHERE datname = 'spillway') AS database`,
    )
    if (!rows[0].role) await owner.query('CREATE ROLE spillway LOGIN CREATEDB')
    if (this.#password !== undefined) {
      await owner.query(`ALTER ROLE spillway PASSWORD '${scramVerifier(this.#password)}'`)
    }
    if (!rows[0].database) await owner.query('CREATE DATABASE spillway OWNER spillway')
  }
}

/** Whether a failed launch may succeed when tried again: others are leaving, or the port was taken meanwhile. */
function mayPass(exit: PostgresExit, listen: EmbeddedPostgresOptions['listen']): boolean {
  if (/shared memory block .* is still in use/.test(exit.lastLines)) return true
  if (/lock file "postmaster.pid" already exists/.test(exit.lastLines)) return true
  if (/received (fast|smart) shutdown request/.test(exit.lastLines)) return true
  return listen.kind === 'tcp' && listen.port === undefined && /Address already in use/.test(exit.lastLines)
}

/** RFC 5803's stored form, so that the password itself never reaches the server's log or its activity view. */
function scramVerifier(password: string): string {
  const iterations = 4096
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const keyed = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${keyed('Server Key').toString('base64')}`
}
