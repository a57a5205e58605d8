import {
  type FieldNode,
  type GraphQLCompositeType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'

/**
 * Refuses fields whose `@requires` the planner must not see. It loses its way over one that stands within an object of
 * its own type, over one that requires another such field, and over one of a type that has several keys: at best it
 * finds no plan, at worst it asks a subgraph for another's fields, notices ("mismatch_finder.rs", "called
 * `Option::unwrap()` on a `None` value") and aborts the process.
 * One that is selected on an interface it asks for at once, without what it requires.
 *
 * @throws Fault PLAN_FAILED; without these fields (plan-deferred.ts) there may be a plan.
 */
export function refuseRiskyRequires(
  { apiSchema: schema, types, subgraphs }: Pick<Supergraph, 'apiSchema' | 'types' | 'subgraphs'>,
  selections: readonly SelectionNode[],
  parent: GraphQLCompositeType,
): void {
  const services = subgraphs.map(({ name }) => name)
  if (riskyIn(selections, parent, new Set()))
    throw new Fault(
      'PLAN_FAILED',
      'The operation cannot be planned over the subgraphs: it has fields with @requires that the planner cannot place',
    )

  function riskyIn(
    level: readonly SelectionNode[],
    type: GraphQLCompositeType,
    above: ReadonlySet<string>,
  ): boolean {
    const own = objectsOf(type)
    let below: ReadonlySet<string> | undefined
    return level.some(selection => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) return false
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const narrowed = schema.getType(selection.typeCondition?.name.value ?? type.name)
        return isCompositeType(narrowed) && riskyIn(selection.selectionSet.selections, narrowed, above)
      }
      const field = selection.name.value
      if (own.some(name => (isAbstractType(type) ? isRequiring(name, field) : isRisky(name, field, above))))
        return true
      const definition = 'getFields' in type ? type.getFields()[field] : undefined
      const inner = definition && getNamedType(definition.type)
      if (!selection.selectionSet || !isCompositeType(inner)) return false
      below ??= new Set([...above, ...own])
      return riskyIn(selection.selectionSet.selections, inner, below)
    })
  }

  function objectsOf(type: GraphQLCompositeType): string[] {
    return isAbstractType(type) ? schema.getPossibleTypes(type).map(({ name }) => name) : [type.name]
  }

  function isRisky(typename: string, field: string, above: ReadonlySet<string>): boolean {
    return services.some(service => {
      const requires = types.requiresOf(typename, field, service)
      return (
        requires !== undefined &&
        (above.has(typename) ||
          !haveOneKey(typename) ||
          fieldsOf(requires).some(input => isRequiring(typename, input.name.value)))
      )
    })
  }

  function isRequiring(typename: string, field: string): boolean {
    return services.some(service => types.requiresOf(typename, field, service) !== undefined)
  }

  /** Is there a single key by which all subgraphs know the type? */
  function haveOneKey(typename: string): boolean {
    const keys = services.flatMap(service => types.keysOf(typename, service).map(key => JSON.stringify(key)))
    return new Set(keys).size <= 1
  }
}

function fieldsOf(set: SelectionSetNode): FieldNode[] {
  return set.selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return [selection]
    return selection.kind === Kind.INLINE_FRAGMENT ? fieldsOf(selection.selectionSet) : []
  })
}
