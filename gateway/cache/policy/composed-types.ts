import {
  type ConstValueNode,
  type DocumentNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  type TypeNode,
} from 'graphql'

/** An argument, or a field of an input object. */
export interface ComposedInput {
  /** By name, without lists. */
  readonly type: string
  readonly defaultValue: ConstValueNode | undefined
}

export interface ComposedField {
  /** By name, without lists. */
  readonly type: string
  readonly inputs: ReadonlyMap<string, ComposedInput>
}

export type TypeKind = 'object' | 'interface' | 'union' | 'input' | 'enum' | 'scalar'

/** What an object is known by: an entity type, and the field that is its key. */
export interface Identity {
  readonly type: string
  readonly field: string
}

/** A supergraph's types as its subgraphs know them, inaccessible ones included. */
export interface ComposedTypes {
  /** Every object and interface type. */
  readonly names: readonly string[]
  /** Undefined: there is no such type. */
  kindOf(name: string): TypeKind | undefined
  isComposite(name: string): boolean
  fieldsOf(type: string): ReadonlyMap<string, ComposedField>
  inputsOf(type: string): ReadonlyMap<string, ComposedInput>
  /** The types that implement an interface, or belong to a union. */
  membersOf(abstract: string): readonly string[]
  /** Whether an object of one of the types may be of the other. */
  overlap(one: string, other: string): boolean
  /** Whether a subgraph has a key of the type, of whatever fields. */
  isEntity(type: string): boolean
  /** By each key of exactly one scalar field: the type's own, and those of its interfaces. */
  identitiesOf(type: string): readonly Identity[]
}

const NO_FIELDS: ReadonlyMap<never, never> = new Map<never, never>()

export function composedTypes(supergraph: DocumentNode): ComposedTypes {
  const kinds = new Map<string, TypeKind>(
    ['Int', 'Float', 'String', 'Boolean', 'ID'].map(name => [name, 'scalar']),
  )
  const fields = new Map<string, ReadonlyMap<string, ComposedField>>()
  const inputs = new Map<string, ReadonlyMap<string, ComposedInput>>()
  const interfaces = new Map<string, readonly string[]>()
  const members = new Map<string, Set<string>>()
  const keys = new Map<string, string[]>()
  const memberOf = (abstract: string, name: string): void => {
    const known = members.get(abstract)
    if (known) known.add(name)
    else members.set(abstract, new Set([name]))
  }
  for (const definition of supergraph.definitions) {
    switch (definition.kind) {
      case Kind.OBJECT_TYPE_DEFINITION:
      case Kind.INTERFACE_TYPE_DEFINITION: {
        const name = definition.name.value
        kinds.set(name, definition.kind === Kind.OBJECT_TYPE_DEFINITION ? 'object' : 'interface')
        fields.set(
          name,
          new Map(
            (definition.fields ?? []).map(field => [
              field.name.value,
              { type: namedType(field.type), inputs: inputsOf(field.arguments) },
            ]),
          ),
        )
        const parents = (definition.interfaces ?? []).map(parent => parent.name.value)
        interfaces.set(name, parents)
        for (const parent of parents) memberOf(parent, name)
        keys.set(
          name,
          (definition.directives ?? []).flatMap(({ name: directive, arguments: given = [] }) => {
            const value = given.find(argument => argument.name.value === 'key')?.value
            return directive.value === 'join__type' && value?.kind === Kind.STRING ? [value.value] : []
          }),
        )
        break
      }
      case Kind.UNION_TYPE_DEFINITION:
        kinds.set(definition.name.value, 'union')
        for (const member of definition.types ?? []) memberOf(definition.name.value, member.name.value)
        break
      case Kind.INPUT_OBJECT_TYPE_DEFINITION:
        kinds.set(definition.name.value, 'input')
        inputs.set(definition.name.value, inputsOf(definition.fields))
        break
      case Kind.ENUM_TYPE_DEFINITION:
        kinds.set(definition.name.value, 'enum')
        break
      case Kind.SCALAR_TYPE_DEFINITION:
        kinds.set(definition.name.value, 'scalar')
    }
  }
  const isComposite = (name: string): boolean => {
    const kind = kinds.get(name)
    return kind === 'object' || kind === 'interface' || kind === 'union'
  }
  const membersOf = (abstract: string): readonly string[] => [...(members.get(abstract) ?? [])]
  const within = (type: string, abstract: string): boolean => members.get(abstract)?.has(type) === true
  const identities = new Map<string, readonly Identity[]>()
  for (const type of fields.keys())
    identities.set(
      type,
      [type, ...interfaces.get(type)!].flatMap(owner =>
        [...new Set(keys.get(owner))].flatMap(key => {
          const field = singleField(key)
          const leadsTo = field === undefined ? undefined : fields.get(owner)?.get(field)?.type
          return leadsTo === undefined || isComposite(leadsTo) ? [] : [{ type: owner, field: field! }]
        }),
      ),
    )
  return {
    names: [...fields.keys()],
    kindOf: name => kinds.get(name),
    isComposite,
    fieldsOf: type => fields.get(type) ?? NO_FIELDS,
    inputsOf: type => inputs.get(type) ?? NO_FIELDS,
    membersOf,
    overlap: (one, other) =>
      one === other ||
      within(one, other) ||
      within(other, one) ||
      membersOf(one).some(member => within(member, other)),
    isEntity: type => (keys.get(type) ?? []).length > 0,
    identitiesOf: type => identities.get(type) ?? [],
  }
}

function inputsOf(
  definitions: readonly InputValueDefinitionNode[] | undefined,
): ReadonlyMap<string, ComposedInput> {
  if (definitions === undefined || definitions.length === 0) return NO_FIELDS
  return new Map(
    definitions.map(({ name, type, defaultValue }) => [name.value, { type: namedType(type), defaultValue }]),
  )
}

/** `"id"` → id; undefined for more than one, or for what has fields of its own. */
function singleField(key: string): string | undefined {
  const [operation] = parse(`{${key}}`, { noLocation: true }).definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return undefined
  const [field, more] = operation.selectionSet.selections
  return more === undefined && field?.kind === Kind.FIELD && field.selectionSet === undefined
    ? field.name.value
    : undefined
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}
