import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { MemoryBytes, Ready } from './program.ts'

/** A program on one core that has said it serves. */
export interface Pinned extends AsyncDisposable {
  readonly pid: number
  readonly ready: Ready
  memory(): Promise<MemoryBytes>
}

/** Of util-linux, on every Linux. */
const PIN = 'taskset'
const ENDING_MS_MAX = 10_000
const NODE_FLAGS = ['--expose-gc']

/** Keeps this process to one core. */
export function pinSelf(core: number): void {
  execFileSync(PIN, ['-a', '-p', '-c', `${core}`, `${process.pid}`], { stdio: 'ignore' })
}

/** Starts `node <script> '<settings>'` on this core; what it prints is shown. Rejects when it ends before it serves. */
export async function startPinned(
  core: number,
  script: string,
  settings: object,
  flags: readonly string[] = [],
): Promise<Pinned> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(
    PIN,
    ['-c', `${core}`, process.execPath, ...NODE_FLAGS, ...flags, path, JSON.stringify(settings)],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production' },
    },
  )
  const ready = (await said(child, script)) as Ready
  return {
    pid: child.pid!,
    ready,
    async memory() {
      const answer = said(child, script)
      child.send('memory')
      return (await answer) as MemoryBytes
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      // It ends by itself, so that it can write its profile.
      child.disconnect()
      const kill = setTimeout(() => child.kill('SIGKILL'), ENDING_MS_MAX)
      await gone
      clearTimeout(kill)
    },
  }
}

function said(child: ChildProcess, script: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void =>
      reject(new Error(`expected ${script} to go on, got its exit with ${code}`))
    child.once('error', reject)
    child.once('exit', ended)
    child.once('message', message => {
      child.off('exit', ended)
      child.off('error', reject)
      resolve(message)
    })
  })
}
