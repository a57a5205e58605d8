import type { HintOverride, Scope } from '../../../../gateway/supergraph/cache-hints.ts'
import type { Choices } from '../../cost/choices.ts'

export interface Annotation {
  readonly maxAge: number | undefined
  readonly scope: Scope | undefined
}

/** A supergraph of one subgraph with `@cacheControl` at random places, an operator's table, and both as plain data. */
export interface AnnotatedWorld {
  readonly sdl: string
  /** By field and by type. */
  readonly annotations: Readonly<Record<string, Annotation>>
  readonly table: Readonly<Record<string, HintOverride & { readonly references?: readonly string[] }>>
}

const OBJECTS = ['A', 'B', 'C'] as const
/** Fields and the types that they lead to; every object has them all. */
export const FIELDS: Readonly<Record<string, string>> = {
  id: 'ID!',
  x: 'Int',
  y: 'Int',
  toA: 'A',
  toI: 'I',
  toU: 'U',
  bs: '[B!]',
}
/** `A` and `B` implement it. */
export const INTERFACE_FIELDS = ['id', 'x', 'toA', 'bs'] as const
export const ROOTS: Readonly<Record<string, string>> = { a: 'A', i: 'I', us: '[U!]!', n: 'Int' }

export function annotatedWorld(choices: Choices): AnnotatedWorld {
  const annotations: Record<string, Annotation> = {}
  const table: Record<string, HintOverride & { references?: readonly string[] }> = {}
  /** Some worlds are annotated nearly everywhere: elsewhere little is kept. */
  const often = choices.below(3) === 0 ? 1 : 9

  function annotated(place: string): string {
    if (!choices.chance(often, 10)) return ''
    const maxAge = choices.chance(1, 8) ? undefined : choices.chance(1, 12) ? 0 : 1 + choices.below(90)
    const scope = choices.chance(1, 8) ? undefined : choices.chance(1, 6) ? 'PRIVATE' : 'PUBLIC'
    annotations[place] = { maxAge, scope }
    const given = [
      maxAge === undefined ? [] : `maxAge: ${maxAge}`,
      scope === undefined ? [] : `scope: ${scope}`,
    ].flat()
    return ` @cacheControl${given.length === 0 ? '' : `(${given.join(', ')})`}`
  }
  function decided(place: string): void {
    if (!choices.chance(1, 4)) return
    const mayOpen = annotations[place] === undefined || annotations[place].scope === 'PUBLIC'
    table[place] = {
      ...(choices.chance(1, 2) ? { freshMs: choices.chance(1, 12) ? 0 : choices.below(90_000) } : {}),
      ...(choices.chance(1, 2) ? { staleMs: choices.below(90_000) } : {}),
      ...(choices.chance(1, 2) ? { scope: mayOpen && choices.chance(2, 3) ? 'PUBLIC' : 'PRIVATE' } : {}),
    }
  }
  const fieldsOf = (type: string, names: readonly string[]): string =>
    names.map(name => `${name}: ${FIELDS[name]}${annotated(`${type}.${name}`)}`).join(' ')
  const roots = Object.entries(ROOTS).map(([name, type]) => {
    const args = name === 'a' ? '(id: ID = "d", in: In)' : ''
    return `${name}${args}: ${type}${annotated(`Query.${name}`)}`
  })
  const definitions = [
    'enum join__Graph { G @join__graph(name: "g", url: "http://g") }',
    `type Query${annotated('Query')} @join__type(graph: G) { ${roots.join(' ')} }`,
    'input In @join__type(graph: G) { id: ID  in: In  ids: [ID!] = ["e"] }',
    `interface I${annotated('I')} @join__type(graph: G, key: "id") { ${fieldsOf('I', INTERFACE_FIELDS)} }`,
    `union U${annotated('U')} @join__type(graph: G) = A | C`,
    ...OBJECTS.map(type => {
      const implemented = type === 'C' ? '' : ' implements I'
      return `type ${type}${implemented}${annotated(type)} @join__type(graph: G, key: "id") { ${fieldsOf(type, Object.keys(FIELDS))} }`
    }),
  ]
  for (const name of Object.keys(ROOTS)) decided(`Query.${name}`)
  for (const type of ['Query', 'I', ...OBJECTS]) decided(type)
  for (const type of OBJECTS) for (const name of Object.keys(FIELDS)) decided(`${type}.${name}`)
  table['Query.a'] = {
    ...table['Query.a'],
    references: [
      'arg:{args.id}',
      'in:{args.in.in.ids}',
      'to:{result.toA.id}',
      'bs:{result.toU.bs.id}-{args.id}',
    ],
  }
  return { sdl: definitions.join('\n'), annotations, table }
}
