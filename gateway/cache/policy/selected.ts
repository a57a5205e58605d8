import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
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
  /** Whether no `@skip` or `@include` may keep it out. */
  isSure: boolean
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
  for (const set of sets) look(set, undefined, true)
  return [...found.values()]

  function look(set: SelectionSetNode, condition: string | undefined, isSure: boolean): void {
    if (seen.has(set)) return
    seen.add(set)
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const name = selection.name.value
        const key = selection.alias?.value ?? name
        const id = `${key} ${name}`
        const known = found.get(id)
        const isSureHere = isSure && isUnconditional(selection)
        if (known === undefined)
          found.set(id, { key, name, nodes: [selection], conditions: [condition], isSure: isSureHere })
        else {
          known.nodes.push(selection)
          known.conditions.push(condition)
          known.isSure ||= isSureHere
        }
        continue
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
      const on = fragment?.typeCondition?.name.value
      if (fragment !== undefined && (on === undefined || applies(on)))
        look(fragment.selectionSet, on ?? condition, isSure && isUnconditional(selection))
    }
  }
}

const isUnconditional = ({ directives = [] }: SelectionNode): boolean => directives.length === 0

export const setsOf = (nodes: readonly FieldNode[]): SelectionSetNode[] =>
  nodes.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : [selectionSet]))

/** Adds what an object has at a path. */
export type ReadResult = (value: unknown, into: unknown[]) => void

/** Stands for a value that an object may have and does not show; it is no key, so it comes to every key. */
const NOT_SHOWN = {}

/**
 * Compiles the reading of a path of schema fields, under whatever names a selection has them; whatever type an object is
 * of counts.
 * @param isCarried by what is kept: then an object that does not show what the path leads to may have anything there;
 * else there is nothing.
 */
export function compileResultValues(
  sets: readonly SelectionSetNode[],
  fragments: Fragments,
  path: readonly string[],
  isCarried: boolean,
): ReadResult {
  const [name, ...rest] = path
  if (name === undefined) return gather
  const places = selectedFields(sets, fragments, () => true)
    .filter(field => field.name === name)
    .map(({ key, nodes }) => ({ key, read: compileResultValues(setsOf(nodes), fragments, rest, isCarried) }))
  if (places.length === 0 && !isCarried) return () => {}
  return function walk(value, into) {
    if (Array.isArray(value)) for (const item of value) walk(item, into)
    else if (typeof value === 'object' && value !== null) {
      let isShown = false
      for (const { key, read } of places) {
        const inner = (value as Readonly<Record<string, unknown>>)[key]
        if (inner !== undefined) isShown = true
        if (inner !== undefined && inner !== null) read(inner, into)
      }
      if (!isShown && isCarried) gather(NOT_SHOWN, into)
    }
  }
}
