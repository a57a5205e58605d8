import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isPostmasterOf, readPostmasterFile } from '../../subgraphs/postgres-process.ts'

/**
 * Stands between a replay and the stack that it starts, in a session of its own: a Ctrl-C is for the replay, which still
 * has to look into the database, and when the replay is gone, however it went, its end of standard input is closed and
 * the stack is stopped.
 *
 *     node test/replay/stack-keeper.ts [data folder]
 *
 * Without a folder it makes one and removes it at the end. Says `data at <folder>`, then what the stack says.
 */

const STOP_MS_MAX = 60_000

const given = process.argv[2]
const folder = given ?? (await makeFolder())
const dataDir = given ?? join(folder, 'data')

// Nobody may be there to read any more.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
process.stdout.write(`data at ${dataDir}\n`)

const stack = spawn(process.execPath, ['start.ts'], {
  cwd: fileURLToPath(new URL('../../', import.meta.url)),
  env: {
    ...process.env,
    DATA_DIR: dataDir,
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: process.env.LOG_LEVEL || 'error',
  },
  stdio: ['ignore', 'pipe', 'pipe'],
})
/** From then on the folder's PostgreSQL is this stack's; before, it may be that of another one. */
let isReady = false
stack.stdout.on('data', (chunk: Buffer) => {
  isReady ||= chunk.includes('ready at')
  process.stdout.write(chunk)
})
stack.stderr.on('data', (chunk: Buffer) => process.stderr.write(chunk))
stack.on('error', error => {
  process.stderr.write(`the stack could not be started: ${error.message}\n`)
  process.exitCode = 1
})
stack.on('close', code => {
  void leave(code ?? 1)
})

process.stdin.on('end', stop)
process.stdin.on('error', stop)
process.stdin.resume()
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)

function stop(): void {
  stack.kill('SIGTERM')
  setTimeout(() => stack.kill('SIGKILL'), STOP_MS_MAX).unref()
}

async function leave(code: number): Promise<never> {
  if (given === undefined || isReady) await endPostgres()
  if (given === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  process.exit(code)
}

/** A stack that was killed leaves its PostgreSQL behind, and nobody would start upon it again. */
async function endPostgres(): Promise<void> {
  const data = join(dataDir, 'postgres')
  const postmaster = await readPostmasterFile(data)
  if (postmaster === undefined || !isPostmasterOf(postmaster.pid, data)) return
  process.kill(postmaster.pid, 'SIGQUIT')
  while (isPostmasterOf(postmaster.pid, data)) await delay(20)
  await rm(postmaster.socketDir, { recursive: true, force: true })
}

/** One that the unprivileged user of a server may enter. */
async function makeFolder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'spillway-replay-'))
  await chmod(made, 0o711)
  return made
}
