import fc from 'fast-check'
import {
  buildASTSchema,
  execute,
  type FieldNode,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { expect, test } from 'vitest'
import { createCachePolicies } from '../../../../gateway/cache/policy/policy.ts'
import { fragmentsOf } from '../../../../gateway/cache/policy/selected.ts'
import { marksOf } from '../../../../gateway/cache/tags/invalidated-tags.ts'
import { Choices } from '../../cost/choices.ts'
import { randomFetch } from '../fetches/random-fetch.ts'
import { fetchOf } from './annotated-graph.ts'
import { type AnnotatedWorld, annotatedWorld, FIELDS, ROOTS } from './random-annotations.ts'

const SEED = 20261121
const seeds = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const MEMBERS: Readonly<Record<string, readonly string[]>> = { I: ['A', 'B'], U: ['A', 'C'] }

/** Every field that a selection may come to, one by one, without anything remembered. */
function everyField(text: string): { type: string; name: string }[] {
  const document = parse(text)
  const fragments = fragmentsOf(document)
  const found: { type: string; name: string }[] = []
  const look = (type: string, set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (selection.kind === 'InlineFragment')
        look(selection.typeCondition!.name.value, selection.selectionSet)
      else if (selection.kind === 'FragmentSpread') {
        const fragment = fragments.get(selection.name.value)!
        look(fragment.typeCondition.name.value, fragment.selectionSet)
      } else lookAt(type, selection)
    }
  }
  const lookAt = (type: string, { name: { value: name }, selectionSet }: FieldNode): void => {
    if (name === '__typename') return
    for (const owner of [type, ...(MEMBERS[type] ?? [])]) {
      found.push({ type: owner, name })
      if (selectionSet) look(leadsTo(owner, name), selectionSet)
    }
  }
  look('Query', (document.definitions[0] as OperationDefinitionNode).selectionSet)
  return found
}

const leadsTo = (type: string, name: string): string =>
  (type === 'Query' ? ROOTS : FIELDS)[name]!.replace(/[[\]!]/g, '')

/** What holds of one field, by the words of the documentation. */
function hintOf({ annotations, table }: AnnotatedWorld, { type, name }: { type: string; name: string }) {
  const to = leadsTo(type, name)
  const places = [`${type}.${name}`, 'ABCIU'.includes(to) ? to : type]
  const first = <Value>(read: (place: string) => (Value | undefined)[]): Value | undefined =>
    places.flatMap(read).find(value => value !== undefined)
  const freshMs =
    first(place => {
      const maxAge = annotations[place]?.maxAge
      return [table[place]?.freshMs, maxAge === undefined ? undefined : maxAge * 1000]
    }) ?? 0
  return {
    freshMs,
    staleMs: first(place => [table[place]?.staleMs]) ?? Math.min(10 * freshMs, 60_000),
    scope:
      first(place => [table[place]?.scope, annotations[place] && (annotations[place].scope ?? 'PRIVATE')]) ??
      'PRIVATE',
  }
}

test('a fetch is as fresh, stale and public as the strictest of its fields', () => {
  let kept = 0
  fc.assert(
    fc.property(seeds, seed => {
      const choices = new Choices(seed)
      const world = annotatedWorld(choices)
      const policies = createCachePolicies({ sdl: world.sdl, authorization: undefined }, world.table)
      for (let i = 0; i < 5; i++) {
        const { text } = randomFetch(choices)
        const hints = everyField(text).map(field => hintOf(world, field))
        const policy = policies.ofRoot(fetchOf(text))
        const freshMs = Math.min(...hints.map(hint => hint.freshMs))
        if (hints.length === 0 || freshMs === 0) {
          expect(policy).toBeUndefined()
          continue
        }
        kept++
        expect(policy).toMatchObject({
          freshMs,
          staleMs: Math.min(...hints.map(hint => hint.staleMs)),
          scope: hints.every(({ scope }) => scope === 'PUBLIC') ? 'PUBLIC' : 'PRIVATE',
        })
      }
    }),
    { numRuns: 100, seed: SEED },
  )
  expect(kept).toBeGreaterThan(50)
})

interface Thing {
  readonly __typename: string
  readonly id: string
  /** Names of the fields that led here from a root field, and the root field's key and `id`. */
  readonly trail: readonly string[]
  readonly root: { readonly id: unknown }
}

interface Seen {
  /** Entities of which anything was shown. */
  readonly shown: Set<string>
  /** Keys that were shown. */
  readonly keys: Set<string>
  /** What the templates of `Query.a` come to. */
  readonly references: Set<string>
}

/** An answer, made by graphql-js, and what it shows. */
function answered(schema: GraphQLSchema, text: string, variables: object, choices: Choices) {
  const seen: Seen = { shown: new Set(), keys: new Set(), references: new Set() }
  const resolve: GraphQLFieldResolver<Thing | undefined, unknown> = (source, args, _, info) => {
    const { fieldName: name } = info
    if (source !== undefined) {
      seen.shown.add(`${source.__typename}:${source.id}`)
      if (name === 'id') {
        seen.keys.add(`${source.__typename}:${source.id}`)
        const trail = source.trail.join('.')
        if (trail === 'a.toA') seen.references.add(`to:${source.id}`)
        if (trail === 'a.toU.bs') seen.references.add(`bs:${source.id}-${source.root.id}`)
        return source.id
      }
    } else if (name === 'a') {
      seen.references.add(`arg:${args.id}`)
      for (const id of args.in?.in?.ids ?? []) seen.references.add(`in:${id}`)
    }
    const to = leadsTo(info.parentType.name, name)
    if (!'ABCIU'.includes(to)) return choices.below(9)
    const thing = (): Thing => ({
      __typename: choices.oneOf(MEMBERS[to] ?? [to]),
      id: `i${choices.below(40)}`,
      trail: [...(source?.trail ?? []), name],
      root: source?.root ?? { id: args.id },
    })
    if (!info.returnType.toString().includes('['))
      return choices.chance(1, 5) && name !== 'a' ? null : thing()
    return choices.list(3, thing)
  }
  const result = execute({
    schema,
    document: parse(text),
    variableValues: variables as Record<string, unknown>,
    fieldResolver: resolve as GraphQLFieldResolver<unknown, unknown>,
    typeResolver: value => (value as Thing).__typename,
  })
  const { data, errors } = result as { data: unknown; errors?: readonly Error[] }
  expect(errors).toBeUndefined()
  return { data: JSON.parse(JSON.stringify(data)) as unknown, seen }
}

test('whatever an answer shows voids it when it is invalidated, and its keys are named', () => {
  let keys = 0
  let references = 0
  fc.assert(
    fc.property(seeds, seed => {
      const choices = new Choices(seed)
      const { sdl, table } = annotatedWorld(choices)
      const everything = { ...table }
      for (const place of Object.keys(table))
        if (place !== 'Query.a') delete (everything as Record<string, unknown>)[place]
      for (const type of ['Query', 'A', 'B', 'C', 'I']) everything[type] = { freshMs: 5 }
      for (const name of Object.keys(ROOTS))
        everything[`Query.${name}`] = { ...everything[`Query.${name}`], freshMs: 5 }
      for (const type of ['A', 'B', 'C', 'I'])
        for (const name of Object.keys(FIELDS))
          if (type !== 'I' || !['y', 'toI', 'toU'].includes(name))
            everything[`${type}.${name}`] = { freshMs: 5 }
      const policies = createCachePolicies({ sdl, authorization: undefined }, everything)
      const schema = buildASTSchema(parse(sdl), { assumeValidSDL: true })
      for (let i = 0; i < 5; i++) {
        const { text, variables } = randomFetch(choices)
        const policy = policies.ofRoot(fetchOf(text))
        if (policy === undefined) continue
        const { data, seen } = answered(schema, text, variables, choices)
        const tags = new Set(policy.tagsOf(data, variables))
        const isVoidedBy = (tag: string): boolean => [...marksOf([tag])].some(mark => tags.has(mark))
        for (const shown of seen.shown) {
          expect([shown, isVoidedBy(shown), isVoidedBy(shown.slice(0, 1))]).toEqual([shown, true, true])
        }
        for (const key of seen.keys)
          expect([key, tags.has(key) || tags.has(`${key.slice(0, 1)}:*`)]).toEqual([key, true])
        for (const reference of seen.references) {
          const prefix = reference.slice(0, reference.indexOf(':'))
          expect([reference, tags.has(reference) || tags.has(`${prefix}:*`), tags.has(prefix)]).toEqual([
            reference,
            true,
            true,
          ])
        }
        // Nothing is named that the answer does not show.
        for (const tag of tags) {
          const [, prefix, key] = /^(\w+):(.+)$/.exec(tag) ?? []
          if (key === undefined || key === '*') continue
          if (/^[A-Z]$/.test(prefix!)) expect([...seen.keys].map(shown => shown.slice(2))).toContain(key)
          else expect(seen.references).toContain(tag)
        }
        expect([...tags].filter(tag => tag.includes(':') && !tag.endsWith('*')).length).toBeLessThanOrEqual(
          64,
        )
        keys += seen.keys.size
        references += seen.references.size
      }
    }),
    { numRuns: 100, seed: SEED },
  )
  expect(keys).toBeGreaterThan(500)
  expect(references).toBeGreaterThan(150)
})
