import { createHash } from 'node:crypto'
import { setImmediate as othersTurn } from 'node:timers/promises'
import {
  type ConstDirectiveNode,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  parse,
  print,
} from 'graphql'
import { createPlanner, type Planner } from '../execution/plan.ts'
import { apiSchemaInSteps } from './api-schema.ts'
import { type Authorization, authorizationOf } from './authorization.ts'
import type { HintOverrides } from './cache-hints.ts'
import { withExternalFields } from './external-fields.ts'
import { type Links, linksOf } from './links.ts'
import { withoutOddCosts } from './odd-costs.ts'
import { planningNames, withNames, withOwnNames } from './planning-order.ts'
import { withRequiresRoots } from './requires-roots.ts'
import { refuseGuardedPublic } from './scope.ts'
import { type TypeFacts, typeFacts } from './type-facts.ts'
import { type UnionFacts, unionFacts } from './union-facts.ts'
import { withWidestTypes } from './widest-types.ts'

export interface Subgraph {
  readonly name: string
  /** Empty when the supergraph gives none. */
  readonly url: string
}

/** A supergraph ready to plan and execute operations; immutable, so that a new one is swapped in whole. */
export interface Supergraph {
  readonly sdl: string
  /** SHA-256 of the SDL, hex. */
  readonly hash: string
  readonly apiSchema: GraphQLSchema
  readonly types: TypeFacts
  /** Undefined when nothing is guarded. */
  readonly authorization: Authorization | undefined
  /** Undefined when all subgraphs agree on their unions. */
  readonly unions: UnionFacts | undefined
  readonly planner: Planner
  /** Plans from the root fields of requires-roots.ts. Few operations need it: it is made when one does. */
  readonly requiresPlanner: Planner
  readonly subgraphs: readonly Subgraph[]
  /** Labels of progressive `@override`, each once: on which of them hold, plans depend. */
  readonly overrideLabels: readonly string[]
}

/**
 * Reads a composed Federation 2 supergraph.
 *
 * @throws Error that names what is wrong: SDL that does not parse, no `join__Graph`, an invalid API schema, or a use
 * of `@context`/`@fromContext`, which the planner would silently ignore, a guard that cannot be read, or PUBLIC written on
 * a field that is guarded.
 * @param overrides what an operator's table says of scopes in the place of the schema: whoever shares answers between
 * callers goes by it too. Not checked here (cache/policy.ts).
 */
export function loadSupergraph(sdl: string, overrides?: HintOverrides): Supergraph {
  const steps = loading(sdl, overrides)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** {@link loadSupergraph} beside other work: in steps, between which others have their turn. Rejects as it throws. */
export async function loadSupergraphAsync(sdl: string, overrides?: HintOverrides): Promise<Supergraph> {
  const steps = loading(sdl, overrides)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await othersTurn()
  }
}

function* loading(sdl: string, overrides: HintOverrides | undefined): Generator<undefined, Supergraph> {
  const composed = parsed(sdl)
  yield
  const links = linksOf(composed)
  refuseContext(composed, links)
  const graphs = subgraphsOf(composed)
  const names = new Map([...graphs].map(([value, subgraph]) => [value, subgraph.name]))
  const authorization = authorizationOf(composed)
  refuseGuardedPublic(composed, authorization)
  const types = typeFacts(composed, names, authorization, overrides)
  yield
  const document = withoutOddCosts(withExternalFields(withWidestTypes(composed, types.satisfies)), links)
  const api = yield* apiSchemaInSteps(document)
  yield
  const order = planningNames(document, names)
  const planned = order ? print(withNames(document, order)) : document === composed ? sdl : print(document)
  const plannerOf = (text: string): Planner =>
    order ? withOwnNames(createPlanner(text), order) : createPlanner(text)
  const planner = plannerOf(planned)
  yield
  let requiresPlanner: Planner | undefined
  return {
    sdl,
    hash: createHash('sha256').update(sdl).digest('hex'),
    apiSchema: api,
    types,
    authorization,
    unions: unionFacts(document, names),
    planner,
    get requiresPlanner() {
      requiresPlanner ??= plannerOf(withRequiresRoots(planned))
      return requiresPlanner
    },
    subgraphs: [...graphs.values()],
    overrideLabels: overrideLabelsOf(document),
  }
}

/** `join__Graph`'s values with the name and address of each. */
function subgraphsOf(document: DocumentNode): Map<string, Subgraph> {
  const graphs = new Map<string, Subgraph>()
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.ENUM_TYPE_DEFINITION || definition.name.value !== 'join__Graph') continue
    for (const value of definition.values ?? []) {
      const graph = value.directives?.find(directive => directive.name.value === 'join__graph')
      graphs.set(value.name.value, {
        name: stringArgument(graph, 'name') ?? value.name.value,
        url: stringArgument(graph, 'url') ?? '',
      })
    }
  }
  if (graphs.size === 0)
    throw new Error(
      'Expected a composed Federation 2 supergraph, got SDL without an enum "join__Graph" that names its subgraphs',
    )
  return graphs
}

function overrideLabelsOf(document: DocumentNode): readonly string[] {
  const labels = new Set<string>()
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    for (const field of definition.fields ?? [])
      for (const directive of field.directives ?? []) {
        if (directive.name.value !== 'join__field') continue
        const label = stringArgument(directive, 'overrideLabel')
        if (label !== undefined) labels.add(label)
      }
  }
  return [...labels]
}

function stringArgument(directive: ConstDirectiveNode | undefined, name: string): string | undefined {
  const value = directive?.arguments?.find(argument => argument.name.value === name)?.value
  return value?.kind === Kind.STRING ? value.value : undefined
}

function refuseContext(document: DocumentNode, links: Links): void {
  const setters: string[] = []
  for (const definition of document.definitions) {
    if (!('directives' in definition) || !('name' in definition) || definition.name === undefined) continue
    const type = definition.name.value
    if (definition.directives?.some(directive => directive.name.value === links.context)) setters.push(type)
    for (const field of 'fields' in definition ? (definition.fields ?? []) : [])
      if (field.directives?.some(takesContext))
        throw new Error(
          `${type}.${field.name.value} uses @fromContext, which is not supported: pass the value as an argument instead`,
        )
  }
  if (setters.length > 0)
    throw new Error(
      `${setters[0]} uses @context, which is not supported: pass the value as an argument instead`,
    )
}

function takesContext(directive: ConstDirectiveNode): boolean {
  const given = directive.arguments?.find(argument => argument.name.value === 'contextArguments')?.value
  return directive.name.value === 'join__field' && given?.kind === Kind.LIST && given.values.length > 0
}

function parsed(sdl: string): DocumentNode {
  try {
    return parse(sdl, { noLocation: true })
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error
    const [at] = error.locations ?? []
    throw new Error(`supergraph: ${error.message}${at === undefined ? '' : ` (line ${at.line})`}`)
  }
}
