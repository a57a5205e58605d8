import { setImmediate as othersTurn } from 'node:timers/promises'
import { type DocumentNode, GraphQLError, type OperationDefinitionNode } from 'graphql'
import type { Priority } from '../../protocol/priority.ts'
import { type CompiledOperation, compileOperation, compileOperationAsync } from '../execution/operation.ts'
import type { PlanElsewhere } from '../execution/operation-plan.ts'
import { NO_ROLLOUT, type Rollout } from '../execution/plan.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { type Checks, checkElsewhere, UNCHECKED } from './check-elsewhere.ts'
import type { ManifestOperation } from './manifest.ts'
import { DEFAULT_PRICING, type OperationCost, operationCost, type PricingOptions } from './operation-cost.ts'
import { checkDocument, type DocumentLimits, onlyOperation, parseDocument } from './persisted-document.ts'
import { normalHashOf } from './text-form.ts'

/** An operation that can be run: persisted, or made of a client's text. */
export interface ServableOperation {
  /** SHA-256 of its text; `undefined` unless persisted. */
  readonly id: string | undefined
  /** Its name in logs and metrics; `adhoc` unless persisted. */
  readonly name: string
  readonly kind: 'query' | 'mutation'
  readonly priority: Priority
  /** The only client that it is for; `undefined`: it is everybody's. */
  readonly clientName: string | undefined
  readonly tool: string | undefined
  readonly description: string | undefined
  readonly definition: OperationDefinitionNode
  readonly compiled: CompiledOperation
  /** One a bucket of the rollout, `compiled` first; `undefined`: `compiled` is every bucket's. */
  readonly variants: readonly CompiledOperation[] | undefined
  readonly cost: OperationCost
}

/** Persisted operations by the names that clients call them. */
export interface OperationRegistry {
  readonly operations: readonly ServableOperation[]
  /** The client's own operation of this id, else everybody's. */
  find(id: string, clientName: string | undefined): ServableOperation | undefined
  /**
   * An operation whose text is this one but for blanks, comments and the order of definitions; the client's own first.
   * @param normalHash of text-form.ts.
   */
  findEqual(normalHash: string, clientName: string | undefined): ServableOperation | undefined
  /** The operation of this id, whosever it is, and its hash for {@link findEqual} where it is known. */
  madeOf(id: string): Made | undefined
}

/** What an entry of a manifest was made into. */
interface Made {
  readonly operation: ServableOperation
  readonly normalHash: string | undefined
}

export type RegistryLimits = DocumentLimits

/**
 * Compiles every persisted operation, for each rollout that is in use, so that a request never parses, validates or
 * plans one.
 * @throws Error that names the operation that does not parse, is invalid, or is too large.
 */
export function createRegistry(
  supergraph: Supergraph,
  manifest: readonly ManifestOperation[],
  limits: RegistryLimits,
  rollouts: readonly Rollout[] = [NO_ROLLOUT],
  pricing: PricingOptions = DEFAULT_PRICING,
): OperationRegistry {
  return registryOf(
    manifest,
    manifest.map(entry => {
      try {
        const document = parseDocument(entry.body, limits)
        checkDocument(supergraph.apiSchema, entry.body, document, limits)
        const compiled = rollouts.map(rollout => compileOperation(supergraph, document, { rollout }))
        return {
          operation: servable(entry, document, compiled, pricing),
          normalHash: normalHashOf(document),
        }
      } catch (error) {
        throw refusal(entry, error)
      }
    }),
  )
}

export interface RegistryOptions {
  /** Plans shapes that are first asked for by a request. Default: threads of this process. */
  readonly plan?: PlanElsewhere | undefined
  /**
   * Plans all the rest, in a process that serves already: an operation that the planner aborts over must not end it.
   * Asked for a few plans at a time. Default: threads of this process, since whoever starts a process sees it end.
   */
  readonly planEagerly?: PlanElsewhere | undefined
  readonly pricing?: PricingOptions | undefined
  /** Whether `findEqual` is asked; without, it finds nothing. Default true. */
  readonly findsEqual?: boolean
  /** Made with all of the same but for the manifest: what it has of that is taken over. */
  readonly before?: OperationRegistry | undefined
}

/** From so many operations on they are checked by a thread of its own. */
const CHECKED_ELSEWHERE_MIN = 200

/**
 * Operations that are made at the same time: while some are planned elsewhere, others are read and compiled. Those whose
 * plans come together are compiled together: what is asked of another process comes several at a time.
 */
const MAKING_MAX = 4
const MAKING_ELSEWHERE_MAX = 16

/** {@link createRegistry} beside other work, which has its turn within every operation. Rejects as it throws. */
export async function createRegistryAsync(
  supergraph: Supergraph,
  manifest: readonly ManifestOperation[],
  limits: RegistryLimits,
  rollouts: readonly Rollout[] = [NO_ROLLOUT],
  { plan, planEagerly, pricing, findsEqual = true, before }: RegistryOptions = {},
): Promise<OperationRegistry> {
  const made: Made[] = manifest.map(entry => (before && takenOver(entry, before))!)
  const news = [...manifest.keys()].filter(at => made[at] === undefined)
  const checks =
    news.length < CHECKED_ELSEWHERE_MIN
      ? undefined
      : checkElsewhere(
          supergraph,
          news.map(at => manifest[at]!.body),
          limits,
        )
  let begun = 0
  /** What is wrong with entries, by their place. */
  const failed = new Map<number, Error>()

  async function make(entry: ManifestOperation, number: number): Promise<Made> {
    const document = await checkedDocument(supergraph, entry, limits, checks?.reasonOf(number))
    const normalHash = findsEqual ? normalHashOf(document) : undefined
    await othersTurn()
    const compiled: CompiledOperation[] = []
    for (const rollout of rollouts)
      compiled.push(
        await compileOperationAsync(supergraph, document, { rollout, plan, planEagerly, isEager: true }),
      )
    return { operation: servable(entry, document, compiled, pricing), normalHash }
  }

  async function makeOneByOne(): Promise<void> {
    while (begun < news.length && failed.size === 0) {
      const number = begun++
      const at = news[number]!
      try {
        made[at] = await make(manifest[at]!, number)
      } catch (error) {
        failed.set(at, refusal(manifest[at]!, error))
      }
      await othersTurn()
    }
  }

  try {
    const makers = planEagerly === undefined ? MAKING_MAX : MAKING_ELSEWHERE_MAX
    await Promise.all(Array.from({ length: makers }, makeOneByOne))
  } finally {
    await checks?.close()
  }
  // Whoever reads the manifest looks at the first one first.
  if (failed.size > 0) throw failed.get(Math.min(...failed.keys()))!
  return registryOf(manifest, made)
}

/** The same text is the same operation; its entry may say something else of it. */
function takenOver(
  { id, priority, clientName, tool, description }: ManifestOperation,
  before: OperationRegistry,
): Made | undefined {
  const known = before.madeOf(id)
  return known && { ...known, operation: { ...known.operation, priority, clientName, tool, description } }
}

/** @param checking what a thread says of it; `undefined`: this one looks. */
async function checkedDocument(
  { apiSchema }: Supergraph,
  { body }: ManifestOperation,
  limits: RegistryLimits,
  checking: ReturnType<Checks['reasonOf']> | undefined,
): Promise<DocumentNode> {
  const reason = checking === undefined ? UNCHECKED : await checking
  if (typeof reason === 'string') throw new GraphQLError(reason)
  const document = parseDocument(body, limits)
  if (reason === UNCHECKED) checkDocument(apiSchema, body, document, limits)
  return document
}

/** @param made one for each entry of the manifest, in its order. */
function registryOf(manifest: readonly ManifestOperation[], made: readonly Made[]): OperationRegistry {
  const byId = new Map<string, ServableOperation>()
  const byText = new Map<string, ServableOperation>()
  const madeById = new Map<string, Made>()
  for (const [i, { id, clientName }] of manifest.entries()) {
    const { operation, normalHash } = made[i]!
    madeById.set(id, made[i]!)
    byId.set(keyOf(id, clientName), operation)
    // Of texts that are equal but for their form, the first one answers for all.
    const textKey = normalHash && keyOf(normalHash, clientName)
    if (textKey !== undefined && !byText.has(textKey)) byText.set(textKey, operation)
  }
  const hasClients = manifest.some(({ clientName }) => clientName !== undefined)
  const finder =
    (known: ReadonlyMap<string, ServableOperation>) =>
    (hash: string, clientName: string | undefined): ServableOperation | undefined =>
      (hasClients && clientName !== undefined ? known.get(keyOf(hash, clientName)) : undefined) ??
      known.get(hash)
  return {
    operations: made.map(({ operation }) => operation),
    find: finder(byId),
    findEqual: finder(byText),
    madeOf: id => madeById.get(id),
  }
}

/** A hash is of fixed length, so that no client's name can run into it. */
const keyOf = (hash: string, clientName: string | undefined): string =>
  clientName === undefined ? hash : `${hash} ${clientName}`

/** @param variants one a rollout. */
function servable(
  { id, priority, clientName, tool, description }: ManifestOperation,
  document: DocumentNode,
  variants: readonly CompiledOperation[],
  pricing: PricingOptions | undefined,
): ServableOperation {
  const [compiled] = variants
  if (compiled === undefined) throw new Error('expected a rollout to compile for, got none')
  return {
    id,
    name: compiled.name ?? id.slice(0, 12),
    kind: compiled.kind,
    priority,
    clientName,
    tool,
    description,
    definition: onlyOperation(document),
    compiled,
    variants: variants.length === 1 ? undefined : variants,
    cost: operationCost(compiled.supergraph, compiled, pricing),
  }
}

/** What is wrong with an operation, after its name. */
function refusal({ id, body }: ManifestOperation, error: unknown): Error {
  return new Error(`persisted operation ${nameIn(body)} (${id}): ${(error as Error).message}`, {
    cause: error,
  })
}

/** For an error before there is a document. */
const nameIn = (body: string): string => /\b(?:query|mutation)\s+(\w+)/.exec(body)?.[1] ?? 'without a name'
