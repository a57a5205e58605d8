import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { Database } from '../../subgraphs/database.ts'
import {
  AlreadyRunning,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  type PostgresConnection,
  type PostgresState,
  startEmbeddedPostgres,
} from '../../subgraphs/embedded-postgres.ts'
import { hydrateSymlinks, locatePostgres } from '../../subgraphs/postgres-binaries.ts'
import { isAlive, isPostmasterOf, readPostmasterFile } from '../../subgraphs/postgres-process.ts'
import { ask, copyCluster, silent, testFolder, until } from '../harness/postgres.ts'

const asRoot = process.getuid?.() === 0
const nobody = { uid: 65_534, gid: 65_534 }

/** What a test must not leave behind, last made first. */
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A path whose folder exists and which does not itself. */
async function emptyPlace(): Promise<string> {
  const folder = await testFolder()
  cleanups.push(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  return join(folder, 'postgres')
}

/** The same with a cluster that no server ever ran on, for what is not about the first start. */
async function freshCluster(): Promise<string> {
  const { dataDir, remove } = await copyCluster()
  cleanups.push(remove)
  return dataDir
}

async function start(
  dataDir: string,
  options: Partial<EmbeddedPostgresOptions> = {},
): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir,
    listen: { kind: 'socket' },
    connectionsMax: 20,
    log: silent,
    ...options,
  })
  cleanups.push(() => server.stop())
  return server
}

interface OwnerLine {
  readonly ready?: {
    readonly connection: PostgresConnection
    readonly admin: PostgresConnection
    readonly pid: number
  }
  readonly failed?: { readonly message: string; readonly ownerPid?: number }
  readonly state?: PostgresState
  readonly interrupted?: boolean
}

interface Owner {
  readonly child: ChildProcess
  readonly pid: number
  readonly lines: OwnerLine[]
  /** Its first word: ready, or why not. */
  outcome(): Promise<OwnerLine>
  kill9(): Promise<void>
}

/** Another process that starts PostgreSQL on `dataDir`, leader of a process group of its own. */
function spawnOwner(dataDir: string, user?: { uid: number; gid: number }): Owner {
  const script = new URL('../harness/postgres-owner.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    ...user,
  })
  const ended = once(child, 'exit')
  const lines: OwnerLine[] = []
  createInterface({ input: child.stdout! }).on('line', line => lines.push(JSON.parse(line)))
  const kill9 = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  cleanups.push(async () => {
    const ready = lines.find(({ ready }) => ready)?.ready
    await kill9()
    if (!ready) return
    // Its PostgreSQL, if the test left it an orphan.
    if (isPostmasterOf(ready.pid, dataDir)) {
      process.kill(ready.pid, 'SIGQUIT')
      await until('the orphan to end', () => !isAlive(ready.pid))
    }
    await rm(ready.admin.host, { recursive: true, force: true })
  })
  return {
    child,
    pid: child.pid!,
    lines,
    outcome: () =>
      until('the owner to be ready or to fail', () => lines.find(({ ready, failed }) => ready ?? failed)),
    kill9,
  }
}

const row = 'INSERT INTO kept SELECT count(*) + 1 FROM kept'
async function createRow(connection: PostgresConnection): Promise<void> {
  await ask(connection, 'CREATE TABLE IF NOT EXISTS kept (n int)')
  await ask(connection, row)
}
const rows = (connection: PostgresConnection) => ask(connection, 'SELECT n FROM kept ORDER BY n')
const leftovers = async (dataDir: string): Promise<string[]> =>
  (await readdir(dirname(dataDir))).filter(name => name !== 'postgres')

describe('a first start', () => {
  it('makes a durable UTF-8 cluster, serves it, and the next start finds the data', async () => {
    const dataDir = await emptyPlace()
    const first = await start(dataDir)
    const settings = Object.fromEntries(
      (
        await ask<{ name: string; setting: string }>(
          first.connection,
          `SELECT name, setting FROM pg_settings WHERE name IN
            ('fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding', 'server_version', 'listen_addresses', 'max_connections')`,
        )
      ).map(({ name, setting }) => [name, setting]),
    )
    expect(settings).toMatchObject({
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      server_encoding: 'UTF8',
      listen_addresses: '',
      max_connections: '20',
    })
    expect(settings.server_version).toMatch(/^18\.4/)
    expect(
      await ask(
        first.connection,
        'SELECT datlocprovider AS provider, datlocale AS locale FROM pg_database WHERE datname = current_database()',
      ),
    ).toEqual([{ provider: 'b', locale: 'C.UTF-8' }])
    expect(
      await ask(first.connection, 'SELECT rolsuper AS super FROM pg_roles WHERE rolname = current_user'),
    ).toEqual([{ super: false }])
    await createRow(first.connection)
    await first.stop()
    expect(first.state).toBe('stopped')
    expect(isAlive(first.pid)).toBe(false)
    expect(await leftovers(dataDir)).toEqual([])
    await expect(stat(first.connection.host)).rejects.toThrow('ENOENT')

    const second = await start(dataDir)
    expect(await rows(second.connection)).toEqual([{ n: 1 }])
  })

  it('on a socket lets in nobody else: its folder is 0700 and its path short enough', async () => {
    const server = await start(join(dirname(await emptyPlace()), 'a'.repeat(120), 'postgres'))
    const folder = await stat(server.connection.host)
    expect(folder.mode & 0o777).toBe(0o700)
    expect(join(server.connection.host, '.s.PGSQL.5432').length).toBeLessThan(104)
    await ask(server.connection, 'SELECT 1')
  })

  it('on TCP asks for a password, listens on 127.0.0.1 only, and makes a new password each time', async () => {
    const dataDir = await emptyPlace()
    const first = await start(dataDir, { listen: { kind: 'tcp' } })
    const { connection } = first
    expect(connection.host).toBe('127.0.0.1')
    await ask(connection, 'SELECT 1')
    await expect(ask({ ...connection, password: 'guess' }, 'SELECT 1')).rejects.toThrow(
      'password authentication failed',
    )
    await expect(ask({ ...connection, user: 'postgres' }, 'SELECT 1')).rejects.toThrow(
      'password authentication failed',
    )
    const [listening] = await ask(connection, "SELECT current_setting('listen_addresses') AS addresses")
    expect(listening).toEqual({ addresses: '127.0.0.1' })
    await first.stop()
    const second = await start(dataDir, { listen: { kind: 'tcp', port: connection.port } })
    expect(second.connection.port).toBe(connection.port)
    await ask(second.connection, 'SELECT 1')
    await expect(ask(connection, 'SELECT 1')).rejects.toThrow('password authentication failed')
  })

  it('that is killed in the middle of initdb leaves nothing that hinders the next', async () => {
    const dataDir = await emptyPlace()
    const owner = spawnOwner(dataDir)
    await until('initdb to be writing its catalogue', async () => {
      const [folder] = await leftovers(dataDir)
      return folder && (await readdir(join(dirname(dataDir), folder, 'base', '1')).catch(() => [])).length > 5
    })
    await owner.kill9()
    await expect(stat(dataDir)).rejects.toThrow('ENOENT')
    const server = await start(dataDir)
    await createRow(server.connection)
    expect(await leftovers(dataDir)).toEqual([])
  })

  it('that many attempt at once is one start: the others say already running, with its pid', async () => {
    const dataDir = await emptyPlace()
    const owners = [spawnOwner(dataDir), spawnOwner(dataDir), spawnOwner(dataDir)]
    const outcomes = await Promise.all(owners.map(owner => owner.outcome()))
    const winner = outcomes.findIndex(({ ready }) => ready)
    expect(outcomes.filter(({ ready }) => ready)).toHaveLength(1)
    for (const { failed } of outcomes.toSpliced(winner, 1)) expect(failed?.ownerPid).toBe(owners[winner]!.pid)
    await createRow(outcomes[winner]!.ready!.connection)
    expect(await leftovers(dataDir)).toEqual([])
  })
})

describe('a second start while the first runs', () => {
  it('is refused with the pid of the owner, from another process and from the same, and disturbs nothing', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    const { ready } = await owner.outcome()
    const error = await start(dataDir).catch(error => error)
    expect(error).toBeInstanceOf(AlreadyRunning)
    expect(error.message).toBe(`already running, pid ${owner.pid} (it owns ${dataDir})`)
    await createRow(ready!.connection)

    const here = await freshCluster()
    const mine = await start(here)
    await expect(start(here)).rejects.toMatchObject({ name: 'AlreadyRunning', pid: process.pid })
    await createRow(mine.connection)
  })

  it('is refused as well while the owner is frozen', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    await owner.outcome()
    owner.child.kill('SIGSTOP')
    await expect(start(dataDir)).rejects.toMatchObject({ pid: owner.pid })
    owner.child.kill('SIGCONT')
  })
})

describe('after kill -9 of the owner', () => {
  it('the next start stops the orphan, starts its own, and has lost nothing', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    const { ready } = await owner.outcome()
    await createRow(ready!.connection)
    await owner.kill9()
    expect(isPostmasterOf(ready!.pid, dataDir)).toBe(true)
    const server = await start(dataDir)
    expect(isAlive(ready!.pid)).toBe(false)
    expect(await rows(server.connection)).toEqual([{ n: 1 }])
    await expect(stat(ready!.connection.host)).rejects.toThrow('ENOENT')
  })

  it('sessions that others still have in the orphan do not hold the next start up', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    const { ready } = await owner.outcome()
    const busy = ask(ready!.connection, 'SELECT pg_sleep(600)').catch(error => error)
    await until(
      'the session to be busy',
      async () =>
        (await ask(ready!.admin, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length > 0,
    )
    await owner.kill9()
    const server = await start(dataDir)
    await createRow(server.connection)
    expect((await busy).code).toBe('57P01')
  })

  it('an orphan that nobody can ask is stopped too', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    const { ready } = await owner.outcome()
    await createRow(ready!.connection)
    await owner.kill9()
    // As a cleaner of /tmp would.
    await rm(ready!.connection.host, { recursive: true })
    const server = await start(dataDir)
    expect(await rows(server.connection)).toEqual([{ n: 1 }])
  })

  it('of many who would take over one does', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    await createRow((await owner.outcome()).ready!.connection)
    await owner.kill9()
    const takers = [spawnOwner(dataDir), spawnOwner(dataDir), spawnOwner(dataDir)]
    const outcomes = await Promise.all(takers.map(taker => taker.outcome()))
    const winner = outcomes.findIndex(({ ready }) => ready)
    expect(outcomes.filter(({ ready }) => ready)).toHaveLength(1)
    for (const { failed } of outcomes.toSpliced(winner, 1))
      expect(failed?.ownerPid, JSON.stringify(failed)).toBe(takers[winner]!.pid)
    expect(await rows(outcomes[winner]!.ready!.connection)).toEqual([{ n: 1 }])
  })

  it('and of PostgreSQL the next start recovers, even when the old pid is now somebody else', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    const { ready } = await owner.outcome()
    await createRow(ready!.connection)
    await owner.kill9()
    process.kill(ready!.pid, 'SIGKILL')
    await until('PostgreSQL to be gone', () => !isAlive(ready!.pid))
    // A process of the same user, as after a reboot: PostgreSQL by itself would refuse to start.
    const { uid, gid } = await stat(dataDir)
    const stranger = spawn('sleep', ['600'], { uid, gid, stdio: 'ignore' })
    cleanups.push(async () => stranger.kill('SIGKILL'))
    const path = join(dataDir, 'postmaster.pid')
    const [, ...rest] = (await readFile(path, 'utf8')).split('\n')
    await writeFile(path, [stranger.pid, ...rest].join('\n'))
    const server = await start(dataDir)
    expect(await rows(server.connection)).toEqual([{ n: 1 }])
    expect(isAlive(stranger.pid!)).toBe(true)
  })

  it('and of the postmaster waits while one of its backends still holds the memory', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    const { ready } = await owner.outcome()
    await createRow(ready!.connection)
    const [backend] = await ask<{ pid: number }>(
      ready!.admin,
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
    )
    process.kill(backend!.pid, 'SIGSTOP')
    cleanups.push(async () => isAlive(backend!.pid) && process.kill(backend!.pid, 'SIGKILL'))
    await owner.kill9()
    process.kill(ready!.pid, 'SIGKILL')
    await until('the postmaster to be gone', () => !isAlive(ready!.pid))
    const said: string[] = []
    const starting = start(dataDir, { log: pino({ level: 'warn' }, { write: line => void said.push(line) }) })
    await until('the start to be refused the memory', () =>
      /memory block .* is still in use/.test(said.join()),
    )
    process.kill(backend!.pid, 'SIGKILL')
    expect(await rows((await starting).connection)).toEqual([{ n: 1 }])
  })
})

describe('PostgreSQL dying underneath', () => {
  it('is started again; a pool answers DATABASE_UNAVAILABLE or OUTCOME_UNKNOWN meanwhile, and recovers', async () => {
    const dataDir = await freshCluster()
    const states: PostgresState[] = []
    const server = await start(dataDir, { listen: { kind: 'tcp' }, onState: state => states.push(state) })
    await createRow(server.connection)
    const database = new Database({
      connection: server.connection,
      schema: 'public',
      log: silent,
      poolMax: 4,
    })
    cleanups.push(() => database.close())
    const insert = { name: 'insert', text: row }
    const died = server.pid
    for (let round = 1; round <= 2; round++) {
      const codes = new Set<string>()
      process.kill(server.pid, 'SIGKILL')
      await until(`start ${round + 1}`, async () => {
        await database.query(insert).catch(error => codes.add(error.code))
        return server.restarts === round
      })
      expect(
        [...codes].filter(code => code !== 'DATABASE_UNAVAILABLE' && code !== 'OUTCOME_UNKNOWN'),
      ).toEqual([])
      await until('the pool to work again', () =>
        database
          .ping()
          .then(() => true)
          .catch(() => false),
      )
    }
    expect(states).toEqual(['down', 'up', 'down', 'up'])
    expect(server.pid).not.toBe(died)
    expect((await rows(server.connection))[0]).toEqual({ n: 1 })
    // The lock is held again.
    const taker = spawnOwner(dataDir)
    expect((await taker.outcome()).failed?.ownerPid).toBe(process.pid)
  })

  it('by a crashing backend only: the owner takes its lock again', async () => {
    const server = await start(await freshCluster())
    const owners = () =>
      ask<{ pid: number }>(
        server.admin,
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted`,
      ).catch(() => [])
    const [before] = await owners()
    process.kill(before!.pid, 'SIGKILL')
    const after = await until('the lock to be taken again', async () => {
      const [now] = await owners()
      return now?.pid === before!.pid ? undefined : now
    })
    expect(after.pid).toBeGreaterThan(0)
    expect([server.state, server.restarts]).toEqual(['up', 0])
  })

  it('under a frozen owner lets another take the data, and the first says that it lost it', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    const { ready } = await owner.outcome()
    owner.child.kill('SIGSTOP')
    process.kill(ready!.pid, 'SIGKILL')
    const server = await start(dataDir)
    owner.child.kill('SIGCONT')
    await until('the first to notice', () => owner.lines.some(({ state }) => state === 'lost'))
    await createRow(server.connection)
    expect([server.state, server.restarts]).toEqual(['up', 0])
  })

  it('while we stop is not mended: nothing runs afterwards', async () => {
    const dataDir = await freshCluster()
    const server = await start(dataDir)
    process.kill(server.pid, 'SIGKILL')
    await until('the death to be noticed', () => server.state === 'down')
    await server.stop()
    expect(
      await readPostmasterFile(dataDir).then(file => file && isPostmasterOf(file.pid, dataDir)),
    ).toBeFalsy()
  })
})

describe('signals', () => {
  it('Ctrl-C to the whole process group does not reach PostgreSQL; SIGTERM lets the owner stop it', async () => {
    const dataDir = await freshCluster()
    const owner = spawnOwner(dataDir)
    const { ready } = await owner.outcome()
    process.kill(-owner.pid, 'SIGINT')
    await until('the owner to be interrupted', () => owner.lines.some(({ interrupted }) => interrupted))
    await createRow(ready!.connection)
    expect(owner.lines.filter(({ state }) => state)).toEqual([])
    owner.child.kill('SIGTERM')
    await once(owner.child, 'exit')
    expect(isAlive(ready!.pid)).toBe(false)
  })
})

describe('the place', () => {
  it('is refused with the reason when it is a file, holds something else, or another version', async () => {
    const dataDir = await emptyPlace()
    await writeFile(dataDir, '')
    await expect(start(dataDir)).rejects.toThrow("should be PostgreSQL's data directory, but is a file")
    await expect(start(join(dataDir, 'below'))).rejects.toThrow(
      /cannot create .* choose a DATA_DIR that can be written/,
    )
    await rm(dataDir)
    await mkdir(dataDir)
    await writeFile(join(dataDir, 'letter.txt'), '')
    await expect(start(dataDir)).rejects.toThrow('holds 1 entries but no PostgreSQL cluster')
    await writeFile(join(dataDir, 'PG_VERSION'), '17\n')
    await expect(start(dataDir)).rejects.toThrow('was made by PostgreSQL 17 and this is 18')
    expect(await readdir(dataDir)).toEqual(['PG_VERSION', 'letter.txt'])
  })

  it('may be an empty folder', async () => {
    const dataDir = await emptyPlace()
    await mkdir(dataDir)
    await createRow((await start(dataDir)).connection)
  })

  it.runIf(asRoot)('is served to root by an unprivileged user, who owns it', async () => {
    const dataDir = await freshCluster()
    const server = await start(dataDir)
    const uid = Number(/^Uid:\s+(\d+)/m.exec(await readFile(`/proc/${server.pid}/status`, 'utf8'))?.[1])
    expect(uid).toBeGreaterThan(0)
    expect((await stat(dataDir)).uid).toBe(uid)
  })

  it.runIf(asRoot)('that this user cannot enter is named, with the remedy', async () => {
    const dataDir = await emptyPlace()
    const closed = dirname(dataDir)
    await chmod(closed, 0o700)
    await expect(start(dataDir)).rejects.toThrow(
      new RegExp(`this process is root.*cannot enter ${closed}: chmod o\\+x ${closed}`),
    )
    await expect(stat(dataDir)).rejects.toThrow('ENOENT')
  })

  it.runIf(asRoot)(
    'is served to an unprivileged user by itself, and to root later by that user',
    async () => {
      const dataDir = await emptyPlace()
      await chown(dirname(dataDir), nobody.uid, nobody.gid)
      const owner = spawnOwner(dataDir, nobody)
      await createRow((await owner.outcome()).ready!.connection)
      await owner.kill9()
      const server = await start(dataDir)
      expect(await rows(server.connection)).toEqual([{ n: 1 }])
      expect((await stat(dataDir)).uid).toBe(nobody.uid)
    },
  )

  it.runIf(asRoot)(
    'that an unprivileged user may not write, or that is another user’s, is named',
    async () => {
      const dataDir = await emptyPlace()
      const denied = spawnOwner(dataDir, nobody)
      expect((await denied.outcome()).failed?.message).toMatch(/cannot write beside .*choose a DATA_DIR/)
      await (await start(dataDir)).stop()
      const foreign = spawnOwner(dataDir, nobody)
      expect((await foreign.outcome()).failed?.message).toMatch(
        /belongs to uid \d+ and this process runs as uid 65534/,
      )
    },
  )
})

describe('the binaries', () => {
  it('run after an install without scripts: missing library links are made, once or by many at a time', async () => {
    const { postgres } = await locatePostgres()
    const native = join(dirname(postgres), '..')
    const copy = join(dirname(await emptyPlace()), 'package')
    await mkdir(join(copy, 'native'), { recursive: true })
    await cp(join(native, 'pg-symlinks.json'), join(copy, 'native/pg-symlinks.json'))
    const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
      source: string
      target: string
    }[]
    for (const { source } of links) await mkdir(join(copy, dirname(source)), { recursive: true })
    for (const { source } of links) await writeFile(join(copy, source), source)
    await Promise.all([hydrateSymlinks(copy), hydrateSymlinks(copy)])
    expect(links.length).toBeGreaterThan(0)
    for (const { source, target } of links) {
      expect((await lstat(join(copy, target))).isSymbolicLink()).toBe(true)
      expect(await readFile(join(copy, target), 'utf8')).toBe(source)
    }
  })

  it('start: every library they need is found', async () => {
    const { postgres } = await locatePostgres()
    expect(execFileSync(postgres, ['--version'], { encoding: 'utf8' })).toContain('18.4')
  })
})
