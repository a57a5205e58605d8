import {
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'

/** More than this many and an operation has more shapes than are worth keeping apart. */
const CONDITION_VARIABLES_MAX = 30

/**
 * The variables that `@skip` and `@include` read. Each combination of their values is a shape of the operation, and a
 * shape is planned and compiled by itself: its plan has no conditions left, which the planner would split into more
 * fetches, and its projection none to evaluate.
 */
export interface Conditions {
  readonly variables: readonly string[]
  /** Bit i is set when variable i is true. Throws BAD_INPUT when one has no value. */
  shapeOf(variables: Readonly<Record<string, unknown>>): number
}

export function conditionsOf(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): Conditions {
  const names = new Set<string>()
  const document: DocumentNode = { kind: Kind.DOCUMENT, definitions: [operation, ...fragments.values()] }
  visit(document, {
    Directive(node) {
      const value = conditionOf(node)
      if (typeof value === 'string') names.add(value)
    },
  })
  const variables = [...names].sort()
  if (variables.length > CONDITION_VARIABLES_MAX)
    throw new Fault(
      'OPERATION_TOO_LARGE',
      `Expected at most ${CONDITION_VARIABLES_MAX} variables in @skip and @include, got ${variables.length}`,
    )
  return {
    variables,
    shapeOf(values) {
      let shape = 0
      for (let i = 0; i < variables.length; i++) {
        const value = values[variables[i]!]
        if (value === true) shape |= 1 << i
        else if (value !== false)
          throw new Fault(
            'BAD_INPUT',
            `Expected variable "$${variables[i]}" to be true or false, got no value: @skip or @include reads it`,
          )
      }
      return shape
    },
  }
}

/** Whether a selection with these directives is part of a shape. */
export function isIncluded(
  directives: readonly DirectiveNode[] | undefined,
  conditions: Conditions,
  shape: number,
): boolean {
  if (directives === undefined) return true
  for (const directive of directives) {
    const condition = conditionOf(directive)
    if (condition === undefined) continue
    const value =
      typeof condition === 'string'
        ? (shape & (1 << conditions.variables.indexOf(condition))) !== 0
        : condition
    if (value === (directive.name.value === 'skip')) return false
  }
  return true
}

/** `if:` of `@skip` or `@include`: a literal, or a variable's name; undefined for other directives. */
function conditionOf(directive: DirectiveNode): boolean | string | undefined {
  if (directive.name.value !== 'skip' && directive.name.value !== 'include') return undefined
  const value = directive.arguments?.find(argument => argument.name.value === 'if')?.value
  if (value?.kind === Kind.BOOLEAN) return value.value
  return value?.kind === Kind.VARIABLE ? value.name.value : undefined
}
