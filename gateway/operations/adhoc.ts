import type { DocumentNode } from 'graphql'
import { type CompiledOperation, compileOperationAsync } from '../execution/operation.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import type { ServableOperation } from './registry.ts'

/** A client's own text, parsed, valid and within the limits. */
export interface AdhocText {
  readonly text: string
  /** SHA-256 of the text. */
  readonly hash: string
  readonly operationName: string | undefined
  readonly document: DocumentNode
}

export interface AdhocOperations {
  /** The compiled operation; those who ask at once for the same text share one compilation. Rejects with its Fault. */
  operationOf(text: AdhocText): Promise<ServableOperation>
  readonly kept: number
}

const KEPT_MAX = 1_000
/** Longer texts are compiled each time: what is kept stays within 32 MiB of text. */
const KEPT_CHARS_MAX = 32 * 1024

export function createAdhocOperations(supergraph: Supergraph, keptMax: number = KEPT_MAX): AdhocOperations {
  /** Least recently used first. */
  const compiled = new Map<string, Promise<ServableOperation>>()

  async function compile({ document, operationName }: AdhocText): Promise<ServableOperation> {
    return servable(
      await compileOperationAsync(supergraph, document, operationName === undefined ? {} : { operationName }),
    )
  }

  return {
    operationOf(text) {
      if (text.text.length > KEPT_CHARS_MAX) return compile(text)
      const key = `${text.hash} ${text.operationName ?? ''}`
      const known = compiled.get(key)
      if (known !== undefined) {
        compiled.delete(key)
        compiled.set(key, known)
        return known
      }
      const made = compile(text)
      compiled.set(key, made)
      if (compiled.size > keptMax) compiled.delete(compiled.keys().next().value as string)
      made.catch(() => {
        if (compiled.get(key) === made) compiled.delete(key)
      })
      return made
    },
    get kept() {
      return compiled.size
    },
  }
}

function servable(compiled: CompiledOperation): ServableOperation {
  return {
    id: undefined,
    name: 'adhoc',
    kind: compiled.kind,
    priority: 'ADHOC',
    tool: undefined,
    description: undefined,
    definition: compiled.operation,
    compiled,
  }
}
