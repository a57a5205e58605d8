import { type ChildProcess, fork } from 'node:child_process'
import type { Answer, Question } from './plan-child.ts'

/** Why a process answers no more. */
export class PlannerLost extends Error {
  /** It was killed here, because an answer took too long. */
  readonly isLate: boolean

  constructor(message: string, isLate: boolean) {
    super(message)
    this.name = 'PlannerLost'
    this.isLate = isLate
  }
}

export interface PlanProcess {
  /** Undefined where none could be started. */
  readonly pid: number | undefined
  readonly isOver: boolean
  /** Resolves when it takes questions; rejects with PlannerLost. */
  readonly ready: Promise<void>
  /**
   * One question at a time. Rejects with PlannerLost when the process ends before its answer, or has none within
   * `msMax`: then it is killed.
   */
  ask(question: Question, msMax: number): Promise<Answer>
  /** Whether this process stays for it: as long as an answer is awaited. */
  holdParent(isHeld: boolean): void
  /** At once: it has nothing to save. */
  kill(): void
}

/** What of its standard error is kept: a panic's message and place. */
const TAIL_CHARS_MAX = 2_000
/** Its own heap, in MB: a text that grows beyond it ends the child alone. The native planner's memory is not in it. */
const HEAP_MB_MAX = 256
const START_MS_MAX = 30_000

const PROGRAM: URL = new URL('./plan-child.ts', import.meta.url)

/** Starts a planner's process. It keeps its parent from ending only while `holdParent(true)`. */
export function startPlanProcess(): PlanProcess {
  // Nothing of the parent's arguments and environment: no inspector's port, no profile, no secrets. A compile cache gained nothing.
  const child = fork(PROGRAM, [], {
    execArgv: [`--max-old-space-size=${HEAP_MB_MAX}`],
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let tail = ''
  let lost: PlannerLost | undefined
  let awaited: PromiseWithResolvers<Answer> | undefined

  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-TAIL_CHARS_MAX)
  })
  child.on('message', (answer: Answer) => {
    awaited?.resolve(answer)
    awaited = undefined
  })
  // `close` comes after what was written before the end; `error` alone, where it could not be started.
  child.on('close', (code, signal) => end(`ended (${signal ?? `code ${code}`})`))
  child.on('error', error => end(`failed (${error.message})`))
  child.on('disconnect', () => child.kill('SIGKILL'))

  function end(how: string, isLate = false): void {
    lost ??= new PlannerLost(`the planner's process ${how}${tail === '' ? '' : `: ${tail.trim()}`}`, isLate)
    awaited?.reject(lost)
    awaited = undefined
  }

  async function answerWithin(msMax: number): Promise<Answer> {
    if (lost !== undefined) throw lost
    awaited = Promise.withResolvers()
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      end(`gave no answer within ${msMax} ms and was killed`, true)
    }, msMax)
    try {
      return await awaited.promise
    } finally {
      clearTimeout(timer)
    }
  }

  const ready = answerWithin(START_MS_MAX).then(() => {})
  // It is told to whoever asks.
  ready.catch(() => {})
  return {
    pid: child.pid,
    get isOver() {
      return lost !== undefined
    },
    ready,
    ask(question, msMax) {
      const answer = answerWithin(msMax)
      // One that cannot be sent is one whose channel is closed, which ends the process.
      if (child.connected) child.send(question, () => {})
      return answer
    },
    holdParent: isHeld => hold(child, isHeld),
    kill: () => void child.kill('SIGKILL'),
  }
}

function hold(child: ChildProcess, isHeld: boolean): void {
  const stderr = child.stderr as { ref?(): void; unref?(): void } | null
  for (const handle of [child, child.channel, stderr])
    if (isHeld) handle?.ref?.()
    else handle?.unref?.()
}
