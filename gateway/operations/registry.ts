import { setImmediate as othersTurn } from 'node:timers/promises'
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import type { Priority } from '../../protocol/priority.ts'
import { type CompiledOperation, compileOperation, compileOperationAsync } from '../execution/operation.ts'
import type { PlanElsewhere } from '../execution/operation-plan.ts'
import { NO_ROLLOUT, type Rollout } from '../execution/plan.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { checkLimits, type OperationLimits } from './limits.ts'
import type { ManifestOperation } from './manifest.ts'
import { DEFAULT_PRICING, type OperationCost, operationCost, type PricingOptions } from './operation-cost.ts'
import { normalHashOf } from './text-form.ts'
import { unsupportedRule } from './unsupported.ts'

/** An operation that can be run: persisted, or made of a client's text. */
export interface ServableOperation {
  /** SHA-256 of its text; `undefined` unless persisted. */
  readonly id: string | undefined
  /** Its name in logs and metrics; `adhoc` unless persisted. */
  readonly name: string
  readonly kind: 'query' | 'mutation'
  readonly priority: Priority
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
}

export interface RegistryLimits extends OperationLimits {
  readonly tokensMax: number
}

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
  const normalHashes: string[] = []
  return registryOf(
    manifest,
    manifest.map(entry => {
      try {
        const document = documentOf(supergraph, entry, limits)
        normalHashes.push(normalHashOf(document))
        return servable(
          entry,
          document,
          rollouts.map(rollout => compileOperation(supergraph, document, { rollout })),
          pricing,
        )
      } catch (error) {
        throw refusal(entry, error)
      }
    }),
    normalHashes,
  )
}

export interface RegistryOptions {
  /** Plans shapes that are first asked for by a request. Default: threads of this process. */
  readonly plan?: PlanElsewhere | undefined
  /**
   * Plans all the rest, in a process that serves already: an operation that the planner aborts over must not end it.
   * Asked for one plan at a time. Default: threads of this process, since whoever starts a process sees it end.
   */
  readonly planEagerly?: PlanElsewhere | undefined
  readonly pricing?: PricingOptions | undefined
  /** Whether `findEqual` is asked; without, it finds nothing. Default true. */
  readonly findsEqual?: boolean
}

/** Operations that are made at the same time: while one is planned elsewhere, others are read and compiled. */
const MAKING_MAX = 4

/** {@link createRegistry} beside other work, which has its turn within every operation. Rejects as it throws. */
export async function createRegistryAsync(
  supergraph: Supergraph,
  manifest: readonly ManifestOperation[],
  limits: RegistryLimits,
  rollouts: readonly Rollout[] = [NO_ROLLOUT],
  { plan, planEagerly: planOne, pricing, findsEqual = true }: RegistryOptions = {},
): Promise<OperationRegistry> {
  const operations: ServableOperation[] = new Array(manifest.length)
  const normalHashes: string[] = new Array(findsEqual ? manifest.length : 0)
  const planEagerly = planOne && oneAtATime(planOne)
  let begun = 0
  /** Of the first entry that fails: whoever reads the manifest looks there first. */
  let failed: { readonly at: number; readonly error: Error } | undefined

  async function make(at: number): Promise<void> {
    const entry = manifest[at]!
    try {
      const document = documentOf(supergraph, entry, limits)
      if (findsEqual) normalHashes[at] = normalHashOf(document)
      await othersTurn()
      const compiled: CompiledOperation[] = []
      for (const rollout of rollouts)
        compiled.push(
          await compileOperationAsync(supergraph, document, { rollout, plan, planEagerly, isEager: true }),
        )
      operations[at] = servable(entry, document, compiled, pricing)
    } catch (error) {
      if (failed === undefined || at < failed.at) failed = { at, error: refusal(entry, error) }
    }
  }

  async function makeOneByOne(): Promise<void> {
    while (begun < manifest.length && failed === undefined) {
      await make(begun++)
      await othersTurn()
    }
  }

  await Promise.all(Array.from({ length: MAKING_MAX }, makeOneByOne))
  if (failed !== undefined) throw (failed as { readonly error: Error }).error
  return registryOf(manifest, operations, normalHashes)
}

/** Between two plans of ours others' have their turn. */
function oneAtATime(plan: PlanElsewhere): PlanElsewhere {
  let last: Promise<unknown> = Promise.resolve()
  return request => {
    const planned = last.then(() => plan(request))
    last = planned.catch(() => {})
    return planned
  }
}

/** @param operations one for each entry of the manifest, in its order; so are the hashes of text-form.ts, or there are none. */
function registryOf(
  manifest: readonly ManifestOperation[],
  operations: readonly ServableOperation[],
  normalHashes: readonly string[],
): OperationRegistry {
  const byId = new Map<string, ServableOperation>()
  const byText = new Map<string, ServableOperation>()
  for (const [i, { id, clientName }] of manifest.entries()) {
    byId.set(keyOf(id, clientName), operations[i]!)
    // Of texts that are equal but for their form, the first one answers for all.
    const normalHash = normalHashes[i]
    if (normalHash === undefined) continue
    const textKey = keyOf(normalHash, clientName)
    if (!byText.has(textKey)) byText.set(textKey, operations[i]!)
  }
  const hasClients = manifest.some(({ clientName }) => clientName !== undefined)
  const finder =
    (known: ReadonlyMap<string, ServableOperation>) =>
    (hash: string, clientName: string | undefined): ServableOperation | undefined =>
      (hasClients && clientName !== undefined ? known.get(keyOf(hash, clientName)) : undefined) ??
      known.get(hash)
  return { operations, find: finder(byId), findEqual: finder(byText) }
}

/** A hash is of fixed length, so that no client's name can run into it. */
const keyOf = (hash: string, clientName: string | undefined): string =>
  clientName === undefined ? hash : `${hash} ${clientName}`

/** Throws what the text is refused for. */
function documentOf(
  { apiSchema }: Supergraph,
  { body }: ManifestOperation,
  limits: RegistryLimits,
): DocumentNode {
  const document = parse(body, { maxTokens: limits.tokensMax, noLocation: true })
  const definition = onlyOperation(document)
  refuseInvalid(apiSchema, document)
  const tooLarge = checkLimits(document, definition, limits)
  if (tooLarge !== undefined) throw tooLarge
  return document
}

/** @param variants one a rollout. */
function servable(
  { id, priority, tool, description }: ManifestOperation,
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

function onlyOperation(document: DocumentNode): OperationDefinitionNode {
  const found = document.definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
  if (found.length !== 1) throw new GraphQLError(`expected one operation, got ${found.length}`)
  return found[0]!
}

const RULES = [unsupportedRule, ...specifiedRules]

function refuseInvalid(schema: GraphQLSchema, document: DocumentNode): void {
  const errors = validate(schema, document, RULES, { maxErrors: 5 })
  if (errors.length > 0) throw new GraphQLError(errors.map(error => error.message).join(' '))
}

/** For an error before there is a document. */
const nameIn = (body: string): string => /\b(?:query|mutation)\s+(\w+)/.exec(body)?.[1] ?? 'without a name'
