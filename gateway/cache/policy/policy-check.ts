import type { Authorization } from '../../supergraph/authorization.ts'
import type { Scope } from '../../supergraph/cache-hints.ts'
import { wrongArgumentPath } from './argument-values.ts'
import type { ComposedField, ComposedTypes } from './composed-types.ts'
import type { PolicyEntry, PolicyTable } from './policy-table.ts'
import { parseTemplate, type TagTemplate } from './tag-template.ts'

/** A table's templates, read. */
export interface CheckedPolicies {
  /** Of a root field of Query by `Query.name`, of an entity type by its name. */
  readonly references: ReadonlyMap<string, readonly TagTemplate[]>
  /** Of a mutation by `Mutation.name`. */
  readonly invalidates: ReadonlyMap<string, readonly TagTemplate[]>
}

export interface PolicyContext {
  readonly types: ComposedTypes
  readonly authorization: Authorization | undefined
  /** The scope that the schema writes at a place itself; undefined: none. */
  readonly scopeAt: (key: string) => Scope | undefined
}

/** @throws Error that names every key that cannot be kept to, a line each, at most ten. */
export function checkPolicies(table: PolicyTable, context: PolicyContext): CheckedPolicies {
  const problems: string[] = []
  const references = new Map<string, readonly TagTemplate[]>()
  const invalidates = new Map<string, readonly TagTemplate[]>()
  for (const [key, entry] of Object.entries(table)) {
    const place = placeOf(key, context.types)
    if (typeof place === 'string') {
      problems.push(`${key}: ${place}`)
      continue
    }
    const wrong = [
      ...wrongUses(place, entry, context),
      ...wrongScope(key, place, entry, context),
      ...read(entry.references, 'references', place, context.types, templates =>
        references.set(key, templates),
      ),
      ...read(entry.invalidates, 'invalidates', place, context.types, templates =>
        invalidates.set(key, templates),
      ),
    ]
    problems.push(...wrong.map(problem => `${key}: ${problem}`))
  }
  if (problems.length > 0)
    throw new Error(`The cache's policies are not right:\n${problems.slice(0, 10).join('\n')}`)
  return { references, invalidates }
}

interface PolicyPlace {
  readonly type: string
  /** Undefined: the key is a type's. */
  readonly name: string | undefined
  readonly field: ComposedField | undefined
}

function placeOf(key: string, types: ComposedTypes): PolicyPlace | string {
  const [type = '', name, more] = key.split('.')
  const kind = types.kindOf(type)
  if (more !== undefined || (name === undefined && kind === undefined))
    return 'expected a field such as Query.campaign, or a type, of the supergraph, got neither'
  if (kind !== 'object' && kind !== 'interface')
    return kind === undefined
      ? `expected a field of the supergraph, which has no type ${type}`
      : `expected an object or interface type, got a type that is ${KINDS[kind]}`
  const field = name === undefined ? undefined : types.fieldsOf(type).get(name)
  if (name !== undefined && field === undefined)
    return `expected a field of the supergraph, whose ${type} has no field ${name}`
  return { type, name, field }
}

const KINDS = { union: 'a union', input: 'an input object', enum: 'an enum', scalar: 'a scalar' } as const

function wrongUses({ type, name }: PolicyPlace, entry: PolicyEntry, { types }: PolicyContext): string[] {
  const wrong: string[] = []
  if (type === 'Mutation')
    for (const member of ['freshMs', 'staleMs', 'scope', 'references'] as const)
      if (entry[member] !== undefined) wrong.push(`expected no ${member} on a mutation, which is never kept`)
  if (entry.invalidates !== undefined && (type !== 'Mutation' || name === undefined))
    wrong.push('expected invalidates on a field of Mutation only')
  const mayRefer = name === undefined ? types.isEntity(type) : type === 'Query' || type === 'Mutation'
  if (entry.references !== undefined && !mayRefer)
    wrong.push(
      name === undefined
        ? 'expected references on a root field or an entity type only, got a type without a key'
        : 'expected references on a root field or an entity type only, got a field of another type',
    )
  return wrong
}

function wrongScope(
  key: string,
  { type, name }: PolicyPlace,
  { scope }: PolicyEntry,
  { types, authorization, scopeAt }: PolicyContext,
): string[] {
  if (scope !== 'PUBLIC' || type === 'Mutation') return []
  const fields = name === undefined ? [...types.fieldsOf(type).keys()] : [name]
  const isGuarded = (field: string): boolean => (authorization?.requirementsOf(type, field) ?? []).length > 0
  if (fields.length > 0 && fields.every(isGuarded))
    return ['expected no scope PUBLIC on what only some callers may see']
  return scopeAt(key) === 'PRIVATE' ? ['expected no scope PUBLIC where the schema says PRIVATE'] : []
}

function read(
  texts: readonly string[] | undefined,
  member: 'references' | 'invalidates',
  place: PolicyPlace,
  types: ComposedTypes,
  keep: (templates: readonly TagTemplate[]) => void,
): string[] {
  if (texts === undefined) return []
  const wrong: string[] = []
  const templates = texts.flatMap(text => {
    const template = parseTemplate(text)
    const problem =
      typeof template === 'string'
        ? template
        : (wrongForm(template, member) ?? wrongPath(template, place, types))
    if (problem !== undefined) wrong.push(`${member} ${JSON.stringify(text)}: ${problem}`)
    return typeof template === 'string' ? [] : [template]
  })
  keep(templates)
  return wrong
}

/** What is kept must be found by a tag that is short enough, whatever was asked for: `Prefix:*` at worst. */
function wrongForm({ prefix, placeholders }: TagTemplate, member: string): string | undefined {
  return member === 'references' && placeholders.length > 0 && prefix === undefined
    ? 'expected a prefix and a colon before the first placeholder, such as shop:{args.id}'
    : undefined
}

function wrongPath(
  { placeholders }: TagTemplate,
  { type, name, field }: PolicyPlace,
  types: ComposedTypes,
): string | undefined {
  for (const { source, path } of placeholders) {
    const problem =
      source === 'args' && field !== undefined
        ? wrongArgumentPath(types, field.inputs, path, `${type}.${name}`)
        : wrongResultPath(types, field?.type ?? type, source, path)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Through members of unions and interfaces too: what an object turns out to have. */
function wrongResultPath(
  types: ComposedTypes,
  type: string,
  source: string,
  path: readonly string[],
): string | undefined {
  const whole = `{${source}.${path.join('.')}}`
  let reached: readonly string[] = [type]
  for (const name of path) {
    const inner = new Set(
      reached
        .flatMap(one => [one, ...types.membersOf(one)])
        .flatMap(one => types.fieldsOf(one).get(name)?.type ?? []),
    )
    if (inner.size === 0)
      return `expected ${whole} to lead to a scalar, ${name} is not a field of ${reached.join(' or ')}`
    reached = [...inner]
  }
  const composite = reached.find(types.isComposite)
  return composite === undefined
    ? undefined
    : `expected ${whole} to lead to a scalar, got the type ${composite}`
}
