import { chown, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'
import {
  isAlive,
  isPostmasterOf,
  isTaken,
  type PostmasterFile,
  type RunAs,
  readPostmasterFile,
} from './postgres-process.ts'

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

/** Who wants the data directory. */
export interface Claim {
  readonly dataDir: string
  /** The claimant's own, to be left alone. */
  readonly socketDir: string
  readonly log: Logger
  readonly signal: AbortSignal
}

/** A setting of ours on the server's command line. */
export const ownerPidSetting = 'spillway.owner_pid'
/** The owner's session is called this, and its pid. */
export const ownerName = 'spillway-owner'
/** "SPIL": the two halves of the owner's advisory lock in database `postgres`. */
export const ownerLock = [0x5350494c, 1] as const
/** A server that has just started has written its pid and may not have written its options yet. */
const optionsGraceMs = 1_000
/** A live owner that holds no lock is between two sessions; past this its pid is somebody else's. */
const ownerGraceMs = 5_000
/** A dead owner's server that cannot be asked may just be starting under a new owner. */
const silentGraceMs = 1_000
/** A live owner's server may be recovering; past this somebody has to look. */
const askWaitMsMax = 60_000

/**
 * Who owns a data directory is said in three places, each true at its own moment:
 * - the owner's session holds an advisory lock: the lock falls when the owner dies, however it dies;
 * - the server's own command line carries `spillway.owner_pid`, readable from `postmaster.opts` when nobody can
 *   connect, and from the first instant, before the owner could take the lock;
 * - `postmaster.pid` lets one postmaster at a time onto the data.
 * Held → AlreadyRunning. Free while the owner's pid lives → wait `ownerGraceMs`: it is about to take the lock, or the
 * pid is somebody else's by now. Free and the owner gone → the server is an orphan: it gets SIGINT. It is never adopted:
 * its port, settings and log pipe are its dead parent's.
 *
 * Returns when no postmaster runs on the data, an orphan having been stopped; throws AlreadyRunning when the owner lives.
 */
export async function clearTheWay({ dataDir, socketDir, log, signal }: Claim): Promise<void> {
  const startedMs = performance.now()
  let silentSinceMs: number | undefined
  for (;;) {
    const file = await readPostmasterFile(dataDir)
    if (!file) return
    if (!isPostmasterOf(file.pid, dataDir)) {
      if (file.socketDir !== socketDir) await removeSocketDir(file.socketDir)
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
      if (waitedMs > optionsGraceMs)
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
        if (file.socketDir !== socketDir) await removeSocketDir(file.socketDir)
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
      if (waitedMs > askWaitMsMax) {
        throw new Error(
          `PostgreSQL pid ${file.pid} of pid ${ownerPid} runs on ${dataDir} and does not answer`,
          {
            cause: asked.cause,
          },
        )
      }
    }
    await delay(50, undefined, { signal })
  }
}

export type Holder =
  | { readonly kind: 'held'; readonly ownerPid: number }
  | { readonly kind: 'free' }
  | { readonly kind: 'silent'; readonly cause: unknown }

/** Asks a running server who holds the owner's lock, without taking it. */
export async function askHolder(server: Pick<PostmasterFile, 'port' | 'socketDir'>): Promise<Holder> {
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
export async function makeSocketDir({ runAs }: { readonly runAs?: RunAs }): Promise<string> {
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
