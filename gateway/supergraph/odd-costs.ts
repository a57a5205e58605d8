import {
  type ConstDirectiveNode,
  type ConstValueNode,
  type DefinitionNode,
  type DocumentNode,
  Kind,
  parse,
  visit,
} from 'graphql'
import type { Links } from './links.ts'

/**
 * The native planner reads costs, which planning does not need, and aborts its process over one that is none ("weight
 * argument must be a non-negative integer"). A supergraph with such a cost is planned without any; who reads its costs
 * refuses it by name, if it must be refused.
 */
export function withoutOddCosts(document: DocumentNode, links: Links): DocumentNode {
  const named = (name: string): ReadonlySet<string> =>
    new Set([name, links.directiveOf('https://specs.apollo.dev/cost', name) ?? name])
  const [cost, listSize] = [named('cost'), named('listSize')]
  const isOdd = (directive: ConstDirectiveNode): boolean =>
    (cost.has(directive.name.value) && !isPlainCost(directive)) ||
    (listSize.has(directive.name.value) && !isPlainListSize(directive))
  if (!document.definitions.some(definition => directivesOf(definition).some(isOdd))) return document
  return visit(document, {
    Directive: ({ name }) => (cost.has(name.value) || listSize.has(name.value) ? null : undefined),
  })
}

interface Annotated {
  readonly directives?: readonly ConstDirectiveNode[] | undefined
  readonly fields?: readonly Annotated[] | undefined
  readonly arguments?: readonly Annotated[] | undefined
}

/** Of the definition, its fields and their arguments. */
function directivesOf(definition: DefinitionNode): ConstDirectiveNode[] {
  const walk = ({ directives = [], fields = [], arguments: args = [] }: Annotated): ConstDirectiveNode[] => [
    ...directives,
    ...fields.flatMap(walk),
    ...args.flatMap(walk),
  ]
  return definition.kind === Kind.DIRECTIVE_DEFINITION ? [] : walk(definition as Annotated)
}

const valueIn = (directive: ConstDirectiveNode, name: string): ConstValueNode | undefined =>
  directive.arguments?.find(argument => argument.name.value === name)?.value

const isSize = (value: ConstValueNode | undefined): boolean =>
  value?.kind === Kind.INT && !value.value.startsWith('-')

const isPlainCost = (directive: ConstDirectiveNode): boolean => isSize(valueIn(directive, 'weight'))

function isPlainListSize(directive: ConstDirectiveNode): boolean {
  const assumed = valueIn(directive, 'assumedSize')
  const sized = valueIn(directive, 'sizedFields')
  return (
    (assumed === undefined || assumed.kind === Kind.NULL || isSize(assumed)) &&
    (sized?.kind !== Kind.LIST || sized.values.every(isFieldSet))
  )
}

function isFieldSet(value: ConstValueNode): boolean {
  if (value.kind !== Kind.STRING) return false
  try {
    parse(`{${value.value}}`, { noLocation: true })
    return true
  } catch {
    return false
  }
}
