import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import { gather } from './tag-template.ts'

export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** A document's fragments by name. */
export function fragmentsOf(document: DocumentNode): Fragments {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  return fragments
}

/** Under one key of the answer, whatever selects it there. */
export interface SelectedField {
  readonly key: string
  readonly name: string
  readonly nodes: FieldNode[]
  /** The type conditions under which it is selected, the innermost of each; undefined: of whatever the object is. */
  readonly conditions: (string | undefined)[]
}

/**
 * The fields that selection sets on one object select, by the key and the name under which they do, fragments expanded.
 * Each fragment is looked into once: through fragments there are 2^n ways to it.
 * @param applies whether the object may pass a fragment on the type.
 */
export function selectedFields(
  sets: readonly SelectionSetNode[],
  fragments: Fragments,
  applies: (condition: string) => boolean,
): readonly SelectedField[] {
  const found = new Map<string, SelectedField>()
  const seen = new Set<SelectionSetNode>()
  for (const set of sets) look(set, undefined)
  return [...found.values()]

  function look(set: SelectionSetNode, condition: string | undefined): void {
    if (seen.has(set)) return
    seen.add(set)
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const name = selection.name.value
        const key = selection.alias?.value ?? name
        const id = `${key} ${name}`
        const known = found.get(id)
        if (known === undefined) found.set(id, { key, name, nodes: [selection], conditions: [condition] })
        else {
          known.nodes.push(selection)
          known.conditions.push(condition)
        }
        continue
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
      const on = fragment?.typeCondition?.name.value
      if (fragment !== undefined && (on === undefined || applies(on)))
        look(fragment.selectionSet, on ?? condition)
    }
  }
}

export const setsOf = (nodes: readonly FieldNode[]): SelectionSetNode[] =>
  nodes.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : [selectionSet]))

/** Adds what an object has at a path. */
export type ReadResult = (value: unknown, into: unknown[]) => void

/**
 * Compiles the reading of a path of schema fields, under whatever names a selection has them. Where the path is not
 * selected there is nothing; whatever type an object is of counts.
 */
export function compileResultValues(
  sets: readonly SelectionSetNode[],
  fragments: Fragments,
  path: readonly string[],
): ReadResult {
  const [name, ...rest] = path
  if (name === undefined) return gather
  const places = selectedFields(sets, fragments, () => true)
    .filter(field => field.name === name)
    .map(({ key, nodes }) => ({ key, read: compileResultValues(setsOf(nodes), fragments, rest) }))
  if (places.length === 0) return () => {}
  return function walk(value, into) {
    if (Array.isArray(value)) for (const item of value) walk(item, into)
    else if (typeof value === 'object' && value !== null)
      for (const { key, read } of places) {
        const inner = (value as Readonly<Record<string, unknown>>)[key]
        if (inner !== undefined && inner !== null) read(inner, into)
      }
  }
}
