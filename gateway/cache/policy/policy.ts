import { type DocumentNode, Kind, type OperationDefinitionNode, parse, type SelectionSetNode } from 'graphql'
import { type CacheHints, cacheHints, type Scope, scopeSaidBy } from '../../supergraph/cache-hints.ts'
import { type SelectionHint, strictest } from '../../supergraph/scope.ts'
import type { Supergraph } from '../../supergraph/supergraph.ts'
import { compileArgumentValues, type ReadArguments, type Variables } from './argument-values.ts'
import { type ComposedTypes, composedTypes } from './composed-types.ts'
import type { CachePolicies, FetchDescription, FetchPolicy, Invalidations } from './fetch-policy.ts'
import { checkPolicies } from './policy-check.ts'
import { type PolicyTable, tableHash } from './policy-table.ts'
import { schemaHashes } from './schema-hashes.ts'
import {
  compileResultValues,
  type Fragments,
  fragmentsOf,
  type ReadResult,
  type SelectedField,
  selectedFields,
  setsOf,
} from './selected.ts'
import { compileSelectionTags, type TagRules } from './selection-tags.ts'
import { TagSet } from './tag-set.ts'
import { addTags, type TagTemplate, TEMPLATE_TAGS_MAX } from './tag-template.ts'

/** Tags with a key that an entry carries; of more, whole prefixes. */
const ENTRY_KEYS_MAX = 64

/** What one mutation makes void at most by its key; of more, whole prefixes. */
const INVALIDATED_KEYS_MAX = 4 * TEMPLATE_TAGS_MAX

/**
 * Joins what the schema says by `@cacheControl` with an operator's table, for one supergraph.
 *
 * A fetch is as fresh, as stale and as public as the strictest of all that it selects. The table's scope PRIVATE narrows,
 * its PUBLIC holds where the schema says nothing. That answers are shared by it outside the cache too, the supergraph
 * must have been loaded with the same table: `loadSupergraph(sdl, table)`.
 *
 * @throws Error that names every key of the table that the supergraph lacks, or that cannot be kept to.
 */
export function createCachePolicies(
  { sdl, authorization }: Pick<Supergraph, 'sdl' | 'authorization'>,
  table: PolicyTable = {},
): CachePolicies {
  const document = parse(sdl, { noLocation: true })
  const types = composedTypes(document)
  const scopes = writtenScopes(document)
  const checked = checkPolicies(table, { types, authorization, scopeAt: key => scopes.get(key) })
  const hints = cacheHints(document, authorization, table)
  const hashes = schemaHashes(document)
  const ofTable = tableHash(table)
  const kept = keptTypes(types, hints)
  const ofType = new Map(types.names.map(name => [name, referencesOf(name)]))
  const carried: TagRules = {
    counts: () => true,
    isCarried: true,
    templatesOf: type => ofType.get(type) ?? [],
  }
  const changed: TagRules = {
    counts: (type, isReference) => !isReference && kept.has(type),
    isCarried: false,
    templatesOf: () => [],
  }

  /** The type's own, and those of its interfaces. */
  function referencesOf(type: string): readonly TagTemplate[] {
    return [...checked.references].flatMap(([key, templates]) =>
      key === type || types.membersOf(key).includes(type) ? templates : [],
    )
  }

  return {
    ofRoot(fetch) {
      const { set, fragments } = rootOf(fetch)
      const roots = selectedFields([set], fragments, () => true).filter(({ name }) => name !== '__typename')
      if (fetch.kind !== 'query' || roots.some(({ name }) => name === '_entities')) return undefined
      const hint = strictest(hints, 'Query', set, fragments)
      const templates = roots.flatMap(root => compileTemplates(checked.references, 'Query', root, fragments))
      const tags = compileSelectionTags(types, fragments, carried, [set], 'Query')
      const ofWhatever = new TagSet(ENTRY_KEYS_MAX, true)
      tags.addTypes(ofWhatever)
      const typeTags = ofWhatever.list()
      return policyOf(hint, distinct(roots.map(({ name }) => `Query.${name}`)), (into, data, variables) => {
        for (const tag of typeTags) into.add(tag)
        tags.add(data, into)
        for (const add of templates) add(variables, data as Members, into)
      })
    },

    ofEntities(fetch, rootKey) {
      const { set, fragments } = rootOf(fetch)
      const root = selectedFields([set], fragments, () => true).find(({ key }) => key === rootKey)
      if (fetch.kind !== 'query' || root?.name !== '_entities') return undefined
      const sets = setsOf(root.nodes)
      const hint = strictest(hints, 'Query', { kind: Kind.SELECTION_SET, selections: root.nodes }, fragments)
      const fields = selectedFields(sets, fragments, () => true).flatMap(({ conditions }) => conditions)
      const tags = compileSelectionTags(types, fragments, carried, sets, '_Entity')
      return policyOf(
        hint,
        distinct(fields.filter(type => type !== undefined)),
        (into, entity, _, representation) => tags.addEntity(entity, (representation ?? {}) as Members, into),
      )
    },

    ofMutation(fetch) {
      const { set, fragments } = rootOf(fetch)
      if (fetch.kind !== 'mutation') return undefined
      const parts = selectedFields([set], fragments, () => true).flatMap(root => {
        const own = checked.invalidates.get(`Mutation.${root.name}`)
        if (own?.length === 0) return []
        const templates = compileTemplates(checked.invalidates, 'Mutation', root, fragments)
        const to = types.fieldsOf('Mutation').get(root.name)?.type
        const sets = setsOf(root.nodes)
        const tags =
          to === undefined || sets.length === 0
            ? undefined
            : compileSelectionTags(types, fragments, changed, sets, to)
        if (templates.length === 0 && (tags === undefined || tags.isEmpty)) return []
        return [{ key: root.key, templates, tags }]
      })
      if (parts.length === 0) return undefined
      const invalidations: Invalidations = (variables, data) => {
        const into = new TagSet(INVALIDATED_KEYS_MAX, false)
        for (const { key, templates, tags } of parts) {
          // What was skipped is not there; null does not say that nothing was changed.
          if (data !== undefined && data[key] === undefined) continue
          for (const add of templates) add(variables, data, into)
          if (data !== undefined) tags?.add(data[key], into)
        }
        return into.list()
      }
      return invalidations
    },

    keepsPrivate: types.names.some(
      type =>
        type !== 'Mutation' &&
        [...types.fieldsOf(type).keys()].some(name => {
          const hint = hints.hintOf(type, name)
          return hint !== undefined && hint.scope === 'PRIVATE' && hint.freshMs > 0
        }),
    ),

    schemaHashOf(service) {
      const hash = hashes.get(service)
      if (hash === undefined) throw new Error(`expected a subgraph of the supergraph, got ${service}`)
      return hash + ofTable
    },
  }

  /** Of one root field, which may be asked for under several keys. */
  function compileTemplates(
    templates: ReadonlyMap<string, readonly TagTemplate[]>,
    type: 'Query' | 'Mutation',
    { key, name, nodes }: SelectedField,
    fragments: Fragments,
  ): AddTemplate[] {
    const inputs = types.fieldsOf(type).get(name)?.inputs ?? new Map()
    return (templates.get(`${type}.${name}`) ?? []).map(template => {
      const reads = template.placeholders.map(
        ({ source, path }): Read =>
          source === 'args'
            ? { fromArguments: compileArgumentValues(types, inputs, nodes[0]!, path) }
            : { fromResult: compileResultValues(setsOf(nodes), fragments, path, type === 'Query') },
      )
      return (variables, data, into) => {
        const values: unknown[][] = []
        for (const { fromArguments, fromResult } of reads) {
          const list: unknown[] = []
          fromArguments?.(variables, list)
          fromResult?.(data?.[key], list)
          values.push(list)
        }
        addTags(template, values, into)
      }
    })
  }
}

type Members = Readonly<Record<string, unknown>>

type AddTemplate = (variables: Variables, data: Members | undefined, into: TagSet) => void

interface Read {
  readonly fromArguments?: ReadArguments
  readonly fromResult?: ReadResult
}

/** Undefined: it is not kept. */
function policyOf(
  { scope, freshMs, staleMs }: SelectionHint,
  fields: readonly string[],
  addTo: (into: TagSet, data: unknown, variables: Variables, representation: object | undefined) => void,
): FetchPolicy | undefined {
  if (freshMs <= 0 || freshMs === Infinity) return undefined
  return {
    scope,
    freshMs,
    staleMs,
    fields,
    tagsOf(data, variables, representation) {
      const into = new TagSet(ENTRY_KEYS_MAX, true)
      addTo(into, data, variables, representation)
      return into.list()
    },
  }
}

function rootOf({ document }: FetchDescription): { set: SelectionSetNode; fragments: Fragments } {
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  )
  if (operation === undefined) throw new Error('expected a fetch to have an operation, got none')
  return { set: operation.selectionSet, fragments: fragmentsOf(document) }
}

/** What the schema writes at a field or type itself. */
function writtenScopes(document: DocumentNode): ReadonlyMap<string, Scope> {
  const scopes = new Map<string, Scope>()
  const note = (key: string, scope: Scope | undefined): void => {
    if (scope !== undefined) scopes.set(key, scope)
  }
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    const type = definition.name.value
    note(type, scopeSaidBy(definition.directives ?? []))
    for (const field of definition.fields ?? [])
      note(`${type}.${field.name.value}`, scopeSaidBy(field.directives ?? []))
  }
  return scopes
}

/**
 * The types of which something that is kept may tell: a field leads to them, or one of theirs is kept, by itself if need
 * be, as an entity's is that was led to by what is not.
 */
function keptTypes(types: ComposedTypes, hints: CacheHints): ReadonlySet<string> {
  const kept = new Set<string>()
  for (const type of types.names) {
    if (type === 'Mutation') continue
    for (const [name, field] of types.fieldsOf(type)) {
      if ((hints.hintOf(type, name)?.freshMs ?? 0) <= 0) continue
      const isLeaf = !types.isComposite(field.type)
      if (isLeaf || types.isEntity(type)) kept.add(type)
      if (!isLeaf) for (const found of [field.type, ...types.membersOf(field.type)]) kept.add(found)
    }
  }
  return kept
}

const distinct = (names: readonly string[]): string[] => [...new Set(names)]
