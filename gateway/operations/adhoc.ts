import type { DocumentNode } from 'graphql'
import type { DeadlineMs } from '../../protocol/deadline.ts'
import { type CompiledOperation, compileOperationAsync } from '../execution/operation.ts'
import type { PlanElsewhere } from '../execution/operation-plan.ts'
import { NO_ROLLOUT, type Rollout } from '../execution/plan.ts'
import { plannedBy } from '../execution/planned-by.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { operationCost, type PricingOptions } from './operation-cost.ts'
import type { ServableOperation } from './registry.ts'

/** An operation in a client's own text. */
export interface AdhocName {
  readonly text: string
  readonly operationName: string | undefined
}

/** The same, parsed, valid and within the limits. */
export interface AdhocText extends AdhocName {
  readonly document: DocumentNode
}

export interface AdhocOperations {
  /**
   * The operation, compiled for this bucket of the rollout (the first, unless told otherwise); those who ask at once for
   * the same text share one compilation. Rejects with its Fault, or with OVERLOADED at the deadline; what has been begun
   * goes on, for whoever asks again. Default: no deadline.
   */
  operationOf(text: AdhocText, bucket?: number, deadlineMs?: DeadlineMs): Promise<ServableOperation>
  /** The operation if it has been compiled already: then its text has been found valid and within the limits. */
  find(name: AdhocName, bucket?: number): ServableOperation | undefined
  readonly kept: number
  /** What is kept, compiled already, latest used first. */
  recent(): readonly (AdhocName & { readonly bucket: number })[]
}

const KEPT_MAX = 1_000
/** Longer texts are compiled each time: what is kept stays within 32 MiB of text. */
const KEPT_CHARS_MAX = 32 * 1024
/** Of all that are kept, about 200 MB: a text of 1 kB may expand to 2,000 selections in each of 32 shapes. */
const KEPT_SELECTIONS_MAX = 200_000

interface Kept {
  readonly name: AdhocName & { readonly bucket: number }
  readonly made: Promise<ServableOperation>
  /** Once it is made. */
  operation: ServableOperation | undefined
  /** What of its selections is in the total. */
  counted: number
}

/**
 * Keeps at most `keptMax` operations of `selectionsMax` selections in all.
 * @param plan what clients send is planned with it; `undefined`: in this process, which the planner may abort.
 */
export function createAdhocOperations(
  supergraph: Supergraph,
  rollouts: readonly Rollout[] = [NO_ROLLOUT],
  keptMax: number = KEPT_MAX,
  selectionsMax: number = KEPT_SELECTIONS_MAX,
  plan: PlanElsewhere | undefined = undefined,
  pricing: PricingOptions | undefined = undefined,
): AdhocOperations {
  /** Least recently used first. */
  const compiled = new Map<string, Kept>()

  async function compile({ document, operationName }: AdhocText, bucket: number): Promise<ServableOperation> {
    return servable(
      await compileOperationAsync(supergraph, document, {
        operationName: operationName ?? null,
        rollout: rollouts[bucket]!,
        plan,
      }),
      pricing,
    )
  }

  let selections = 0

  /**
   * An operation grows with the shapes that are asked for. That is noticed when it is next looked up, so that a look
   * costs the same however much is kept, and the total may be over by one shape an operation.
   */
  function touch(key: string, kept: Kept): void {
    compiled.delete(key)
    compiled.set(key, kept)
    const count = kept.operation?.compiled.selectionCount ?? 0
    selections += count - kept.counted
    kept.counted = count
    for (const [oldest, { counted }] of compiled) {
      if (selections <= selectionsMax && compiled.size <= keptMax) return
      compiled.delete(oldest)
      selections -= counted
    }
  }

  async function make(text: AdhocText, bucket: number, key: string): Promise<ServableOperation> {
    try {
      const operation = await compile(text, bucket)
      const kept = compiled.get(key)
      if (kept !== undefined) {
        kept.operation = operation
        touch(key, kept)
      }
      return operation
    } catch (error) {
      compiled.delete(key)
      throw error
    }
  }

  return {
    operationOf(text, bucket = 0, deadlineMs = Number.POSITIVE_INFINITY) {
      if (text.text.length > KEPT_CHARS_MAX) return plannedBy(compile(text, bucket), deadlineMs)
      const key = keyOf(text, bucket)
      const known = compiled.get(key)
      if (known !== undefined) {
        touch(key, known)
        return plannedBy(known.made, deadlineMs)
      }
      const made = make(text, bucket, key)
      touch(key, {
        // Without the document: only the text is kept for as long as the operation.
        name: { text: text.text, operationName: text.operationName, bucket },
        made,
        operation: undefined,
        counted: 0,
      })
      return plannedBy(made, deadlineMs)
    },
    find(name, bucket = 0) {
      if (name.text.length > KEPT_CHARS_MAX) return undefined
      const key = keyOf(name, bucket)
      const known = compiled.get(key)
      if (known?.operation === undefined) return undefined
      touch(key, known)
      return known.operation
    },
    get kept() {
      return compiled.size
    },
    recent: () =>
      [...compiled.values()]
        .filter(({ operation }) => operation !== undefined)
        .map(({ name }) => name)
        .reverse(),
  }
}

/** A name has no blanks, so that no text can run into it. */
const keyOf = ({ text, operationName = '' }: AdhocName, bucket: number): string =>
  `${bucket} ${operationName} ${text}`

function servable(compiled: CompiledOperation, pricing: PricingOptions | undefined): ServableOperation {
  return {
    id: undefined,
    name: 'adhoc',
    kind: compiled.kind,
    priority: 'ADHOC',
    clientName: undefined,
    tool: undefined,
    description: undefined,
    definition: compiled.operation,
    compiled,
    variants: undefined,
    cost: operationCost(compiled.supergraph, compiled, pricing),
  }
}
