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
import { type CompiledOperation, compileOperation } from '../execution/operation.ts'
import { NO_ROLLOUT, type Rollout } from '../execution/plan.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { checkLimits, type OperationLimits } from './limits.ts'
import type { ManifestOperation } from './manifest.ts'
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
}

/** Persisted operations by the names that clients call them. */
export interface OperationRegistry {
  readonly operations: readonly ServableOperation[]
  /** The client's own operation of this id, else everybody's. */
  find(id: string, clientName: string | undefined): ServableOperation | undefined
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
): OperationRegistry {
  return registryOf(
    manifest,
    manifest.map(entry => register(supergraph, entry, limits, rollouts)),
  )
}

/** {@link createRegistry} beside other work, which has its turn after every operation. Rejects as it throws. */
export async function createRegistryAsync(
  supergraph: Supergraph,
  manifest: readonly ManifestOperation[],
  limits: RegistryLimits,
  rollouts: readonly Rollout[] = [NO_ROLLOUT],
): Promise<OperationRegistry> {
  const operations: ServableOperation[] = []
  for (const entry of manifest) {
    operations.push(register(supergraph, entry, limits, rollouts))
    await othersTurn()
  }
  return registryOf(manifest, operations)
}

/** @param operations one for each entry of the manifest, in its order. */
function registryOf(
  manifest: readonly ManifestOperation[],
  operations: readonly ServableOperation[],
): OperationRegistry {
  const everybodys = new Map<string, ServableOperation>()
  const ofClients = new Map<string, ServableOperation>()
  for (const [i, { id, clientName }] of manifest.entries()) {
    if (clientName === undefined) everybodys.set(id, operations[i]!)
    else ofClients.set(clientKey(id, clientName), operations[i]!)
  }
  return {
    operations,
    find(id, clientName) {
      const own =
        clientName === undefined || ofClients.size === 0
          ? undefined
          : ofClients.get(clientKey(id, clientName))
      return own ?? everybodys.get(id)
    },
  }
}

/** An id is of fixed length, so that no client's name can run into it. */
const clientKey = (id: string, clientName: string): string => `${id} ${clientName}`

function register(
  supergraph: Supergraph,
  entry: ManifestOperation,
  limits: RegistryLimits,
  rollouts: readonly Rollout[],
): ServableOperation {
  const { id, body, priority, tool, description } = entry
  try {
    const document = parse(body, { maxTokens: limits.tokensMax, noLocation: true })
    const definition = onlyOperation(document)
    refuseInvalid(supergraph.apiSchema, document)
    const tooLarge = checkLimits(document, definition, limits)
    if (tooLarge !== undefined) throw tooLarge
    const [compiled, ...others] = rollouts.map(rollout => compileOperation(supergraph, document, { rollout }))
    if (compiled === undefined) throw new Error('expected a rollout to compile for, got none')
    const variants = others.length === 0 ? undefined : [compiled, ...others]
    const name = compiled.name ?? id.slice(0, 12)
    return { id, name, kind: compiled.kind, priority, tool, description, definition, compiled, variants }
  } catch (error) {
    throw new Error(`persisted operation ${nameIn(body)} (${id}): ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function onlyOperation(document: DocumentNode): OperationDefinitionNode {
  const found = document.definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
  if (found.length !== 1) throw new GraphQLError(`expected one operation, got ${found.length}`)
  return found[0]!
}

function refuseInvalid(schema: GraphQLSchema, document: DocumentNode): void {
  const errors = validate(schema, document, [unsupportedRule, ...specifiedRules], { maxErrors: 5 })
  if (errors.length > 0) throw new GraphQLError(errors.map(error => error.message).join(' '))
}

/** For an error before there is a document. */
const nameIn = (body: string): string => /\b(?:query|mutation)\s+(\w+)/.exec(body)?.[1] ?? 'without a name'
