import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from 'pino'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { isAlive, postgresEnvironment, type RunAs } from './postgres-process.ts'

const run = promisify(execFile)

const versionMajor = '18'

/** A data directory that `postgres` can be started on. */
export interface Cluster {
  /** Absolute, with symlinks resolved. */
  readonly dataDir: string
  /** The unprivileged user that must own and run it; absent when this process is unprivileged itself. */
  readonly runAs?: RunAs
}

/**
 * Makes sure that `dataDir` holds an initialised cluster, and that the user who will run it can reach it.
 *
 * initdb works in `<dataDir>.init-<pid>-…`, syncs what it wrote, and only then is the folder renamed: whoever is killed
 * half way leaves a folder that the next start removes, never half a cluster under the real name. initdb's own
 * sync is kept: it costs 0.15 s of 1.0 s here, and without it a power cut after the first acknowledged claim could
 * lose the catalogue that the claim hangs on.
 *
 * Throws with the path and the remedy when a path cannot be reached or written, belongs to another user, holds
 * something else, or comes from another major version.
 */
export async function prepareCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  log: Logger,
): Promise<Cluster> {
  const wanted = resolve(dataDir)
  const parent = await makeParent(dirname(wanted))
  const path = join(parent, basename(wanted))
  const found = await inspect(path)
  const runAs = await chooseUser(found?.ownerUid, path)
  if (runAs) await assertReachable([binaries.postgres, parent], runAs)
  await removeAbandoned(path, log)
  if (!found?.initialised) await initialise(path, binaries, runAs, log)
  const real = await realpath(path)
  return runAs ? { dataDir: real, runAs } : { dataDir: real }
}

async function makeParent(parent: string): Promise<string> {
  try {
    await mkdir(parent, { recursive: true })
    return await realpath(parent)
  } catch (cause) {
    throw new Error(
      `cannot create ${parent} for the database: ${(cause as Error).message}; choose a DATA_DIR that can be written`,
      { cause },
    )
  }
}

async function inspect(path: string): Promise<{ initialised: boolean; ownerUid: number } | undefined> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw new Error(`cannot look at ${path}: ${cause.message}`, { cause })
  })
  if (!found) return undefined
  if (!found.isDirectory()) throw new Error(`${path} should be PostgreSQL's data directory, but is a file`)
  const uid = process.getuid?.() ?? 0
  if (uid !== 0 && found.uid !== uid) {
    throw new Error(
      `${path} belongs to uid ${found.uid} and this process runs as uid ${uid}: start as that user, chown it, or choose another DATA_DIR`,
    )
  }
  const version = await readFile(join(path, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (version !== undefined) {
    if (version.trim() !== versionMajor) {
      throw new Error(
        `${path} was made by PostgreSQL ${version.trim()} and this is ${versionMajor}: choose another DATA_DIR or migrate it`,
      )
    }
    return { initialised: true, ownerUid: found.uid }
  }
  const entries = await readdir(path)
  if (entries.length > 0) {
    throw new Error(
      `${path} holds ${entries.length} entries but no PostgreSQL cluster: choose an empty DATA_DIR`,
    )
  }
  // An empty folder that root made says nothing about who should run the server.
  return { initialised: false, ownerUid: 0 }
}

/** PostgreSQL refuses to run as root, so root hands over: to the folder's owner, to `postgres`, or to `nobody`. */
async function chooseUser(ownerUid: number | undefined, path: string): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const candidates = ownerUid ? [String(ownerUid)] : ['postgres', 'nobody']
  for (const name of candidates) {
    const ids = await Promise.all(
      ['-u', '-g'].map(flag =>
        run('id', [flag, name]).then(
          ({ stdout }) => Number(stdout),
          () => 0,
        ),
      ),
    )
    const [uid, gid] = ids
    if (uid && gid) return { uid, gid }
  }
  throw new Error(
    `PostgreSQL does not run as root, and there is no user ${candidates.join(' or ')} to run ${path}: start as an unprivileged user`,
  )
}

/** Asks the kernel as that user, so that access lists count too; names the first folder that bars the way. */
async function assertReachable(paths: readonly string[], runAs: RunAs): Promise<void> {
  const steps = [...new Set((await Promise.all(paths.map(p => realpath(p)))).flatMap(ancestors))]
  const script = 'for p; do [ -x "$p" ] || { printf %s "$p"; exit 0; }; done'
  const { stdout: barred } = await run('/bin/sh', ['-c', script, 'sh', ...steps], { ...runAs, cwd: '/' })
  if (barred !== '') {
    throw new Error(
      `PostgreSQL must run as uid ${runAs.uid} (this process is root), and that user cannot enter ${barred}: ` +
        `chmod o+x ${barred}, move the project or DATA_DIR elsewhere, or start as an unprivileged user`,
    )
  }
}

const ancestors = (path: string): string[] =>
  path === dirname(path) ? [path] : [...ancestors(dirname(path)), path]

/** Folders of initialisations whose process is gone. One that lives still works in its own. */
async function removeAbandoned(path: string, log: Logger): Promise<void> {
  const prefix = `${basename(path)}.init-`
  // A folder that cannot be listed may still hold a cluster that can be started.
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (!name.startsWith(prefix)) continue
    const pid = Number(name.slice(prefix.length).split('-')[0])
    if (pid !== process.pid && isAlive(pid)) continue
    const abandoned = join(dirname(path), name)
    log.warn({ abandoned }, 'removing a database initialisation that was never finished')
    // The killed parent's initdb may still be writing for a moment: hence the retries.
    await rm(abandoned, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
}

async function initialise(
  path: string,
  binaries: PostgresBinaries,
  runAs: RunAs | undefined,
  log: Logger,
): Promise<void> {
  const startedMs = performance.now()
  const folder = await mkdtemp(`${path}.init-${process.pid}-`).catch((cause: Error) => {
    throw new Error(`cannot write beside ${path}: ${cause.message}; choose a DATA_DIR that can be written`, {
      cause,
    })
  })
  try {
    await chmod(folder, 0o700)
    if (runAs) await chown(folder, runAs.uid, runAs.gid)
    await run(
      binaries.initdb,
      [
        ...[
          '-D',
          folder,
          '-U',
          'postgres',
          '--encoding=UTF8',
          '--locale-provider=builtin',
          '--locale=C.UTF-8',
        ],
        // A local socket lives in a folder that only its owner can enter; TCP asks for a password.
        ...['--auth-local=trust', '--auth-host=scram-sha-256', '--no-instructions'],
      ],
      { ...runAs, env: postgresEnvironment, cwd: '/' },
    ).catch((cause: Error & { stderr?: string; code?: unknown }) => {
      const why =
        cause.code === 'ENOENT'
          ? `${binaries.initdb} does not start: these binaries need glibc (not musl)`
          : cause.stderr?.trim() || cause.message
      throw new Error(`initdb failed: ${why}`, { cause })
    })
    await rename(folder, path).catch((cause: NodeJS.ErrnoException) => {
      // Another start was quicker. Its cluster is as good as ours; who may own it, the lock decides.
      if (cause.code === 'ENOTEMPTY' || cause.code === 'EEXIST') return
      throw new Error(`cannot move the new cluster to ${path}: ${cause.message}`, { cause })
    })
    await syncFolder(dirname(path))
    log.info({ path, tookMs: Math.round(performance.now() - startedMs) }, 'database initialised')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A rename survives a power cut once its folder is synced. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
