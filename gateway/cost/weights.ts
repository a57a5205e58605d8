import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  type TypeNode,
} from 'graphql'
import { type Links, linksOf } from '../supergraph/links.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { readListSize } from './list-sizes.ts'
import type { FieldWeights, InputWeights, ListSize, TypeWeights, Weights } from './weight-model.ts'

export type { Weights } from './weight-model.ts'

const known = new WeakMap<object, Weights>()

/**
 * Remembered with the supergraph that they are of. Any other schema will do as well: only its SDL is read, in which the
 * directives may have other names (`@link`) or stand as `@federation__cost`.
 *
 * @throws Error that names the coordinate and the value: a negative weight or size, a slicing argument that is missing
 * or neither Int nor list, `sizedFields` that lead nowhere or to no list.
 */
export function weightsOf(supergraph: Pick<Supergraph, 'sdl' | 'apiSchema'>): Weights {
  const before = known.get(supergraph)
  if (before !== undefined) return before
  const weights = readWeights(parse(supergraph.sdl, { noLocation: true }))
  known.set(supergraph, weights)
  return weights
}

function readWeights(document: DocumentNode): Weights {
  const names = namesIn(linksOf(document))
  const types = new Map<string, ReadType>()
  const roots = new Map<string, string>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.SCHEMA_DEFINITION || definition.kind === Kind.SCHEMA_EXTENSION)
      for (const { operation, type } of definition.operationTypes ?? []) roots.set(operation, type.name.value)
    const kind = KINDS[definition.kind]
    if (kind === undefined || !('name' in definition) || definition.name === undefined) continue
    const name = definition.name.value
    let type = types.get(name)
    if (type === undefined)
      types.set(name, (type = { kind, cost: undefined, fields: new Map(), inputs: new Map(), declared: [] }))
    type.cost = costOf(names, definition.directives as readonly ConstDirectiveNode[], name) ?? type.cost
    if ('fields' in definition) type.declared.push(...(definition.fields ?? []))
  }
  // Input fields and fields weigh what their types do, so types come first.
  for (const [name, type] of types)
    for (const field of type.declared)
      if (field.kind === Kind.INPUT_VALUE_DEFINITION)
        type.inputs.set(field.name.value, readInput(field, `${name}.${field.name.value}`, names, types))
  const sized: [FieldWeights & { readonly listSizes: ListSize[] }, FieldDefinitionNode][] = []
  for (const [name, type] of types)
    for (const field of type.declared) {
      if (field.kind !== Kind.FIELD_DEFINITION) continue
      const read = readField(field, `${name}.${field.name.value}`, names, types)
      type.fields.set(field.name.value, read)
      sized.push([read, field])
    }
  for (const [read, { directives = [] }] of sized)
    for (const directive of directives)
      if (names.listSize.has(directive.name.value)) read.listSizes.push(readListSize(directive, read, types))
  return {
    types,
    rootOf: kind => roots.get(kind) ?? kind[0]!.toUpperCase() + kind.slice(1),
    field: (typename, name) => types.get(typename)?.fields.get(name),
  }
}

interface ReadType extends TypeWeights {
  cost: number | undefined
  readonly fields: Map<string, FieldWeights>
  readonly inputs: Map<string, InputWeights>
  readonly declared: (FieldDefinitionNode | InputValueDefinitionNode)[]
}

/** What the directives are called in a schema. */
interface Names {
  readonly cost: ReadonlySet<string>
  readonly listSize: ReadonlySet<string>
}

/** A supergraph links the cost spec, a subgraph the federation spec that holds the same; a plain schema neither. */
function namesIn(links: Links): Names {
  const named = (name: string): ReadonlySet<string> => {
    const linked = ['cost', 'federation'].flatMap(
      spec => links.directiveOf(`https://specs.apollo.dev/${spec}`, name) ?? [],
    )
    return new Set(linked.length > 0 ? linked : [name, `federation__${name}`])
  }
  return { cost: named('cost'), listSize: named('listSize') }
}

const KINDS: Readonly<Record<string, TypeWeights['kind']>> = {
  [Kind.OBJECT_TYPE_DEFINITION]: 'object',
  [Kind.OBJECT_TYPE_EXTENSION]: 'object',
  [Kind.INTERFACE_TYPE_DEFINITION]: 'interface',
  [Kind.INTERFACE_TYPE_EXTENSION]: 'interface',
  [Kind.UNION_TYPE_DEFINITION]: 'union',
  [Kind.UNION_TYPE_EXTENSION]: 'union',
  [Kind.INPUT_OBJECT_TYPE_DEFINITION]: 'input',
  [Kind.INPUT_OBJECT_TYPE_EXTENSION]: 'input',
  [Kind.ENUM_TYPE_DEFINITION]: 'enum',
  [Kind.ENUM_TYPE_EXTENSION]: 'enum',
  [Kind.SCALAR_TYPE_DEFINITION]: 'scalar',
  [Kind.SCALAR_TYPE_EXTENSION]: 'scalar',
}

const COMPOSITE: ReadonlySet<string | undefined> = new Set(['object', 'interface', 'union'])

function readField(
  field: FieldDefinitionNode,
  coordinate: string,
  names: Names,
  types: ReadonlyMap<string, TypeWeights>,
): FieldWeights & { readonly listSizes: ListSize[] } {
  const { typename, listDepth } = shapeOf(field.type)
  const type = types.get(typename)
  const isComposite = COMPOSITE.has(type?.kind)
  const cost = costOf(names, field.directives, coordinate)
  return {
    coordinate,
    typename,
    isComposite,
    listDepth,
    cost,
    weight: cost ?? type?.cost ?? (isComposite ? 1 : 0),
    arguments: new Map(
      (field.arguments ?? []).map(argument => [
        argument.name.value,
        readInput(argument, `${coordinate}(${argument.name.value}:)`, names, types),
      ]),
    ),
    listSizes: [],
  }
}

function readInput(
  input: InputValueDefinitionNode,
  coordinate: string,
  names: Names,
  types: ReadonlyMap<string, TypeWeights>,
): InputWeights {
  const shape = shapeOf(input.type)
  const cost = costOf(names, input.directives, coordinate) ?? types.get(shape.typename)?.cost
  return { coordinate, ...shape, cost, defaultValue: input.defaultValue }
}

function shapeOf(type: TypeNode): Pick<InputWeights, 'typename' | 'listDepth' | 'isRequired'> {
  const isRequired = type.kind === Kind.NON_NULL_TYPE
  let listDepth = 0
  let inner = type
  while (inner.kind !== Kind.NAMED_TYPE) {
    if (inner.kind === Kind.LIST_TYPE) listDepth++
    inner = inner.type
  }
  return { typename: inner.name.value, listDepth, isRequired }
}

function costOf(
  { cost }: Names,
  directives: readonly ConstDirectiveNode[] | undefined,
  coordinate: string,
): number | undefined {
  const applied = directives?.find(({ name }) => cost.has(name.value))
  if (applied === undefined) return undefined
  const given = applied.arguments?.find(({ name }) => name.value === 'weight')?.value
  // The directive's first specification, IBM's, gives numbers as strings.
  const weight =
    given !== undefined && 'value' in given && typeof given.value === 'string' && given.value.trim() !== ''
      ? Number(given.value)
      : Number.NaN
  if (weight >= 0 && weight < Number.POSITIVE_INFINITY) return weight
  const got = given !== undefined && 'value' in given ? given.value : 'none'
  throw new Error(`Expected the weight in @cost on ${coordinate} to be a number of at least 0, got ${got}`)
}
