import { setImmediate as othersTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Supergraph } from '../supergraph/supergraph.ts'
import type { Batch, Checked, CheckerData } from './check-worker.ts'
import type { DocumentLimits } from './persisted-document.ts'

/** Texts of persisted operations, checked beside this thread, in their order. */
export interface Checks {
  /**
   * Resolves with what is wrong with a text, `undefined` when nothing is, or `UNCHECKED`: then whoever asks must look.
   * Never rejects.
   */
  reasonOf(at: number): Promise<string | undefined | typeof UNCHECKED>
  close(): Promise<void>
}

/** The thread has ended, or was never started. */
export const UNCHECKED: unique symbol = Symbol('unchecked')

/** Texts a message. */
const BATCH = 20

/** Checks all of `bodies` by a thread of its own. It takes a third of a second to start: for hundreds and more. */
export function checkElsewhere(
  { sdl }: Pick<Supergraph, 'sdl'>,
  bodies: readonly string[],
  limits: DocumentLimits,
): Checks {
  const answers = Array.from({ length: Math.ceil(bodies.length / BATCH) }, () =>
    Promise.withResolvers<Checked['reasons'] | undefined>(),
  )
  const workerData: CheckerData = { sdl, limits }
  // Nothing of this process's arguments and environment.
  const worker = new Worker(new URL('./check-worker.ts', import.meta.url), {
    workerData,
    execArgv: [],
    env: {},
  })
  let isOver = false
  worker.on('message', ({ number, reasons }: Checked) => answers[number]?.resolve(reasons))
  const end = (): void => {
    isOver = true
    for (const answer of answers) answer.resolve(undefined)
  }
  worker.on('error', end)
  worker.on('exit', end)
  void send()

  async function send(): Promise<void> {
    for (let number = 0; number < answers.length && !isOver; number++) {
      const batch: Batch = { number, bodies: bodies.slice(number * BATCH, (number + 1) * BATCH) }
      worker.postMessage(batch)
      await othersTurn()
    }
  }

  return {
    async reasonOf(at) {
      const reasons = await answers[Math.floor(at / BATCH)]!.promise
      return reasons === undefined ? UNCHECKED : (reasons[at % BATCH] ?? undefined)
    },
    async close() {
      await worker.terminate()
    },
  }
}
