import type { DocumentNode } from 'graphql'
import { type CompiledOperation, compileOperationAsync } from '../execution/operation.ts'
import { NO_ROLLOUT, type Rollout } from '../execution/plan.ts'
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
  /** The operation, compiled for this bucket of the rollout (the first, unless told otherwise); those who ask at once for the same text share one compilation. Rejects with its Fault. */
  operationOf(text: AdhocText, bucket?: number): Promise<ServableOperation>
  readonly kept: number
}

const KEPT_MAX = 1_000
/** Longer texts are compiled each time: what is kept stays within 32 MiB of text. */
const KEPT_CHARS_MAX = 32 * 1024
/** Of all that are kept, about 200 MB: a text of 1 kB may expand to 2,000 selections in each of 32 shapes. */
const KEPT_SELECTIONS_MAX = 200_000

interface Kept {
  readonly made: Promise<ServableOperation>
  /** Once it is made. */
  operation: ServableOperation | undefined
}

/** Keeps at most `keptMax` operations of `selectionsMax` selections in all. */
export function createAdhocOperations(
  supergraph: Supergraph,
  rollouts: readonly Rollout[] = [NO_ROLLOUT],
  keptMax: number = KEPT_MAX,
  selectionsMax: number = KEPT_SELECTIONS_MAX,
): AdhocOperations {
  /** Least recently used first. */
  const compiled = new Map<string, Kept>()

  async function compile({ document, operationName }: AdhocText, bucket: number): Promise<ServableOperation> {
    return servable(
      await compileOperationAsync(supergraph, document, {
        operationName: operationName ?? null,
        rollout: rollouts[bucket]!,
      }),
    )
  }

  /** Counted anew each time, since an operation grows with the shapes that are asked for. */
  function makeRoom(): void {
    let selections = 0
    for (const { operation } of compiled.values()) selections += operation?.compiled.selectionCount ?? 0
    for (const [key, { operation }] of compiled) {
      if (selections <= selectionsMax && compiled.size <= keptMax) return
      compiled.delete(key)
      selections -= operation?.compiled.selectionCount ?? 0
    }
  }

  async function make(text: AdhocText, bucket: number, key: string): Promise<ServableOperation> {
    try {
      const operation = await compile(text, bucket)
      const kept = compiled.get(key)
      if (kept !== undefined) kept.operation = operation
      return operation
    } catch (error) {
      compiled.delete(key)
      throw error
    }
  }

  return {
    operationOf(text, bucket = 0) {
      if (text.text.length > KEPT_CHARS_MAX) return compile(text, bucket)
      const key = `${text.hash} ${bucket} ${text.operationName ?? ''}`
      const known = compiled.get(key)
      if (known !== undefined) {
        compiled.delete(key)
        compiled.set(key, known)
        makeRoom()
        return known.made
      }
      const made = make(text, bucket, key)
      compiled.set(key, { made, operation: undefined })
      makeRoom()
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
    variants: undefined,
  }
}
