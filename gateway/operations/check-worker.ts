import { parentPort, workerData } from 'node:worker_threads'
import { loadSupergraph } from '../supergraph/supergraph.ts'
import { checkDocument, type DocumentLimits, parseDocument } from './persisted-document.ts'

/** The program of the thread that check-elsewhere.ts starts: it is told texts and says what is wrong with each. */

/** What it is started with. */
export interface CheckerData {
  readonly sdl: string
  readonly limits: DocumentLimits
}

/** Texts to check. */
export interface Batch {
  readonly number: number
  readonly bodies: readonly string[]
}

export interface Checked {
  /** Of the batch. */
  readonly number: number
  /** What is wrong with each; null: nothing. */
  readonly reasons: readonly (string | null)[]
}

const { sdl, limits } = workerData as CheckerData
const { apiSchema } = loadSupergraph(sdl)

parentPort?.on('message', ({ number, bodies }: Batch) => {
  const checked: Checked = { number, reasons: bodies.map(reasonOf) }
  parentPort?.postMessage(checked)
})

function reasonOf(body: string): string | null {
  try {
    checkDocument(apiSchema, body, parseDocument(body, limits), limits)
    return null
  } catch (error) {
    return (error as Error).message
  }
}
