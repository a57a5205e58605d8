import type { SelectionSetNode } from 'graphql'
import type { ComposedTypes, Identity } from './composed-types.ts'
import {
  compileResultValues,
  type Fragments,
  type ReadResult,
  type SelectedField,
  selectedFields,
  setsOf,
} from './selected.ts'
import type { TagSet } from './tag-set.ts'
import { addTags, gather, type TagTemplate } from './tag-template.ts'

/** What is looked for in an answer. */
export interface TagRules {
  /**
   * Whether an entity of this type counts; `isReference`: it stands within another entity, and nothing is selected of it
   * but what it is known by.
   */
  counts(type: string, isReference: boolean): boolean
  /**
   * For what is kept: then types, and entities that nobody can name, are told too. What makes void names only what it
   * knows.
   */
  readonly isCarried: boolean
  /** The `references` of an entity type. */
  templatesOf(type: string): readonly TagTemplate[]
}

type Members = Readonly<Record<string, unknown>>

/** The tags in an answer to some selection sets. */
export interface SelectionTags {
  /** Whether no answer has any of an entity. */
  readonly isEmpty: boolean
  /** Every type that an answer may tell of, by what is selected; not of entities, whose types are known by what is asked for. */
  addTypes(into: TagSet): void
  /** The entities in an answer, and the types of its objects. */
  add(value: unknown, into: TagSet): void
  /** The same of an entity that was asked for by a representation. */
  addEntity(entity: unknown, representation: Members, into: TagSet): void
}

/**
 * Compiles the search for tags in what selection sets on a type may come to. Made once a fetch; what an object selects is
 * worked out once for each type that objects turn out to be.
 */
export function compileSelectionTags(
  types: ComposedTypes,
  fragments: Fragments,
  rules: TagRules,
  sets: readonly SelectionSetNode[],
  typename: string,
): SelectionTags {
  const ids = new Map<SelectionSetNode, number>()
  const places = new Map<string, Place>()
  const root = placeOf(sets, typename, false)
  return {
    isEmpty: root.isIdle(),
    addTypes: into => root.addTypes(into, new Set()),
    add: (value, into) => root.add(value, into),
    addEntity: (entity, representation, into) => root.addEntity(entity, representation, into),
  }

  /** One for equal ones. */
  function placeOf(sets: readonly SelectionSetNode[], declared: string, isWithin: boolean): Place {
    const id = `${declared} ${isWithin} ${sets.map(idOf).join(' ')}`
    let known = places.get(id)
    if (known === undefined) places.set(id, (known = createPlace(sets, declared, isWithin)))
    return known
  }

  function idOf(set: SelectionSetNode): number {
    const known = ids.get(set) ?? ids.size
    ids.set(set, known)
    return known
  }

  /** @param isWithin whether an entity is around it. */
  function createPlace(sets: readonly SelectionSetNode[], declared: string, isWithin: boolean): Place {
    const possible = [declared, ...types.membersOf(declared)]
    const typeKeys = typeKeysOf(selectedFields(sets, fragments, () => true))
    // Each by itself: one of them may be skipped.
    const isAlwaysNamed = sets.every(set =>
      selectedFields([set], fragments, condition => isOf(declared, condition)).some(
        ({ name, isSure }) => name === '__typename' && isSure,
      ),
    )
    const looks = new Map<string, Look>()
    const lookOf = (type: string): Look => {
      let look = looks.get(type)
      if (look === undefined) looks.set(type, (look = createLook(sets, type, isWithin)))
      return look
    }
    const typeOf = (object: Members): string | undefined => {
      for (const key of typeKeys) {
        const named = object[key]
        if (typeof named === 'string' && types.isComposite(named)) return named
      }
      return undefined
    }
    /** Whether the types of objects are told, which nobody knows before. */
    const isTold = rules.isCarried && possible.length > 1 && typeKeys.length > 0
    let isIdle: boolean | undefined
    const place: Place = {
      isIdle: () => (isIdle ??= !isTold && possible.every(type => lookOf(type).isIdle())),
      addTypes(into, seen) {
        if (seen.has(place)) return
        seen.add(place)
        for (const type of possible) {
          const look = lookOf(type)
          // Without its name an object may be any of them.
          if (!ROOTS.has(type) && (type === declared || !isAlwaysNamed || look.isNamed)) into.add(type)
          for (const child of look.children) child.place.addTypes(into, seen)
        }
      },
      add(value, into) {
        if (Array.isArray(value)) {
          for (const item of value) place.add(item, into)
          return
        }
        if (typeof value !== 'object' || value === null) return
        const type = typeOf(value as Members)
        if (type !== undefined && rules.isCarried && !ROOTS.has(type)) into.add(type)
        lookOf(type ?? declared).add(value as Members, undefined, into)
      },
      addEntity(value, representation, into) {
        const entity = (value ?? {}) as Members
        const named = representation.__typename
        const type =
          typeOf(entity) ?? (typeof named === 'string' && types.isComposite(named) ? named : declared)
        if (!ROOTS.has(type)) into.add(type)
        const look = lookOf(type)
        const seen = new Set<Place>()
        for (const child of look.children) child.place.addTypes(into, seen)
        look.add(entity, representation, into)
      },
    }
    return place
  }

  /** What objects of one type select; of an abstract one, whatever they may be. */
  function createLook(sets: readonly SelectionSetNode[], type: string, isWithin: boolean): Look {
    const fields = selectedFields(sets, fragments, condition => types.overlap(type, condition))
    const candidates = [type, ...types.membersOf(type)]
    const known = distinct(candidates.flatMap(candidate => types.identitiesOf(candidate)))
    const isReference =
      isWithin &&
      fields.every(({ name }) => name === '__typename' || known.some(({ field }) => field === name))
    const identities = known
      .filter(({ type }) => rules.counts(type, isReference))
      .map(({ type, field }) => ({
        type,
        field,
        keys: fields.filter(({ name }) => name === field).map(({ key }) => key),
      }))
      .filter(({ keys }) => rules.isCarried || keys.length > 0)
    const children = fields.flatMap(field => {
      const inner = setsOf(field.nodes)
      if (inner.length === 0) return []
      return leadsTo(field, type, candidates).map(to => ({
        key: field.key,
        place: placeOf(inner, to, isWithin || known.length > 0),
      }))
    })
    const templates = candidates
      .flatMap(candidate => rules.templatesOf(candidate))
      .map(template => ({ template, reads: template.placeholders.map(one => readsOf(one.path, sets)) }))
    const look: Look = {
      isNamed: fields.some(({ conditions }) => conditions.includes(type)),
      children,
      // An answer is as deep as its operation: no selection set is within itself.
      isIdle: () =>
        identities.length === 0 && templates.length === 0 && children.every(({ place }) => place.isIdle()),
      add(object, representation, into) {
        for (const { type, field, keys } of identities)
          addIdentity(into, type, representation?.[field] ?? firstOf(object, keys))
        for (const { template, reads } of templates) {
          const values = template.placeholders.map(({ source }, i) => {
            const sent = source === 'args' ? valuesOf(reads[i]!.asSent, representation) : []
            return sent.length > 0 ? sent : valuesOf(reads[i]!.asSelected, object)
          })
          addTags(template, values, into)
        }
        for (const { key, place } of children) {
          const value = object[key]
          if (value !== undefined && value !== null && !place.isIdle()) place.add(value, into)
        }
      },
    }
    return look
  }

  /** Where nobody can tell which entity is shown, it may be any of them. */
  function addIdentity(into: TagSet, type: string, key: unknown): void {
    if (key !== undefined && key !== null) into.addKey(type, key)
    else if (rules.isCarried) into.addKey(type, undefined)
  }

  /** The composite types that a selected field leads to: one, but where members of a union have fields of one name. */
  function leadsTo(field: SelectedField, type: string, candidates: readonly string[]): readonly string[] {
    const owners = [[type], field.conditions.filter(condition => condition !== undefined), candidates]
    for (const some of owners) {
      const found = new Set(some.flatMap(owner => types.fieldsOf(owner).get(field.name)?.type ?? []))
      if (found.size > 0) return [...found].filter(types.isComposite)
    }
    return []
  }

  /** Of an entity within an answer, what it shows is what it would have been asked by. */
  function readsOf(path: readonly string[], sets: readonly SelectionSetNode[]): Reads {
    return { asSelected: compileResultValues(sets, fragments, path, rules.isCarried), asSent: readerOf(path) }
  }

  function isOf(type: string, condition: string): boolean {
    return type === condition || types.membersOf(condition).includes(type)
  }
}

const ROOTS: ReadonlySet<string> = new Set(['Query', 'Mutation', '_Entity'])

/** The objects that one place of an operation comes to. */
interface Place {
  /** Whether nothing is to be found here and beneath, but types that are known without looking. */
  isIdle(): boolean
  addTypes(into: TagSet, seen: Set<Place>): void
  add(value: unknown, into: TagSet): void
  addEntity(value: unknown, representation: Members, into: TagSet): void
}

interface Look {
  /** Whether a fragment names the type. */
  readonly isNamed: boolean
  readonly children: readonly { readonly key: string; readonly place: Place }[]
  isIdle(): boolean
  add(object: Members, representation: Members | undefined, into: TagSet): void
}

interface Reads {
  readonly asSelected: ReadResult
  readonly asSent: ReadResult
}

const typeKeysOf = (fields: readonly SelectedField[]): readonly string[] =>
  fields.filter(({ name }) => name === '__typename').map(({ key }) => key)

/** Reads a path of a value that has the schema's names. */
function readerOf([name, ...rest]: readonly string[]): ReadResult {
  if (name === undefined) return gather
  const read = readerOf(rest)
  return function walk(value, into) {
    if (Array.isArray(value)) for (const item of value) walk(item, into)
    else if (typeof value === 'object' && value !== null) read((value as Members)[name], into)
  }
}

function valuesOf(read: ReadResult, from: unknown): unknown[] {
  const values: unknown[] = []
  read(from, values)
  return values
}

function firstOf(object: Members, keys: readonly string[]): unknown {
  for (const key of keys) if (object[key] !== undefined && object[key] !== null) return object[key]
  return undefined
}

const distinct = (identities: readonly Identity[]): Identity[] =>
  identities.filter(
    (identity, i) =>
      identities.findIndex(({ type, field }) => type === identity.type && field === identity.field) === i,
  )
