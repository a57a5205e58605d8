import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationRule,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'

/**
 * How large an operation may be before anything is planned. Root introspection fields count towards neither, and have a
 * limit of their own.
 */
export interface OperationLimits {
  /** Fields on a path from the root. */
  readonly depthMax: number
  /** Root fields; the same field under two aliases counts twice. */
  readonly rootFieldsMax: number
}

/** Introspection fields that are lists. */
const INTROSPECTION_LISTS: ReadonlySet<string> = new Set([
  'types',
  'directives',
  'fields',
  'inputFields',
  'args',
  'enumValues',
  'interfaces',
  'possibleTypes',
])
/** Tools select 9 of them. Twice a hundred under aliases, a text of 4 kB, took a second and wrote 2.7 MB. */
const INTROSPECTION_LISTS_MAX = 32
/** Tools select 230. Six hundred descriptions of every field under aliases, 10 kB, took 0.3 s and wrote 13 MB. */
const INTROSPECTION_FIELDS_MAX = 400

/** Selection sets within one another, fragments among them, beyond {@link OperationLimits.depthMax}. */
const NESTING_BEYOND_DEPTH_MAX = 100

/** What is wrong with an operation's size, or `undefined`. Fragments are measured once, not once a spread. */
export function checkLimits(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  limits: OperationLimits,
): Fault | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const rootFields = rootFieldsOf(operation.selectionSet, fragments)
  if (rootFields > limits.rootFieldsMax) {
    return new Fault(
      'MAX_ROOT_FIELDS_LIMIT',
      `expected at most ${limits.rootFieldsMax} root fields, got ${rootFields}`,
    )
  }
  const depth = depthOf(operation.selectionSet, fragments)
  if (depth > limits.depthMax) {
    return new Fault('MAX_DEPTH_LIMIT', `expected at most ${limits.depthMax} levels of fields, got ${depth}`)
  }
  const nestingMax = limits.depthMax + NESTING_BEYOND_DEPTH_MAX
  const nesting = nestingOf(operation.selectionSet, fragments)
  if (nesting > nestingMax) {
    return new Fault(
      'MAX_DEPTH_LIMIT',
      `expected at most ${nestingMax} levels of fields and fragments, got ${nesting}`,
    )
  }
  const fields = introspectedIn(operation.selectionSet, fragments, () => true)
  if (fields > INTROSPECTION_FIELDS_MAX) {
    return new Fault(
      'OPERATION_TOO_LARGE',
      `expected introspection to select at most ${INTROSPECTION_FIELDS_MAX} fields, got ${fields}`,
    )
  }
  const lists = introspectedIn(operation.selectionSet, fragments, name => INTROSPECTION_LISTS.has(name))
  if (lists > INTROSPECTION_LISTS_MAX) {
    return new Fault(
      'OPERATION_TOO_LARGE',
      `expected introspection to select at most ${INTROSPECTION_LISTS_MAX} lists, got ${lists}`,
    )
  }
  return undefined
}

/** The limits as a validation rule, so that the Apollo door refuses before it plans. */
export function limitsRule(limits: OperationLimits): ValidationRule {
  return context => ({
    OperationDefinition(operation) {
      const fault = checkLimits(context.getDocument(), operation, limits)
      if (fault !== undefined) context.reportError(fault)
    },
  })
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** Memoised by fragment; a cycle, which validation refuses by itself, counts as nothing. */
function rootFieldsOf(
  set: SelectionSetNode,
  fragments: Fragments,
  known: Map<string, number> = new Map(),
): number {
  let count = 0
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) count += isIntrospection(selection.name.value) ? 0 : 1
    else if (selection.kind === Kind.INLINE_FRAGMENT)
      count += rootFieldsOf(selection.selectionSet, fragments, known)
    else
      count += inFragment(selection.name.value, fragments, known, inner =>
        rootFieldsOf(inner, fragments, known),
      )
  }
  return count
}

function depthOf(
  set: SelectionSetNode,
  fragments: Fragments,
  known: Map<string, number> = new Map(),
): number {
  let deepest = 0
  for (const selection of set.selections) {
    let depth = 0
    if (selection.kind === Kind.FIELD) {
      if (isIntrospection(selection.name.value)) continue
      depth =
        1 + (selection.selectionSet === undefined ? 0 : depthOf(selection.selectionSet, fragments, known))
    } else if (selection.kind === Kind.INLINE_FRAGMENT)
      depth = depthOf(selection.selectionSet, fragments, known)
    else depth = inFragment(selection.name.value, fragments, known, inner => depthOf(inner, fragments, known))
    if (depth > deepest) deepest = depth
  }
  return deepest
}

/** As {@link depthOf}, fragments counted: what is printed, planned and walked through is as deep. */
function nestingOf(
  set: SelectionSetNode,
  fragments: Fragments,
  known: Map<string, number> = new Map(),
): number {
  let deepest = 0
  for (const selection of set.selections) {
    const inner =
      selection.kind === Kind.FRAGMENT_SPREAD
        ? inFragment(selection.name.value, fragments, known, within => nestingOf(within, fragments, known))
        : selection.selectionSet === undefined
          ? 0
          : nestingOf(selection.selectionSet, fragments, known)
    if (inner > deepest) deepest = inner
  }
  return 1 + deepest
}

/**
 * Fields below `__schema` and `__type`.
 * @param set at the root, or below one of them.
 */
function introspectedIn(
  set: SelectionSetNode,
  fragments: Fragments,
  counts: (name: string) => boolean,
  known: Map<string, number> = new Map(),
  isBelow = false,
): number {
  const within = (inner: SelectionSetNode, below = isBelow): number =>
    introspectedIn(inner, fragments, counts, known, below)
  let count = 0
  for (const selection of set.selections) {
    if (selection.kind === Kind.FRAGMENT_SPREAD)
      count += inFragment(selection.name.value, fragments, known, inner => within(inner))
    else if (selection.kind === Kind.INLINE_FRAGMENT) count += within(selection.selectionSet)
    else {
      const name = selection.name.value
      if (isBelow && counts(name)) count++
      // A field of any object may return the query type, and that is introspected as the root is.
      if (selection.selectionSet) count += within(selection.selectionSet, isBelow || isIntrospection(name))
    }
  }
  return count
}

function inFragment(
  name: string,
  fragments: Fragments,
  known: Map<string, number>,
  measure: (set: SelectionSetNode) => number,
): number {
  const before = known.get(name)
  if (before !== undefined) return before
  const fragment = fragments.get(name)
  if (fragment === undefined) return 0
  known.set(name, 0)
  const measured = measure(fragment.selectionSet)
  known.set(name, measured)
  return measured
}

const isIntrospection = (name: string): boolean => name.startsWith('__')
