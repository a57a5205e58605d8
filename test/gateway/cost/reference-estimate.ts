import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isLeafType,
  isListType,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql'

/**
 * The demand-control formula said slowly, straight over the operation with graphql-js. Shares nothing with the compiled
 * estimate, which it is compared with; knows the directives only as `@cost` and `@listSize`.
 */
export class Reference {
  readonly schema: GraphQLSchema
  readonly variables: Readonly<Record<string, unknown>>
  readonly listSizeDefault: number
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>

  constructor(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Readonly<Record<string, unknown>>,
    listSizeDefault: number,
  ) {
    this.schema = schema
    // Without names that objects inherit, such as toString.
    this.variables = Object.assign(Object.create(null), variables)
    this.listSizeDefault = listSizeDefault
    this.operation = document.definitions.find(d => d.kind === Kind.OPERATION_DEFINITION)!
    this.fragments = new Map(
      document.definitions.flatMap(d =>
        d.kind === Kind.FRAGMENT_DEFINITION ? [[d.name.value, d] as const] : [],
      ),
    )
  }

  /** Throws {@link NotExactlyOne}. */
  total(): number {
    const root = this.schema.getRootType(this.operation.operation)!
    const base = this.operation.operation === 'mutation' ? 10 : 0
    return base + this.set(this.operation.selectionSet, root, { parent: [], inherited: [] })
  }

  set(set: SelectionSetNode, type: GraphQLCompositeType, sizes: Sizes): number {
    let sum = 0
    for (const selection of set.selections) {
      if (!this.isIncluded(selection)) continue
      if (selection.kind === Kind.FIELD) {
        sum += this.field(selection, type, sizes)
        continue
      }
      const fragment =
        selection.kind === Kind.FRAGMENT_SPREAD ? this.fragments.get(selection.name.value)! : selection
      const condition = fragment.typeCondition?.name.value
      const inner = condition === undefined ? type : (this.schema.getType(condition) as GraphQLCompositeType)
      sum += this.set(fragment.selectionSet, inner, sizes)
    }
    return sum
  }

  field(node: FieldNode, parent: GraphQLCompositeType, sizes: Sizes): number {
    if (node.name.value.startsWith('__')) return 0
    const definition = fieldOf(parent, node.name.value)
    const own = this.ownSizes(node, definition)
    const type = getNamedType(definition.type)
    const below = this.below(node, definition, sizes)
    const children = node.selectionSet ? this.set(node.selectionSet, type as GraphQLCompositeType, below) : 0
    const weight = costOn(definition.astNode) ?? costOn(type.astNode) ?? (isLeafType(type) ? 0 : 1)
    return this.count(node, definition, sizes, own) * (weight + children) + this.arguments(node, definition)
  }

  /** What a field hands on to those below it. */
  below(node: FieldNode, definition: GraphQLField<unknown, unknown>, sizes: Sizes): Sizes {
    return {
      parent: this.ownSizes(node, definition),
      inherited: [...sizes.parent, ...sizes.inherited].flatMap(({ size, paths }) => {
        const deeper = paths.flatMap(path =>
          path[0] === node.name.value && path.length > 1 ? [path.slice(1)] : [],
        )
        return deeper.length > 0 ? [{ size, paths: deeper }] : []
      }),
    }
  }

  count(
    node: FieldNode,
    definition: GraphQLField<unknown, unknown>,
    sizes: Sizes,
    own: readonly Sized[] = this.ownSizes(node, definition),
  ): number {
    if (!isListType(getNullableType(definition.type))) return 1
    const naming = (sized: readonly Sized[]): number | undefined =>
      largest(sized.filter(({ paths }) => this.ends(paths, node.name.value)).map(({ size }) => size))
    const { inherited } = this.below(node, definition, sizes)
    return (
      naming(sizes.parent) ??
      naming(sizes.inherited) ??
      largest([...own, ...inherited].map(({ size }) => size)) ??
      this.listSizeDefault
    )
  }

  /** A path that goes on below the field is not one that ends at it. */
  ends(paths: readonly (readonly string[])[], name: string): boolean {
    const here = paths.filter(path => path[0] === name)
    return here.length > 0 && here.every(path => path.length === 1)
  }

  ownSizes(node: FieldNode, definition: GraphQLField<unknown, unknown>): Sized[] {
    return applied(definition.astNode, 'listSize').map(listSize => {
      const slicing = [...new Set((listSize.slicingArguments ?? []) as string[])]
      const assumed = (listSize.assumedSize ?? undefined) as number | undefined
      const paths = ((listSize.sizedFields ?? []) as string[]).flatMap(pathsIn)
      if (slicing.length === 0) return { size: assumed, paths }
      const given = getArgumentValues(definition, node, this.variables)
      const found = slicing.flatMap(path => {
        let value: unknown = given
        for (const segment of path.split('.'))
          value =
            value === null || typeof value !== 'object'
              ? undefined
              : (value as Record<string, unknown>)[segment]
        if (Array.isArray(value)) return [value.length]
        return typeof value === 'number' ? [Math.max(0, value)] : []
      })
      if (listSize.requireOneSlicingArgument !== false && found.length !== 1) throw new NotExactlyOne()
      return { size: largest(found) ?? assumed, paths }
    })
  }

  arguments(node: FieldNode, definition: GraphQLField<unknown, unknown>): number {
    let sum = 0
    for (const { name, value } of node.arguments ?? []) {
      const argument = definition.args.find(candidate => candidate.name === name.value)!
      const cost = costOn(argument.astNode) ?? costOn(getNamedType(argument.type).astNode)
      sum += this.written(value, argument.type, cost)
    }
    return sum
  }

  written(value: ValueNode, type: GraphQLInputType, cost: number | undefined): number {
    const inner = getNullableType(type)
    if (value.kind === Kind.VARIABLE) return this.given(this.variables[value.name.value], type, cost)
    if (value.kind === Kind.NULL) return 0
    if (isListType(inner)) {
      const items = value.kind === Kind.LIST ? value.values : [value]
      return items.reduce((sum, item) => sum + this.written(item, inner.ofType, cost), cost ?? 0)
    }
    if (!isInputObjectType(inner) || value.kind !== Kind.OBJECT) return cost ?? 0
    return value.fields.reduce((sum, { name, value: member }) => {
      const field = inner.getFields()[name.value]!
      const own = costOn(field.astNode) ?? costOn(getNamedType(field.type).astNode)
      return sum + this.written(member, field.type, own)
    }, cost ?? 1)
  }

  given(value: unknown, type: GraphQLInputType, cost: number | undefined): number {
    const inner = getNullableType(type)
    if (value === undefined || value === null) return 0
    if (isListType(inner))
      return (value as unknown[]).reduce<number>(
        (sum, item) => sum + this.given(item, inner.ofType, cost),
        cost ?? 0,
      )
    if (!isInputObjectType(inner)) return cost ?? 0
    return Object.values(inner.getFields()).reduce((sum, field) => {
      const own = costOn(field.astNode) ?? costOn(getNamedType(field.type).astNode)
      return sum + this.given((value as Record<string, unknown>)[field.name], field.type, own)
    }, cost ?? 1)
  }

  isIncluded({ directives = [] }: { readonly directives?: FieldNode['directives'] }): boolean {
    return directives.every(({ name, arguments: given = [] }) => {
      if (name.value !== 'skip' && name.value !== 'include') return true
      const value = valueFromASTUntyped(given[0]!.value, this.variables)
      return name.value === 'skip' ? value !== true : value !== false
    })
  }
}

export class NotExactlyOne extends Error {}

/** What a list of paths has to say of sizes; `undefined`: nothing. */
interface Sized {
  readonly size: number | undefined
  readonly paths: readonly (readonly string[])[]
}

export interface Sizes {
  readonly parent: readonly Sized[]
  readonly inherited: readonly Sized[]
}

export const fieldOf = (type: GraphQLCompositeType, name: string): GraphQLField<unknown, unknown> =>
  (type as Extract<GraphQLCompositeType, { getFields: unknown }>).getFields()[name]!

interface Annotated {
  readonly directives?: readonly ConstDirectiveNode[] | undefined
}

export function costOn(node: Annotated | null | undefined): number | undefined {
  return applied(node, 'cost')[0]?.weight as number | undefined
}

function applied(node: Annotated | null | undefined, name: string): Record<string, unknown>[] {
  return (node?.directives ?? [])
    .filter(directive => directive.name.value === name)
    .map(({ arguments: given = [] }) =>
      Object.fromEntries(given.map(argument => [argument.name.value, valueFromASTUntyped(argument.value)])),
    )
}

/** `"a { b c { d } }"` → `[["a", "b"], ["a", "c", "d"]]` */
function pathsIn(text: string): string[][] {
  const walk = (set: SelectionSetNode): string[][] =>
    set.selections.flatMap(selection => {
      const { name, selectionSet } = selection as FieldNode
      return selectionSet ? walk(selectionSet).map(path => [name.value, ...path]) : [[name.value]]
    })
  return walk((parse(`{${text}}`).definitions[0] as OperationDefinitionNode).selectionSet)
}

function largest(sizes: readonly (number | undefined)[]): number | undefined {
  const known = sizes.filter(size => size !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}
