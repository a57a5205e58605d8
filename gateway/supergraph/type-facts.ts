import {
  type ConstDirectiveNode,
  type DocumentNode,
  Kind,
  parse,
  type SelectionSetNode,
  type TypeNode,
} from 'graphql'
import { type Authorization, authorizationOf } from './authorization.ts'
import type { HintOverrides } from './cache-hints.ts'
import { type Scopes, scopesOf } from './scope.ts'

/** The fields of a key, nested: `"id shop { code }"` → `{id: {}, shop: {code: {}}}`. */
export interface FieldTree {
  readonly [field: string]: FieldTree
}

/** What execution needs to know of the supergraph's types, inaccessible ones included. */
export interface TypeFacts extends Scopes {
  isObject(name: string): boolean
  /** Does an object of type `typename` pass a fragment on `condition`? */
  satisfies(typename: string, condition: string): boolean
  /** The name of the type that a field leads to, without lists; undefined when there is no such field. */
  fieldType(typename: string, field: string): string | undefined
  /** Can a field of this name take arguments, on any type? */
  takesArguments(field: string): boolean
  /** The keys by which `subgraph` can be asked for the type; empty when it is no entity there. */
  keysOf(typename: string, subgraph: string): readonly FieldTree[]
  /** What `subgraph` requires of others to compute a field, as written in `@requires`. */
  requiresOf(typename: string, field: string, subgraph: string): SelectionSetNode | undefined
  /** Does any `@requires` give arguments to what it requires? */
  readonly requireArguments: boolean
}

/**
 * @param subgraphNames `join__Graph` value → subgraph name.
 * @param overrides what an operator's table says of scopes in the place of the schema.
 */
export function typeFacts(
  supergraph: DocumentNode,
  subgraphNames: ReadonlyMap<string, string>,
  authorization: Authorization | undefined = authorizationOf(supergraph),
  overrides?: HintOverrides,
): TypeFacts {
  const objects = new Set<string>()
  const members = new Map<string, Set<string>>()
  const keys = new Map<string, FieldTree[]>()
  const withArguments = new Set<string>()
  const fieldTypes = new Map<string, string>()
  const requires = new Map<string, SelectionSetNode>()
  let requireArguments = false
  const memberOf = (abstract: string, name: string): void => {
    const known = members.get(abstract)
    if (known) known.add(name)
    else members.set(abstract, new Set([name]))
  }
  for (const definition of supergraph.definitions) {
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION) objects.add(definition.name.value)
    if (
      definition.kind === Kind.OBJECT_TYPE_DEFINITION ||
      definition.kind === Kind.INTERFACE_TYPE_DEFINITION
    ) {
      const name = definition.name.value
      for (const field of definition.fields ?? []) {
        fieldTypes.set(`${name}.${field.name.value}`, namedType(field.type))
        if ((field.arguments ?? []).length > 0) withArguments.add(field.name.value)
        for (const directive of field.directives ?? []) {
          const applied = applicationOf(directive, 'join__field', 'requires')
          const subgraph = applied && subgraphNames.get(applied.graph)
          if (applied?.fieldSet === undefined || subgraph === undefined) continue
          requires.set(`${subgraph} ${name}.${field.name.value}`, selectionsOf(applied.fieldSet))
          requireArguments ||= applied.fieldSet.includes('(')
        }
      }
      for (const parent of definition.interfaces ?? []) memberOf(parent.name.value, name)
      for (const directive of definition.directives ?? []) {
        const applied = applicationOf(directive, 'join__type', 'key')
        if (applied?.fieldSet === undefined || !isResolvable(directive)) continue
        const subgraph = subgraphNames.get(applied.graph)
        if (subgraph === undefined) continue
        const id = `${subgraph} ${name}`
        const tree = treeOfSelections(selectionsOf(applied.fieldSet))
        const known = keys.get(id)
        if (known) known.push(tree)
        else keys.set(id, [tree])
      }
    }
    if (definition.kind === Kind.UNION_TYPE_DEFINITION)
      for (const member of definition.types ?? []) memberOf(definition.name.value, member.name.value)
  }
  return {
    ...scopesOf(supergraph, authorization, overrides),
    isObject: name => objects.has(name),
    satisfies: (typename, condition) =>
      typename === condition || members.get(condition)?.has(typename) === true,
    fieldType: (typename, field) => fieldTypes.get(`${typename}.${field}`),
    takesArguments: field => withArguments.has(field),
    keysOf: (typename, subgraph) => keys.get(`${subgraph} ${typename}`) ?? [],
    requiresOf: (typename, field, subgraph) => requires.get(`${subgraph} ${typename}.${field}`),
    requireArguments,
  }
}

/** An application's graph and one of its field sets; undefined for other directives. */
function applicationOf(
  directive: ConstDirectiveNode,
  name: string,
  fieldSetName: string,
): { graph: string; fieldSet: string | undefined } | undefined {
  if (directive.name.value !== name) return undefined
  let graph = ''
  let fieldSet: string | undefined
  for (const argument of directive.arguments ?? []) {
    if (argument.name.value === 'graph' && argument.value.kind === Kind.ENUM) graph = argument.value.value
    if (argument.name.value === fieldSetName && argument.value.kind === Kind.STRING)
      fieldSet = argument.value.value
  }
  return { graph, fieldSet }
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}

function isResolvable(directive: ConstDirectiveNode): boolean {
  const given = directive.arguments?.find(({ name }) => name.value === 'resolvable')?.value
  return given?.kind !== Kind.BOOLEAN || given.value
}

function selectionsOf(fieldSet: string): SelectionSetNode {
  const [operation] = parse(`{${fieldSet}}`, { noLocation: true }).definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION)
    throw new Error(`Expected a field set, got "${fieldSet}"`)
  return operation.selectionSet
}

function treeOfSelections(set: SelectionSetNode): FieldTree {
  const tree: Record<string, FieldTree> = {}
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) {
      if (selection.name.value !== '__typename')
        tree[selection.name.value] = selection.selectionSet ? treeOfSelections(selection.selectionSet) : {}
    } else if (selection.kind === Kind.INLINE_FRAGMENT)
      Object.assign(tree, treeOfSelections(selection.selectionSet))
  }
  return tree
}
