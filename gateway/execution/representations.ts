import type { FieldTree, TypeFacts } from '../supergraph/type-facts.ts'
import type { FetchRewrite, RequiresSelection } from './plan.ts'
import { compileRewrites } from './rewrites.ts'
import type { Data } from './tree.ts'

/** The `_Any` that names an object to a subgraph; undefined when a value that it needs is missing. */
export type Represent = (entity: Data) => Data | undefined

/** Equal for two representations exactly when they are equal. */
export type Identify = (representation: Data) => unknown

/** Builders kept per fetch and type name: a subgraph that invents names must not grow the table. */
const TYPENAMES_MAX = 200

export interface Representations {
  readonly represent: Represent
  readonly identify: Identify
}

/**
 * Compiles the selections that an entity fetch requires. A representation is left out, and the fetch's fields with it,
 * when no key of the type is complete, or when a required field was not delivered at all: its fetch failed, and a
 * subgraph must not compute a price from nothing. A required field that was delivered as null is sent as null.
 */
export function compileRepresentations(
  requires: readonly RequiresSelection[],
  inputRewrites: readonly FetchRewrite[] | undefined,
  subgraph: string,
  types: TypeFacts,
): Representations {
  const byTypename = new Map<string, Represent>()
  const rewrite = compileRewrites(inputRewrites, types)
  const fallback = firstCondition(requires)
  const represent: Represent = entity => {
    const typename = typeof entity.__typename === 'string' ? entity.__typename : fallback
    let build = byTypename.get(typename)
    if (!build) {
      build = compileFor(typename, requires, rewrite, subgraph, types)
      if (byTypename.size < TYPENAMES_MAX) byTypename.set(typename, build)
    }
    return build(entity)
  }
  return { represent, identify: compileIdentify(requires, types) }
}

function compileFor(
  typename: string,
  requires: readonly RequiresSelection[],
  rewrite: ((value: unknown) => unknown) | undefined,
  subgraph: string,
  types: TypeFacts,
): Represent {
  const fields = fieldsFor(typename, requires, types)
  if (fields.length === 0) return () => undefined
  const rewritten = rewrite ? (rewrite({ __typename: typename }) as Data).__typename : typename
  const sentTypename = typeof rewritten === 'string' ? rewritten : typename
  const keys = types.keysOf(sentTypename, subgraph).filter(key => isSelected(key, fields))
  const project = compileObject(fields)
  return entity => {
    const representation: Data = { __typename: typename }
    if (!project(entity, representation)) return undefined
    if (keys.length > 0 && !keys.some(key => isComplete(key, representation))) return undefined
    return rewrite ? (rewrite(representation) as Data) : representation
  }
}

interface RequiredField {
  /** Where the value stands in our data, and its name in the representation. */
  readonly from: string
  readonly to: string
  /** Of an object or a list of objects; undefined for a leaf. */
  readonly selections: readonly RequiresSelection[] | undefined
  readonly byTypename: Map<string, (source: Data, target: Data) => boolean>
  readonly types: TypeFacts
}

function fieldsFor(
  typename: string | undefined,
  selections: readonly RequiresSelection[],
  types: TypeFacts,
): RequiredField[] {
  const fields: RequiredField[] = []
  for (const selection of selections) {
    if (selection.kind === 'Field') {
      if (selection.name === '__typename') continue
      const nested = selection.selections
      fields.push({
        from: selection.name,
        to: selection.alias ?? selection.name,
        selections: nested && nested.length > 0 ? nested : undefined,
        byTypename: new Map(),
        types,
      })
    } else if (selection.kind === 'InlineFragment') {
      const condition = selection.typeCondition
      // Either way round: an object may be known so far by its interface's name only.
      if (
        typename === undefined ||
        types.satisfies(typename, condition) ||
        types.satisfies(condition, typename)
      )
        fields.push(...fieldsFor(typename, selection.selections, types))
    } else
      throw new Error(
        `Expected fields and inline fragments in the planner's "requires", got ${selection.kind}`,
      )
  }
  return fields
}

/** Copies fields into a representation; false when one was not delivered. */
function compileObject(fields: readonly RequiredField[]): (source: Data, target: Data) => boolean {
  const froms = fields.map(field => field.from)
  const tos = fields.map(field => field.to)
  return (source, target) => {
    for (let i = 0; i < froms.length; i++) {
      let value = source[froms[i]!]
      if (value === undefined) return false
      const field = fields[i]!
      if (field.selections !== undefined && value !== null) {
        value = projectNested(field, value)
        if (value === undefined) return false
        value = joined(target[tos[i]!], value)
      }
      target[tos[i]!] = value
    }
    return true
  }
}

function projectNested(field: RequiredField, value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) {
    const list: unknown[] = []
    for (const item of value) {
      const projected = projectNested(field, item)
      if (projected === undefined) return undefined
      list.push(projected)
    }
    return list
  }
  const source = value as Data
  const typename = typeof source.__typename === 'string' ? source.__typename : undefined
  const known = typename ?? ''
  let project = field.byTypename.get(known)
  if (!project) {
    project = compileObject(fieldsFor(typename, field.selections ?? [], field.types))
    if (field.byTypename.size < TYPENAMES_MAX) field.byTypename.set(known, project)
  }
  const target: Data = typename === undefined ? {} : { __typename: typename }
  return project(source, target) ? target : undefined
}

/** What two fragments select of one field. Both are ours. */
function joined(first: unknown, second: unknown): unknown {
  if (first === null || first === undefined || typeof first !== 'object') return second
  if (Array.isArray(first)) return first.map((item, i) => joined(item, (second as unknown[])[i]))
  return { ...(first as Data), ...(second as Data) }
}

function isSelected(key: FieldTree, fields: readonly RequiredField[]): boolean {
  return Object.entries(key).every(([name, nested]) =>
    fields.some(field => field.to === name && isNestedSelected(nested, field)),
  )
}

function isNestedSelected(key: FieldTree, field: RequiredField): boolean {
  return (
    Object.keys(key).length === 0 ||
    isSelected(key, fieldsFor(undefined, field.selections ?? [], field.types))
  )
}

function isComplete(key: FieldTree, value: unknown): boolean {
  if (value === null || value === undefined) return false
  if (Array.isArray(value)) return value.every(item => isComplete(key, item))
  for (const name in key) if (!isComplete(key[name]!, (value as Data)[name])) return false
  return true
}

function firstCondition(requires: readonly RequiresSelection[]): string {
  for (const selection of requires) if (selection.kind === 'InlineFragment') return selection.typeCondition
  return ''
}

/**
 * For the usual key, one scalar of one type, its value identifies. Whatever is not of that form then only equals
 * itself. Otherwise a representation's JSON identifies it.
 */
function compileIdentify(requires: readonly RequiresSelection[], types: TypeFacts): Identify {
  const only = requires.length === 1 ? requires[0]! : undefined
  if (only?.kind === 'InlineFragment' && types.isObject(only.typeCondition)) {
    const typename = only.typeCondition
    const fields = only.selections.filter(
      selection => selection.kind !== 'Field' || selection.name !== '__typename',
    )
    const field = fields.length === 1 ? fields[0]! : undefined
    if (field?.kind === 'Field' && (field.selections ?? []).length === 0) {
      const name = field.alias ?? field.name
      return representation => {
        const value = representation[name]
        return typeof value === 'object' || representation.__typename !== typename ? representation : value
      }
    }
  }
  return representation => JSON.stringify(representation)
}
