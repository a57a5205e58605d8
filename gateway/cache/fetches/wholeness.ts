import { type DocumentNode, type FragmentDefinitionNode, Kind, type SelectionSetNode } from 'graphql'

/**
 * Whether an object has every key that was asked of it, at every depth. Of fragments only those are looked into whose
 * condition is the object's very type: whether it is of another's kind is not known here.
 * @param typename of an object that does not say it itself.
 */
export type IsWhole = (value: unknown, typename?: string) => boolean

export interface Wholeness {
  /** Of an answer's data. */
  readonly ofRoot: IsWhole
  /** Of what stands under one root key, or is an item of the list there. */
  ofKey(rootKey: string): IsWhole
}

interface Checked {
  readonly key: string
  /** `@skip` or `@include` stands on it. */
  readonly isOptional: boolean
  readonly nested: IsWhole | undefined
}

interface Conditional {
  readonly typename: string
  readonly isOptional: boolean
  readonly isWhole: IsWhole
}

/** Compiles the one operation of a document. */
export function compileWholeness(document: DocumentNode): Wholeness {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const compiled = new Map<SelectionSetNode, IsWhole>()
  const operation = document.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION)
  const set = operation?.kind === Kind.OPERATION_DEFINITION ? operation.selectionSet : undefined
  if (set === undefined) throw new Error('Expected a document with an operation')
  return {
    ofRoot: compile(set),
    ofKey(rootKey) {
      const field = set.selections.find(
        selection => selection.kind === Kind.FIELD && (selection.alias ?? selection.name).value === rootKey,
      )
      return field?.kind === Kind.FIELD && field.selectionSet ? compile(field.selectionSet) : () => true
    },
  }

  function compile(selectionSet: SelectionSetNode): IsWhole {
    let isWhole = compiled.get(selectionSet)
    if (isWhole === undefined) compiled.set(selectionSet, (isWhole = compileSet(selectionSet)))
    return isWhole
  }

  function compileSet({ selections }: SelectionSetNode): IsWhole {
    const fields: Checked[] = []
    const conditionals: Conditional[] = []
    for (const selection of selections) {
      const isOptional = (selection.directives ?? []).length > 0
      if (selection.kind === Kind.FIELD) {
        const nested = selection.selectionSet && compile(selection.selectionSet)
        fields.push({ key: (selection.alias ?? selection.name).value, isOptional, nested })
        continue
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
      const typename = fragment?.typeCondition?.name.value
      if (fragment !== undefined && typename !== undefined)
        conditionals.push({ typename, isOptional, isWhole: compile(fragment.selectionSet) })
    }
    return (value, typename) => isObjectWhole(value, typename, fields, conditionals)
  }
}

function isObjectWhole(
  value: unknown,
  known: string | undefined,
  fields: readonly Checked[],
  conditionals: readonly Conditional[],
): boolean {
  if (value === null) return true
  if (Array.isArray(value)) return value.every(item => isObjectWhole(item, known, fields, conditionals))
  if (typeof value !== 'object') return false
  const object = value as Readonly<Record<string, unknown>>
  for (const { key, isOptional, nested } of fields) {
    const member = Object.hasOwn(object, key) ? object[key] : undefined
    if (member === undefined ? !isOptional : nested !== undefined && !nested(member)) return false
  }
  const typename = typeof object.__typename === 'string' ? object.__typename : known
  return conditionals.every(
    ({ typename: condition, isOptional, isWhole }) =>
      isOptional || condition !== typename || isWhole(object, typename),
  )
}
