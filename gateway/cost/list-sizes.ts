import { type ConstDirectiveNode, type ConstValueNode, Kind, parse, type SelectionSetNode } from 'graphql'
import type {
  FieldWeights,
  InputWeights,
  ListSize,
  SizedFields,
  SlicingPath,
  TypeWeights,
} from './weight-model.ts'

type Types = ReadonlyMap<string, TypeWeights>

/** @throws Error naming the field's coordinate, what was expected and what is there. */
export function readListSize(directive: ConstDirectiveNode, field: FieldWeights, types: Types): ListSize {
  const argument = (name: string): ConstValueNode | undefined =>
    directive.arguments?.find(given => given.name.value === name)?.value
  const requires = argument('requireOneSlicingArgument')
  const paths = new Set(stringsIn(argument('slicingArguments')))
  const entries = stringsIn(argument('sizedFields'))
  return {
    assumedSize: assumedSizeOf(argument('assumedSize'), field),
    slicing: [...paths].map(path => slicingPath(path, field, types)),
    requiresOne: requires?.kind !== Kind.BOOLEAN || requires.value,
    sizedFields: entries.length === 0 ? undefined : sizedFields(entries, field, types),
  }
}

function assumedSizeOf(value: ConstValueNode | undefined, { coordinate }: FieldWeights): number | undefined {
  if (value === undefined || value.kind === Kind.NULL) return undefined
  const size = value.kind === Kind.INT ? Number(value.value) : Number.NaN
  if (size >= 0) return size
  const got = 'value' in value ? value.value : value.kind
  throw new Error(`Expected assumedSize in @listSize on ${coordinate} to be an Int of at least 0, got ${got}`)
}

function slicingPath(text: string, field: FieldWeights, types: Types): SlicingPath {
  const segments = text.split('.')
  let inputs: ReadonlyMap<string, InputWeights> | undefined = field.arguments
  let input: InputWeights | undefined
  for (const segment of segments) {
    input = inputs?.get(segment)
    if (input === undefined)
      throw new Error(
        `Expected the slicing argument "${text}" in @listSize on ${field.coordinate} to exist, got no "${segment}"`,
      )
    const type = types.get(input.typename)
    inputs = input.listDepth === 0 && type?.kind === 'input' ? type.inputs : undefined
  }
  if (input !== undefined && input.listDepth > 0) return { text, segments, takes: 'length' }
  if (input?.typename === 'Int') return { text, segments, takes: 'value' }
  throw new Error(
    `Expected the slicing argument "${text}" in @listSize on ${field.coordinate} to be an Int or a list, got ${input?.typename}`,
  )
}

function sizedFields(entries: readonly string[], field: FieldWeights, types: Types): SizedFields {
  const merged: MutableSizedFields = new Map()
  for (const entry of entries)
    addPaths(merged, selectionsOf(entry, field), field.typename, {
      types,
      where: `"${entry}" of sizedFields in @listSize on ${field.coordinate}`,
    })
  return merged
}

type MutableSizedFields = Map<string, MutableSizedFields | 'list'>

function addPaths(
  into: MutableSizedFields,
  set: SelectionSetNode,
  typename: string,
  at: { readonly types: Types; readonly where: string },
): void {
  let lists = 0
  for (const selection of set.selections) {
    if (selection.kind !== Kind.FIELD)
      throw new Error(`Expected ${at.where} to name fields only, got a fragment`)
    const name = selection.name.value
    const field = at.types.get(typename)?.fields.get(name)
    if (field === undefined)
      throw new Error(`Expected ${at.where} to name fields that exist, got ${typename}.${name}`)
    const before = into.get(name)
    if (selection.selectionSet) {
      const below: MutableSizedFields = before === undefined || before === 'list' ? new Map() : before
      into.set(name, below)
      addPaths(below, selection.selectionSet, field.typename, at)
      continue
    }
    if (field.listDepth === 0)
      throw new Error(`Expected ${at.where} to lead to lists, got ${field.coordinate}`)
    if (++lists > 1)
      throw new Error(`Expected ${at.where} to name one list a level, got ${field.coordinate} too`)
    if (before === undefined) into.set(name, 'list')
  }
}

function selectionsOf(entry: string, { coordinate }: FieldWeights): SelectionSetNode {
  try {
    const [definition] = parse(`{${entry}}`, { noLocation: true }).definitions
    if (definition?.kind === Kind.OPERATION_DEFINITION) return definition.selectionSet
  } catch {
    // The same is wrong with both.
  }
  throw new Error(`Expected sizedFields in @listSize on ${coordinate} to be field sets, got "${entry}"`)
}

function stringsIn(value: ConstValueNode | undefined): string[] {
  return value?.kind === Kind.LIST
    ? value.values.flatMap(item => (item.kind === Kind.STRING ? item.value : []))
    : []
}
