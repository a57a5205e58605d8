import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The project's root. */
export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url))

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** One of the product's programs, run as a user runs it. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number
  /** Everything it has written so far. */
  readonly output: string
  readonly exited: Promise<Exit>
  kill(signal: NodeJS.Signals): void
  /** SIGTERM, and the exit that follows. */
  stop(): Promise<Exit>
  /** The first match in its output; rejects with the whole output when it exits without one. */
  says(pattern: RegExp): Promise<RegExpMatchArray>
}

/** Starts `node <script> <args>` from the root with exactly this environment beside PATH and HOME. */
export function runProgram(
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): RunningProgram {
  return runCommand(process.execPath, [script, ...args], environment)
}

/** The same for any command. */
export function runCommand(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): RunningProgram {
  const child = spawn(command, args, {
    cwd: ROOT,
    // A machine that is busy with other tests must not pass for a crowd.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, SURGE: 'off', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own group, so that a Ctrl-C can be played on the whole group.
    detached: true,
  })
  const listeners = new Set<() => void>()
  let output = ''
  let exit: Exit | undefined
  const heard = (chunk: Buffer): void => {
    output += chunk.toString('utf8')
    for (const listener of listeners) listener()
  }
  child.stdout.on('data', heard)
  child.stderr.on('data', heard)
  const exited = new Promise<Exit>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      exit = { code, signal }
      resolve(exit)
      for (const listener of listeners) listener()
    })
  })
  const stop = async (): Promise<Exit> => {
    if (exit === undefined) child.kill('SIGTERM')
    return await exited
  }
  return {
    pid: pidOf(child),
    get output() {
      return output
    },
    exited,
    kill: signal => child.kill(signal),
    stop,
    says: pattern =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = output.match(pattern)
          if (match === null && exit === undefined) return
          listeners.delete(look)
          if (match !== null) resolve(match)
          else
            reject(
              new Error(
                `${command} ${args.join(' ')} ended (${JSON.stringify(exit)}) without saying ${pattern}:\n${output}`,
              ),
            )
        }
        listeners.add(look)
        look()
      }),
    [Symbol.asyncDispose]: async () => {
      await stop()
    },
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the program could not be started')
  return child.pid
}
