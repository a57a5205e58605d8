import fc from 'fast-check'
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  visit,
} from 'graphql'
import type { Caller } from '../../../protocol/caller.ts'
import { KEY_FIELDS, type TypeModel, type WorldModel } from './world-model.ts'

/** Guards and a caller; numbers choose among what is possible where they are read, as in random-world.ts. */
export interface GuardShape {
  readonly guards: readonly { readonly place: number; readonly what: number }[]
  readonly isKnown: boolean
  /** Bits: which of {@link SCOPES} the caller has. */
  readonly scopes: number
}

export const guardShape: fc.Arbitrary<GuardShape> = fc.record({
  guards: fc.array(fc.record({ place: fc.nat(199), what: fc.nat(9) }), {
    minLength: 1,
    maxLength: 8,
    size: 'max',
  }),
  isKnown: fc.boolean(),
  scopes: fc.nat(15),
})

const SCOPES = ['s', 't', 'u', 'policy:p'] as const

const GUARDS = [
  { sdl: '@authenticated', holds: ({ kind }: Caller) => kind !== 'anonymous' },
  { sdl: '@requiresScopes(scopes: [["s"]])', holds: ({ scopes }: Caller) => scopes.includes('s') },
  {
    sdl: '@requiresScopes(scopes: [["s", "t"], ["u"]])',
    holds: ({ scopes }: Caller) => scopes.includes('u') || (scopes.includes('s') && scopes.includes('t')),
  },
  { sdl: '@policy(policies: [["p"]])', holds: ({ scopes }: Caller) => scopes.includes('policy:p') },
] as const

export interface Guards {
  readonly caller: Caller
  /** The supergraph with the guards. */
  edited(supergraphSdl: string): string
  /** Whether an object of the type has no such field for the caller: read off the model, not off the supergraph. */
  refuses(typename: string, field: string): boolean
}

/** Keys are never guarded by themselves: they lead from one subgraph to another. */
const isKey = (field: string): boolean => Object.hasOwn(KEY_FIELDS, field)

/** @param monolith what clients see. */
export function guardsOf(model: WorldModel, monolith: GraphQLSchema, shape: GuardShape): Guards {
  const places = Object.values(monolith.getTypeMap()).flatMap(type => {
    if (type.name.startsWith('__') || type.name === 'Pair') return []
    if (!isObjectType(type)) return ['Grade', 'Json'].includes(type.name) ? [type.name] : []
    const fields = Object.keys(type.getFields()).filter(name => !isKey(name))
    // Types seldom: they take much with them.
    const own = type.name === 'Query' || type.name === 'Mutation' ? [] : [type.name]
    return [...own, ...fields.map(name => `${type.name}.${name}`)]
  })
  const guards = new Map<string, (typeof GUARDS)[number]>()
  for (const { place, what } of shape.guards)
    guards.set(places[place % places.length]!, GUARDS[what % GUARDS.length]!)
  const caller: Caller = {
    kind: shape.isKnown ? 'shopper' : 'anonymous',
    ...(shape.isKnown ? { shopperId: 'alice' } : {}),
    client: 'test',
    scopes: SCOPES.filter((_, i) => shape.scopes & (1 << i)),
    tier: 'shopper',
  }
  const isUnmet = (place: string): boolean => guards.get(place)?.holds(caller) === false

  function refuses(typename: string, field: string): boolean {
    if (isUnmet(`${typename}.${field}`) || isUnmet(typename)) return true
    const type = model.types.get(typename)
    const own = type?.fields.get(field)
    if (type === undefined || own === undefined) return false
    const { type: written, target } = own.signature
    if (isUnmet(target ?? written.replaceAll(/[[\]!]/g, ''))) return true
    return (own.requires ?? []).some(({ field: input, text }) => {
      const [operation] = parse(`{ ${input.signature.name}${text} }`).definitions as OperationDefinitionNode[]
      return requires(operation!.selectionSet, type)
    })
  }

  function requires(set: SelectionSetNode, type: TypeModel | undefined): boolean {
    return set.selections.some(selection => {
      if (type === undefined || selection.kind !== Kind.FIELD) return false
      const name = selection.name.value
      if (refuses(type.name, name)) return true
      const target = type.fields.get(name)?.signature.target
      return (
        selection.selectionSet !== undefined &&
        requires(selection.selectionSet, model.types.get(target ?? ''))
      )
    })
  }

  return { caller, refuses, edited: sdl => print(guarded(parse(sdl), guards)) }
}

function guarded(
  supergraph: DocumentNode,
  guards: ReadonlyMap<string, { readonly sdl: string }>,
): DocumentNode {
  const added = (place: string): ConstDirectiveNode[] => {
    const guard = guards.get(place)
    if (guard === undefined) return []
    const [definition] = parse(`scalar S ${guard.sdl}`).definitions
    return definition!.kind === Kind.SCALAR_TYPE_DEFINITION ? [...definition!.directives!] : []
  }
  const withGuard = <
    N extends {
      readonly name: { readonly value: string }
      readonly directives?: readonly ConstDirectiveNode[]
    },
  >(
    node: N,
    place = node.name.value,
  ): N => ({ ...node, directives: [...(node.directives ?? []), ...added(place)] })
  return visit(supergraph, {
    ScalarTypeDefinition: node => withGuard(node),
    EnumTypeDefinition: node => withGuard(node),
    ObjectTypeDefinition: node => ({
      ...withGuard(node),
      fields: (node.fields ?? []).map(field => withGuard(field, `${node.name.value}.${field.name.value}`)),
    }),
  })
}

/**
 * What of an operation for a subgraph asks for a field that the caller may not have, as `Type.field`: of any object that
 * can be where it is asked.
 */
export function refusedIn(
  operation: string,
  api: GraphQLSchema,
  { refuses }: Guards,
  interfaceObject: string | undefined,
): string[] {
  const found: string[] = []
  const document = parse(operation)
  const possible = (name: string): string[] => {
    const type = api.getType(name)
    if (isAbstractType(type)) return api.getPossibleTypes(type).map(member => member.name)
    return isObjectType(type) ? [name] : []
  }

  function walk(set: SelectionSetNode, parent: string, objects: readonly string[]): void {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = document.definitions.find(
          definition =>
            definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value,
        )
        if (fragment?.kind === Kind.FRAGMENT_DEFINITION)
          narrow(fragment.selectionSet, fragment.typeCondition.name.value, objects)
      } else if (selection.kind === Kind.INLINE_FRAGMENT)
        narrow(selection.selectionSet, selection.typeCondition?.name.value ?? parent, objects)
      else field(selection, parent, objects)
    }
  }

  function narrow(set: SelectionSetNode, condition: string, objects: readonly string[]): void {
    const narrowed = possible(condition)
    walk(set, condition, objects.length === 0 ? narrowed : narrowed.filter(name => objects.includes(name)))
  }

  function field(node: FieldNode, parent: string, objects: readonly string[]): void {
    const name = node.name.value
    if (name === '_entities') {
      walk(node.selectionSet!, '_Entity', [])
      return
    }
    if (!isKey(name) && name !== '__typename') {
      const refused = objects.filter(object => refuses(object, name))
      // It is asked about some of its objects only, which its text does not tell.
      const isWrong = parent === interfaceObject ? refused.length === objects.length : refused.length > 0
      if (isWrong && refused.length > 0) found.push(`${refused[0]}.${name}`)
    }
    if (!node.selectionSet) return
    const reached = new Set(
      objects.flatMap(object => {
        const type = api.getType(object)
        const inner = isObjectType(type) ? type.getFields()[name]?.type : undefined
        return inner === undefined ? [] : possible(getNamedType(inner).name)
      }),
    )
    // Of a field that clients do not see nothing is known; nor is it theirs to be refused.
    if (reached.size > 0) walk(node.selectionSet, '', [...reached])
  }

  for (const definition of document.definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION) {
      const root = definition.operation === 'mutation' ? 'Mutation' : 'Query'
      walk(definition.selectionSet, root, [root])
    }
  return found
}
