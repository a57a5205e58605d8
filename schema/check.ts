import {
  buildSchema,
  type ConstDirectiveNode,
  type ConstValueNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isSpecifiedScalarType,
  isUnionType,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
} from 'graphql'
import { readFieldLimits } from '../gateway/cost/field-limits.ts'
import { directivesOf, namedType } from './nodes.ts'
import type { SubgraphSource } from './sources.ts'

/** What the rules look at: the parts, the whole, and what clients see of it. */
export interface Graph {
  readonly subgraphs: readonly SubgraphSource[]
  readonly supergraph: DocumentNode
  readonly api: GraphQLSchema
}

/** A convention of ours: what breaks it, a line each; empty when it holds. */
export type Rule = (graph: Graph) => string[]

/** Holds the graph to every convention. Returns what breaks one, a line each. */
export function checkConventions(
  subgraphs: readonly SubgraphSource[],
  supergraph: DocumentNode,
  apiSdl: string,
): string[] {
  const graph: Graph = { subgraphs, supergraph, api: buildSchema(apiSdl) }
  return RULES.flatMap(rule => rule(graph))
}

/** Everything that clients can see says what it is. */
export const described: Rule = ({ api }) => {
  const missing: string[] = []
  const look = (coordinate: string, thing: { readonly description?: string | null | undefined }) => {
    if (!thing.description?.trim()) missing.push(`schema/api.graphql ${coordinate} has no description`)
  }
  for (const type of Object.values(api.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue
    look(type.name, type)
    if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value)
    if (!('getFields' in type)) continue
    for (const field of Object.values(type.getFields())) {
      look(`${type.name}.${field.name}`, field)
      if (isInputObjectType(type) || !('args' in field)) continue
      for (const argument of field.args) look(`${type.name}.${field.name}(${argument.name}:)`, argument)
    }
  }
  return missing
}

const SERVICE_ONLY = /^For the \w+ service: /

/** A root field is `@inaccessible` exactly when its description begins "For the … service:". */
export const serviceFieldsHidden: Rule = ({ subgraphs }) =>
  eachField(subgraphs, ({ where, type, field }) => {
    if (!ROOTS.has(type.name.value)) return []
    const hidden = isHidden(field)
    const says = SERVICE_ONLY.test(field.description?.value ?? '')
    if (hidden && !says)
      return [`${where} is @inaccessible: expected its description to begin "For the … service:"`]
    if (says && !hidden) return [`${where} says it is for a service: expected @inaccessible`]
    return []
  })

/** A type that no client can reach is `@inaccessible` itself, so that it never shows in the API schema. */
export const serviceTypesHidden: Rule = ({ supergraph, subgraphs }) => {
  const types = new Map<string, DefinitionNode>()
  for (const definition of supergraph.definitions)
    if ('name' in definition && definition.name !== undefined && definition.kind.endsWith('TypeDefinition'))
      types.set(definition.name.value, definition)
  const reached = new Set<string>()
  const reach = (name: string): void => {
    const type = types.get(name)
    if (reached.has(name) || type === undefined || isHidden(type)) return
    reached.add(name)
    if ('fields' in type) {
      for (const field of type.fields ?? []) {
        if (isHidden(field)) continue
        reach(namedType(field.type))
        if ('arguments' in field)
          for (const argument of field.arguments ?? []) reach(namedType(argument.type))
      }
    }
    if ('interfaces' in type) for (const parent of type.interfaces ?? []) reach(parent.name.value)
    if ('types' in type) for (const member of type.types ?? []) reach(member.name.value)
    if (type.kind === Kind.INTERFACE_TYPE_DEFINITION)
      for (const [other, definition] of types)
        if (
          definition.kind === Kind.OBJECT_TYPE_DEFINITION &&
          definition.interfaces?.some(parent => parent.name.value === name)
        )
          reach(other)
  }
  for (const root of ROOTS) reach(root)
  return [...types]
    .filter(
      ([name, type]) => !reached.has(name) && !isHidden(type) && !name.includes('__') && !ROOTS.has(name),
    )
    .map(([name]) => `${pathOf(subgraphs, name)} no client can reach ${name}: expected @inaccessible`)
}

/** Whatever comes of a mutation can be said to a shopper: every member of its union is a ShopperMessage. */
export const outcomesSpeak: Rule = ({ api, subgraphs }) =>
  Object.values(api.getMutationType()?.getFields() ?? {}).flatMap(field => {
    const type = api.getType(String(field.type).replace(/[![\]]/g, ''))
    if (!isUnionType(type)) return []
    return type
      .getTypes()
      .filter(member => !member.getInterfaces().some(parent => parent.name === 'ShopperMessage'))
      .map(
        member =>
          `${pathOf(subgraphs, member.name)} ${member.name} is an outcome of ${field.name}: expected it to implement ShopperMessage`,
      )
  })

/** What needs an identity is never shared between callers. */
export const protectedNeverPublic: Rule = ({ subgraphs }) =>
  eachField(subgraphs, ({ where, type, field }) => {
    const guard = [field, type].flatMap(node => GUARDS.filter(name => isMarked(node, name)))[0]
    if (guard === undefined) return []
    const own = directivesOf(field, 'cacheControl')
    const scope = (own.length > 0 ? own : directivesOf(type, 'cacheControl')).map(directive =>
      argument(directive, 'scope'),
    )
    return scope.some(value => value?.kind === Kind.ENUM && value.value === 'PUBLIC')
      ? [`${where} has @${guard}: expected no @cacheControl(scope: PUBLIC)`]
      : []
  })

/** A page's cost is known before it is read. */
export const connectionsSized: Rule = ({ subgraphs }) =>
  eachField(subgraphs, ({ where, field }) => {
    if (!namedType(field.type).endsWith('Connection')) return []
    const size = directivesOf(field, 'listSize')[0]
    const problems: string[] = []
    const expected = '@listSize(slicingArguments: ["first"], sizedFields: ["edges"])'
    const got = size === undefined ? 'none' : print(size)
    if (got !== expected) problems.push(`${where} is a connection: expected ${expected}, got ${got}`)
    for (const name of ['first', 'after'])
      if (!field.arguments?.some(given => given.name.value === name))
        problems.push(`${where} is a connection: expected the argument ${name}`)
    return problems
  })

/** A mutation is never free. */
export const mutationsPriced: Rule = ({ subgraphs }) =>
  eachField(subgraphs, ({ where, type, field }) =>
    type.name.value !== 'Mutation' || isHidden(field) || isMarked(field, 'cost')
      ? []
      : [`${where} is a mutation: expected @cost`],
  )

/**
 * An edge to what another subgraph owns is nullable, so that its failure costs the edge and not the page. The owner of
 * an entity is the subgraph that knows most of its fields; on a tie nobody is.
 */
export const foreignEdgesNullable: Rule = ({ subgraphs }) => {
  const known = new Map<string, Map<string, number>>()
  for (const { name, document } of subgraphs) {
    for (const type of objectTypes(document)) {
      if (!isMarked(type, 'key')) continue
      const bySubgraph = known.get(type.name.value) ?? new Map<string, number>()
      known.set(type.name.value, bySubgraph.set(name, type.fields?.length ?? 0))
    }
  }
  return eachField(subgraphs, ({ subgraph, where, field }) => {
    const entity = namedType(field.type)
    const fields = known.get(entity)
    if (fields === undefined || field.type.kind !== Kind.NON_NULL_TYPE) return []
    const own = fields.get(subgraph.name) ?? 0
    const [rival] = [...fields].filter(([name, count]) => name !== subgraph.name && count >= own)
    return rival === undefined
      ? []
      : [`${where} leads to ${entity}, of which ${rival[0]} knows more: expected it to be nullable`]
  })
}

/** What an entity is found by is always there. */
export const keysNonNull: Rule = ({ subgraphs }) =>
  subgraphs.flatMap(({ document, path }) => {
    const types = new Map([...objectTypes(document)].map(type => [type.name.value, type]))
    const nullable = (type: ObjectTypeDefinitionNode, selection: SelectionSetNode): string[] =>
      selection.selections.flatMap(selected => {
        if (selected.kind !== Kind.FIELD) return []
        const field = type.fields?.find(candidate => candidate.name.value === selected.name.value)
        if (field === undefined) return []
        const inner = types.get(namedType(field.type))
        return [
          ...(field.type.kind === Kind.NON_NULL_TYPE
            ? []
            : [
                `${path}:${line(field)} ${type.name.value}.${field.name.value} is in a @key: expected it to be non-null`,
              ]),
          ...(inner !== undefined && selected.selectionSet ? nullable(inner, selected.selectionSet) : []),
        ]
      })
    return [...types.values()].flatMap(type =>
      directivesOf(type, 'key').flatMap(key => {
        const fields = argument(key, 'fields')
        if (fields?.kind !== Kind.STRING) return []
        const definition = parse(`{ ${fields.value} }`).definitions[0]
        return definition?.kind === Kind.OPERATION_DEFINITION ? nullable(type, definition.selectionSet) : []
      }),
    )
  })

/** A type that several subgraphs repeat, and that is no entity, reads the same in each. */
export const copiesAgree: Rule = ({ subgraphs }) => {
  const first = new Map<string, { readonly path: string; readonly text: string }>()
  const problems: string[] = []
  for (const { document, path } of subgraphs) {
    for (const definition of document.definitions) {
      if (
        !('name' in definition) ||
        definition.name === undefined ||
        definition.kind === Kind.DIRECTIVE_DEFINITION
      )
        continue
      const name = definition.name.value
      if (ROOTS.has(name) || isMarked(definition, 'key')) continue
      const text = print(definition)
      const other = first.get(name)
      if (other === undefined) first.set(name, { path, text })
      else if (other.text !== text)
        problems.push(
          `${path}:${line(definition)} ${name} differs from that of ${other.path}: expected the same text`,
        )
    }
  }
  return problems
}

/** A `@costLimit` stands on a root field, and can be kept: the gateway would not start with it otherwise. */
export const limitsKept: Rule = ({ subgraphs, supergraph, api }) => {
  try {
    readFieldLimits({ sdl: print(supergraph), apiSchema: api })
    return []
  } catch (error) {
    return (error as Error).message.split('\n').map(problem => {
      const [coordinate = ''] = problem.split(' ', 1)
      const [where] = eachField(subgraphs, ({ where, type, field }) =>
        `${type.name.value}.${field.name.value}` === coordinate && isMarked(field, 'costLimit')
          ? [where]
          : [],
      )
      return `${where ?? `schema/supergraph.graphql ${coordinate}`}${problem.slice(coordinate.length)}`
    })
  }
}

const RULES: readonly Rule[] = [
  described,
  serviceFieldsHidden,
  serviceTypesHidden,
  outcomesSpeak,
  protectedNeverPublic,
  connectionsSized,
  mutationsPriced,
  foreignEdgesNullable,
  keysNonNull,
  copiesAgree,
  limitsKept,
]

const ROOTS: ReadonlySet<string> = new Set(['Query', 'Mutation', 'Subscription'])
const GUARDS = ['authenticated', 'requiresScopes', 'policy'] as const

interface FieldOfSubgraph {
  readonly subgraph: SubgraphSource
  readonly type: ObjectTypeDefinitionNode
  readonly field: FieldDefinitionNode
  /** `file:line Type.field`. */
  readonly where: string
}

/** Asks a rule about every field of every subgraph. */
function eachField(
  subgraphs: readonly SubgraphSource[],
  ask: (field: FieldOfSubgraph) => string[],
): string[] {
  return subgraphs.flatMap(subgraph =>
    [...objectTypes(subgraph.document)].flatMap(type =>
      (type.fields ?? []).flatMap(field =>
        ask({
          subgraph,
          type,
          field,
          where: `${subgraph.path}:${line(field.name)} ${type.name.value}.${field.name.value}`,
        }),
      ),
    ),
  )
}

function* objectTypes(document: DocumentNode): Generator<ObjectTypeDefinitionNode> {
  for (const definition of document.definitions)
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION) yield definition
}

type Named = { readonly loc?: { readonly startToken: { readonly line: number } } | undefined }

const line = (node: Named): number => node.loc?.startToken.line ?? 0

const isMarked = (node: object, directive: string): boolean =>
  directivesOf(node as { directives?: readonly ConstDirectiveNode[] }, directive).length > 0

const isHidden = (node: object): boolean => isMarked(node, 'inaccessible')

function argument(directive: ConstDirectiveNode, name: string): ConstValueNode | undefined {
  return directive.arguments?.find(given => given.name.value === name)?.value
}

/** The file that defines a type, for a rule that found it in the whole graph. */
function pathOf(subgraphs: readonly SubgraphSource[], type: string): string {
  for (const { document, path } of subgraphs)
    for (const definition of document.definitions)
      if ('name' in definition && definition.name?.value === type) return `${path}:${line(definition.name)}`
  return 'schema/supergraph.graphql'
}
