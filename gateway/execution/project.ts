import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isLeafType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import type { ErrorList } from './errors.ts'
import { compileLeaf } from './leaf.ts'
import type { IsRefused } from './permitted.ts'
import { internalKey } from './response-key.ts'
import { isSubType, type SelectFields } from './selected-fields.ts'
import type { Data, Path } from './tree.ts'

/** Compiled projection of one shape of an operation. */
export interface Projection {
  /**
   * The client's response out of the gateway's data: the client's keys in the client's order, nulls where the API
   * schema has them end up. Writes to neither argument.
   *
   * @param introspection answers to root `__schema` and `__type` fields, by response key.
   */
  project(data: Data, introspection: Data | undefined, errors: ErrorList): Data | null
  /** Whether the root field would make the whole response null. */
  isFatal(rootKey: string, data: Data): boolean
}

/** A value that cannot be null turned out to be: null goes to the nearest place that can. */
const BUBBLE: unique symbol = Symbol('null for a non-null type')

interface Projecting {
  readonly introspection: Data | undefined
  /** Undefined in the first pass, which only notices that something is wrong. */
  readonly path: Path | undefined
  readonly report: (message: string) => void
}

type Complete = (value: unknown, at: Projecting) => unknown

interface FieldPlan {
  readonly responseKey: string
  readonly read: (source: Data, at: Projecting) => unknown
  readonly complete: Complete
}

interface Projector {
  readonly fields: readonly FieldPlan[]
  readonly complete: (source: Data, at: Projecting) => Data | typeof BUBBLE
}

/** @param isRefused fields that are null whatever the data has; the caller is told why by other means. */
export function compileProjection(
  schema: GraphQLSchema,
  types: TypeFacts,
  operation: OperationDefinitionNode,
  selectFields: SelectFields,
  isRefused?: IsRefused,
): Projection {
  const rootType = schema.getRootType(operation.operation) as GraphQLObjectType
  const root = compileObject(rootType, [operation.selectionSet])

  /** Selection sets that stand at one place, for one type: objects, or an interface that an object is known by. */
  function compileObject(type: GraphQLCompositeType, sets: readonly SelectionSetNode[]): Projector {
    const fields = [...selectFields(type, sets)].flatMap(([responseKey, nodes]) =>
      fieldPlan(type, responseKey, nodes),
    )
    return { fields, complete: completeFields(fields) }
  }

  function fieldPlan(
    type: GraphQLCompositeType,
    responseKey: string,
    nodes: readonly FieldNode[],
  ): FieldPlan[] {
    const name = nodes[0]!.name.value
    if (name === '__typename') {
      const own = isAbstractType(type) ? undefined : type.name
      return [
        { responseKey, read: source => own ?? source.__typename ?? type.name, complete: value => value },
      ]
    }
    if (name === '__schema' || name === '__type')
      return [
        { responseKey, read: (_, at) => at.introspection?.[responseKey] ?? null, complete: value => value },
      ]
    const definition = 'getFields' in type ? type.getFields()[name] : undefined
    if (!definition) return []
    if (isRefused?.(type, nodes)) {
      const value = isNonNullType(definition.type) ? BUBBLE : null
      return [{ responseKey, read: () => null, complete: () => value }]
    }
    const key = internalKey(responseKey, name, types)
    const sets = nodes.flatMap(node => node.selectionSet ?? [])
    return [
      {
        responseKey,
        read: source => source[key],
        complete: compileType(definition.type, `${type.name}.${name}`, sets),
      },
    ]
  }

  function compileType(
    type: GraphQLOutputType,
    coordinate: string,
    sets: readonly SelectionSetNode[],
  ): Complete {
    if (isNonNullType(type)) {
      const complete = compileNullable(type.ofType, coordinate, sets)
      return (value, at) => {
        const completed = complete(value, at)
        if (completed !== null) return completed
        at.report(`Cannot return null for non-nullable field ${coordinate}`)
        return BUBBLE
      }
    }
    const complete = compileNullable(type, coordinate, sets)
    return (value, at) => {
      const completed = complete(value, at)
      return completed === BUBBLE ? null : completed
    }
  }

  function compileNullable(
    type: GraphQLOutputType,
    coordinate: string,
    sets: readonly SelectionSetNode[],
  ): Complete {
    if (isListType(type)) {
      const item = compileType(type.ofType, coordinate, sets)
      return (value, at) => {
        if (value === null || value === undefined) return null
        if (!Array.isArray(value)) return mistyped(value, 'a list', coordinate, at)
        const list = new Array<unknown>(value.length)
        for (let i = 0; i < value.length; i++) {
          at.path?.push(i)
          const completed = item(value[i], at)
          at.path?.pop()
          if (completed === BUBBLE) return BUBBLE
          list[i] = completed
        }
        return list
      }
    }
    const named = getNamedType(type)
    if (isLeafType(named)) {
      const leaf = compileLeaf(named)
      return (value, at) => {
        if (value === null || value === undefined) return null
        const completed = leaf.read(value)
        return completed === undefined ? mistyped(value, leaf.expected, coordinate, at) : completed
      }
    }
    const { name } = named
    if (!isCompositeType(named)) throw new Error(`Expected an output type at ${coordinate}, got ${name}`)
    const project = isAbstractType(named) ? compileAbstract(named, sets) : compileConcrete(named, sets)
    return (value, at) => {
      if (value === null || value === undefined) return null
      if (typeof value !== 'object' || Array.isArray(value))
        return mistyped(value, 'an object', coordinate, at)
      const projector = project(value as Data)
      if (projector) return projector.complete(value as Data, at)
      at.report(`Expected a ${name} at ${coordinate}, got an object of another type`)
      return null
    }
  }

  function compileConcrete(
    type: GraphQLObjectType,
    sets: readonly SelectionSetNode[],
  ): (value: Data) => Projector {
    const projector = compileObject(type, sets)
    return () => projector
  }

  /** One projector a runtime type, compiled when the type is first seen; their number is bounded by the schema's. */
  function compileAbstract(
    type: GraphQLCompositeType,
    sets: readonly SelectionSetNode[],
  ): (value: Data) => Projector | undefined {
    const projectors = new Map<string, Projector>()
    return value => {
      const typename = typeof value.__typename === 'string' ? value.__typename : type.name
      const known = projectors.get(typename)
      if (known) return known
      const runtime = typename === type.name ? type : schema.getType(typename)
      if (!isCompositeType(runtime) || (runtime !== type && !isSubType(schema, type.name, runtime)))
        return undefined
      const projector = compileObject(runtime, sets)
      projectors.set(typename, projector)
      return projector
    }
  }

  const quiet = (introspection: Data | undefined, onProblem: () => void): Projecting => ({
    introspection,
    path: undefined,
    report: onProblem,
  })

  return {
    project(data, introspection, errors) {
      let problems = false
      const projected = root.complete(
        data,
        quiet(introspection, () => (problems = true)),
      )
      if (problems) {
        // Once more, now keeping the path: something is wrong, and the client is told where.
        const path: Path = []
        const report = (message: string): void => {
          if (!errors.covers(path)) errors.add(message, [...path], { code: 'SUBGRAPH_BAD_ANSWER' })
        }
        root.complete(data, { introspection, path, report })
      }
      return projected === BUBBLE ? null : projected
    },
    isFatal(rootKey, data) {
      const field = root.fields.find(candidate => candidate.responseKey === rootKey)
      if (!field) return false
      const at = quiet(undefined, () => {})
      return field.complete(field.read(data, at), at) === BUBBLE
    },
  }
}

function completeFields(fields: readonly FieldPlan[]): Projector['complete'] {
  const count = fields.length
  return (source, at) => {
    const projected: Data = {}
    for (let i = 0; i < count; i++) {
      const field = fields[i]!
      at.path?.push(field.responseKey)
      const completed = field.complete(field.read(source, at), at)
      at.path?.pop()
      if (completed === BUBBLE) return BUBBLE
      // An alias may be called __proto__, which no assignment makes a property.
      if (field.responseKey === '__proto__')
        Object.defineProperty(projected, '__proto__', { value: completed, enumerable: true })
      else projected[field.responseKey] = completed
    }
    return projected
  }
}

function mistyped(value: unknown, expected: string, coordinate: string, at: Projecting): null {
  const got =
    value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : typeof value === 'string'
          ? 'a string'
          : typeof value === 'object'
            ? 'an object'
            : `${value}`
  at.report(`Expected ${expected} for ${coordinate}, got ${got}`)
  return null
}
