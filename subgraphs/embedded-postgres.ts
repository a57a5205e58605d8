import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { chown, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir, totalmem } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'
import { locatePostgres, type PostgresBinaries } from './postgres-binaries.ts'
import { type Cluster, prepareCluster } from './postgres-cluster.ts'
import {
  freePort,
  isAlive,
  isPostmasterOf,
  isTaken,
  launchPostgres,
  type PostgresExit,
  PostgresNotStarted,
  type PostgresProcess,
  type PostmasterFile,
  readPostmasterFile,
} from './postgres-process.ts'

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

/** Another live process owns this data directory. */
export class AlreadyRunning extends Error {
  /** The owner: the Node process, not PostgreSQL. */
  readonly pid: number
  constructor(pid: number, dataDir: string) {
    super(`already running, pid ${pid} (it owns ${dataDir})`)
    this.name = 'AlreadyRunning'
    this.pid = pid
  }
}

/**
 * Starts a real PostgreSQL 18 on `dataDir` and owns it until `stop()`.
 *
 * Who owns a data directory is said in three places, each true at its own moment:
 * - the owner's session holds an advisory lock: the lock falls when the owner dies, however it dies;
 * - the server's own command line carries `spillway.owner_pid`, readable from `postmaster.opts` when nobody can
 *   connect, and from the first instant, before the owner could take the lock;
 * - `postmaster.pid` lets one postmaster at a time onto the data.
 * Held → AlreadyRunning. Free, and the owner gone → the server is an orphan: it gets SIGINT and we start our own. An
 * orphan is never adopted: its port, settings and log pipe are its dead parent's.
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
const ownerPidSetting = 'spillway.owner_pid'
const ownerName = 'spillway-owner'
/** "SPIL": the two halves of the owner's advisory lock in database `postgres`. */
const ownerLock = [0x5350494c, 1] as const
const socketPort = 5432
const startWaitMsMax = 60_000
/** A live owner that holds no lock is between two sessions; past this its pid is somebody else's. */
const ownerGraceMs = 5_000
/** A dead owner's server that cannot be asked may just be starting under a new owner. */
const silentGraceMs = 1_000
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
      await this.#clearTheWay()
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

  /** Returns when no postmaster runs on the data; evicts an orphan; throws AlreadyRunning when the owner lives. */
  async #clearTheWay(): Promise<void> {
    const { dataDir } = this.#cluster
    const { log } = this.#options
    const startedMs = performance.now()
    let silentSinceMs: number | undefined
    for (;;) {
      const file = await readPostmasterFile(dataDir)
      if (!file) return
      if (!isPostmasterOf(file.pid, dataDir)) {
        if (file.socketDir !== this.#socketDir) await removeSocketDir(file.socketDir)
        // After a reboot the number may belong to any process, or in a container to a zombie that nobody reaps, and
        // PostgreSQL would refuse to start for ever.
        if (isTaken(file.pid)) await removeStalePid(dataDir, file.pid)
        return
      }
      const ownerPid = await readOwnerPid(dataDir)
      const ownerLives = ownerPid !== process.pid && isAlive(ownerPid)
      const waitedMs = performance.now() - startedMs
      const asked = await askHolder(file)
      if (asked.kind === 'held') {
        // A lock whose owner is dead falls as soon as the server has read the end of its session.
        if (isAlive(asked.ownerPid) || waitedMs > ownerGraceMs)
          throw new AlreadyRunning(asked.ownerPid, dataDir)
      } else if (ownerPid === 0) {
        throw new Error(
          `PostgreSQL pid ${file.pid} runs on ${dataDir} and was not started by us: stop it first`,
        )
      } else if (asked.kind === 'free') {
        if (!ownerLives || waitedMs > ownerGraceMs) {
          log.warn(
            { pid: file.pid, ownerPid },
            'taking over from an owner that is gone: stopping its PostgreSQL',
          )
          await evict(file, dataDir)
          if (file.socketDir !== this.#socketDir) await removeSocketDir(file.socketDir)
          return
        }
      } else {
        silentSinceMs ??= performance.now()
        if (!ownerLives && performance.now() - silentSinceMs > silentGraceMs) {
          log.warn({ pid: file.pid, ownerPid }, 'stopping an orphaned PostgreSQL that answers nobody')
          await evict(file, dataDir)
          await removeSocketDir(file.socketDir)
          return
        }
        if (waitedMs > startWaitMsMax) {
          throw new Error(
            `PostgreSQL pid ${file.pid} of pid ${ownerPid} runs on ${dataDir} and does not answer`,
            {
              cause: asked.cause,
            },
          )
        }
      }
      await delay(50, undefined, { signal: this.#stopping.signal })
    }
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

type Holder =
  | { readonly kind: 'held'; readonly ownerPid: number }
  | { readonly kind: 'free' }
  | { readonly kind: 'silent'; readonly cause: unknown }

/** Asks a running server who holds the owner's lock, without taking it. */
async function askHolder(server: Pick<PostmasterFile, 'port' | 'socketDir'>): Promise<Holder> {
  const client = new pg.Client({
    host: server.socketDir,
    port: server.port,
    ssl: false,
    user: 'postgres',
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ name: string }>(
      `SELECT a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid = $2`,
      [...ownerLock],
    )
    if (!rows[0]) return { kind: 'free' }
    return { kind: 'held', ownerPid: Number(rows[0].name.slice(ownerName.length)) }
  } catch (cause) {
    return { kind: 'silent', cause }
  } finally {
    await client.end().catch(() => {})
  }
}

/** Fast shutdown of a server that is nobody's, immediate when it takes too long: both lose nothing committed. */
async function evict(file: PostmasterFile, dataDir: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(file.pid, signal)
    } catch {
      // Gone already.
    }
    const giveUpMs = performance.now() + 30_000
    while (performance.now() < giveUpMs) {
      if (!isPostmasterOf(file.pid, dataDir)) return
      await delay(20)
    }
  }
  throw new Error(`the orphaned PostgreSQL pid ${file.pid} on ${dataDir} does not end: stop it by hand`)
}

/** The owner that the running server was started with: its command line, as PostgreSQL keeps it. 0: not one of ours. */
async function readOwnerPid(dataDir: string): Promise<number> {
  const text = await readFile(join(dataDir, 'postmaster.opts'), 'utf8').catch(() => '')
  return Number(new RegExp(`${ownerPidSetting}=(\\d+)`).exec(text)?.[1] ?? 0)
}

/**
 * Moved aside before it is judged, so that nobody else's new file is removed. Should two starters still meet, the
 * shared memory block, whose key comes from the folder's inode, lets one server onto the data.
 */
async function removeStalePid(dataDir: string, stalePid: number): Promise<void> {
  const path = join(dataDir, 'postmaster.pid')
  const aside = `${path}.${process.pid}`
  try {
    await rename(path, aside)
    const found = Math.abs(Number((await readFile(aside, 'utf8')).split('\n')[0]))
    if (found === stalePid) await rm(aside)
    else await rename(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const socketDirPrefix = 'spillway-pg-'
/** sun_path holds 104 bytes on macOS, 108 on Linux. */
const socketPathBytesMax = 103

/** A new folder under the temporary one, 0700: a socket's path must be short, and DATA_DIR's may be long. */
async function makeSocketDir({ runAs }: Cluster): Promise<string> {
  const roomFor = (folder: string): number =>
    Buffer.byteLength(join(folder, `${socketDirPrefix}XXXXXX/.s.PGSQL.65535.lock`))
  const parent = roomFor(tmpdir()) <= socketPathBytesMax ? tmpdir() : '/tmp'
  const folder = await mkdtemp(join(parent, socketDirPrefix)).catch((cause: Error) => {
    throw new Error(`cannot make a folder for PostgreSQL's socket in ${parent}: ${cause.message}`, { cause })
  })
  if (runAs) await chown(folder, runAs.uid, runAs.gid)
  return folder
}

/** Only a folder that makeSocketDir named: the path comes from a file. */
async function removeSocketDir(folder: string): Promise<void> {
  if (basename(folder).startsWith(socketDirPrefix))
    await rm(folder, { recursive: true, force: true }).catch(() => {})
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
