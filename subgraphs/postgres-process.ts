import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'

/** The unprivileged user and group of a child process. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** Nothing of ours leaks in (PGPORT, LD_PRELOAD); a set TZ spares initdb the search for the machine's zone. */
export const postgresEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
}

export interface LaunchOptions {
  /** Path of the `postgres` binary. */
  readonly postgres: string
  readonly dataDir: string
  readonly runAs?: RunAs
  readonly port: number
  /** Folder of the unix socket; entered only by the server's user. */
  readonly socketDir: string
  /** TCP on 127.0.0.1 beside the socket. */
  readonly tcp: boolean
  readonly settings: Readonly<Record<string, string | number>>
  readonly log: Logger
  /** Aborted while the server is starting: it is shut down, and the launch rejects. */
  readonly signal?: AbortSignal
}

/** One running postmaster: no lock, no restart; `embedded-postgres.ts` adds those. */
export interface PostgresProcess {
  readonly pid: number
  /** False once the process is gone. */
  readonly running: boolean
  /** Resolves when the process is gone, with what it last said. Never rejects. */
  readonly exited: Promise<PostgresExit>
  /** Fast shutdown: sessions are ended, a checkpoint is written. Immediate after `waitMsMax`. Resolves when gone. */
  stop(waitMsMax?: number): Promise<void>
  kill(signal: NodeJS.Signals): void
}

export interface PostgresExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly lastLines: string
}

/** A postmaster that went away before it could serve; `exit.lastLines` says why. */
export class PostgresNotStarted extends Error {
  readonly exit: PostgresExit
  constructor(exit: PostgresExit) {
    super(
      `PostgreSQL ended (${exit.signal ?? `exit ${exit.code}`}) before it was ready: ${exit.lastLines || 'it said nothing'}`,
    )
    this.name = 'PostgresNotStarted'
    this.exit = exit
  }
}

const linesKept = 20
/** What a server says whenever it starts or stops: to each of its clients, and of a predecessor not gone yet. */
const whileStopping =
  /administrator command|database system is (starting up|shutting down|not yet accepting)|is still in use|already exists/

/**
 * Starts `postgres` and resolves when it accepts connections; rejects with PostgresNotStarted when it ends instead.
 *
 * It is detached, in a session of its own: Ctrl-C reaches the whole process group, and PostgreSQL must outlive our
 * own shutdown until the last transaction has ended. Recovery may take as long as it needs: only the process's
 * end is a failure.
 */
export async function launchPostgres(options: LaunchOptions): Promise<PostgresProcess> {
  const settings = {
    listen_addresses: options.tcp ? '127.0.0.1' : '',
    unix_socket_directories: options.socketDir,
    port: options.port,
    ...options.settings,
  }
  const child = spawn(
    options.postgres,
    [
      '-D',
      options.dataDir,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    {
      ...options.runAs,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: postgresEnvironment,
      cwd: options.dataDir,
    },
  )
  const exited = watch(child, options.log)
  const { pid } = child
  if (pid === undefined) throw new PostgresNotStarted(await exited)
  let gone: PostgresExit | undefined
  void exited.then(exit => {
    gone = exit
  })
  const abort = (): void => void child.kill('SIGINT')
  options.signal?.addEventListener('abort', abort, { once: true })
  while (!gone) {
    const file = await readPostmasterFile(options.dataDir)
    if (file?.pid === pid && file.ready) break
    await Promise.race([delay(10), exited])
  }
  options.signal?.removeEventListener('abort', abort)
  if (gone) throw new PostgresNotStarted(gone)
  // From here on whoever waits for the server holds the process open, not the server itself.
  child.unref()
  ;(child.stderr as unknown as { unref(): void }).unref()
  return {
    pid,
    get running() {
      return gone === undefined
    },
    exited,
    kill: signal => void child.kill(signal),
    async stop(waitMsMax = 30_000) {
      // The handle was unref'd, and stopping must hold the process open until the checkpoint is written.
      child.ref()
      for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
        if (gone) return
        child.kill(signal)
        const waiting = new AbortController()
        await Promise.race([exited, delay(waitMsMax, undefined, { signal: waiting.signal }).catch(() => {})])
        waiting.abort()
      }
    },
  }
}

/** Forwards the server's log and keeps its end; `log_line_prefix` is empty, so that a line starts with its level. */
function watch(child: ChildProcess, log: Logger): Promise<PostgresExit> {
  const last: string[] = []
  const keep = (line: string): void => {
    last.push(line)
    if (last.length > linesKept) last.shift()
  }
  const lines = createInterface({ input: child.stderr! })
  lines.on('line', line => {
    keep(line)
    if (/^(FATAL|PANIC):/.test(line) && !whileStopping.test(line)) log.warn({ postgres: child.pid }, line)
    else log.debug({ postgres: child.pid }, line)
  })
  return new Promise(resolve => {
    child.once('error', error => {
      keep(
        (error as NodeJS.ErrnoException).code === 'ENOENT'
          ? `${error.message}: these binaries need glibc (not musl)`
          : error.message,
      )
      if (child.pid === undefined) resolve({ code: null, signal: null, lastLines: last.join('\n') })
    })
    child.once('exit', (code, signal) => {
      // Orphaned backends may keep the pipe open for a moment: the lines so far are what tells why.
      const settle = (): void => {
        lines.close()
        child.stderr?.destroy()
        resolve({ code, signal, lastLines: last.join('\n') })
      }
      Promise.race([once(lines, 'close'), delay(50)]).then(settle, settle)
    })
  })
}

/** What a running postmaster wrote about itself into its lock file. */
export interface PostmasterFile {
  readonly pid: number
  readonly port: number
  readonly socketDir: string
  readonly ready: boolean
}

export async function readPostmasterFile(dataDir: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => undefined)
  const lines = text?.split('\n') ?? []
  const pid = Number(lines[0])
  if (!Number.isSafeInteger(pid) || pid === 0) return undefined
  return {
    pid: Math.abs(pid),
    port: Number(lines[3] ?? 0),
    socketDir: lines[4] ?? '',
    ready: lines[7]?.trim() === 'ready',
  }
}

/** Whether the number is taken, be it by a zombie. */
export function isTaken(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether a process lives. A zombie does not: an orphan's may never be reaped in a container. */
export function isAlive(pid: number): boolean {
  if (!isTaken(pid)) return false
  if (process.platform !== 'linux') return true
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX]/.test(text.slice(text.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Whether `pid` is a postmaster on this data directory, and not a process that was given its number later. */
export function isPostmasterOf(pid: number, dataDir: string): boolean {
  if (!isAlive(pid)) return false
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === dataDir
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(
      'postgres',
    )
  } catch {
    return false
  }
}

/** A TCP port that is free on 127.0.0.1 now; somebody else may take it before it is used. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
