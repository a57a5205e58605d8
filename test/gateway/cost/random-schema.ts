import type { Choices } from './choices.ts'

/**
 * A schema with costs and sizes on everything that may have them: lists in lists, interfaces and unions, input objects
 * that contain themselves, sizes from arguments, from within input objects and from lists' lengths, handed down along
 * paths. No object outweighs the interfaces and unions that it belongs to.
 */
export function randomSchema(choices: Choices): string {
  const definitions = [
    'directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR',
    'directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) repeatable on FIELD_DEFINITION',
    `scalar Plain scalar Heavy ${cost(choices, 1, 1)}`,
    `enum Choice ${cost(choices, 1, 3)} { A B }`,
    ...INPUTS.map((name, i) => inputSdl(choices, name, i)),
  ]
  const shared = choices.list(2, i => fieldSdl(choices, `s${i}`, [...OBJECTS, ...ABSTRACTS]))
  const own = new Map<string, FieldSdl[]>(
    OBJECTS.map(name => [
      name,
      Array.from({ length: 2 + choices.below(4) }, (_, i) =>
        fieldSdl(choices, `f${i}`, [...OBJECTS, ...ABSTRACTS]),
      ),
    ]),
  )
  // What is selected of a type is known by now, so that sizes can be handed down to it.
  const fieldsOf = (type: string): readonly FieldSdl[] => [
    ...(type === 'Some' || type === 'Alpha' || type === 'Beta' ? shared : []),
    ...(own.get(type) ?? []),
  ]
  const render = (field: FieldSdl, weighed: boolean): string =>
    `${field.name}${field.args}: ${field.type}${weighed ? cost(choices, 1, 4) : ''}${listSizes(choices, field, fieldsOf)}`
  // An interface's field and its members' have the same size, so that it does not matter through which they are asked.
  const commonly = shared.map(field => render(field, false))
  definitions.push(
    `interface Some { id: ID ${commonly.join(' ')} }`,
    'union Either = Alpha | Beta',
    ...OBJECTS.map(name => {
      const light = name === 'Gamma' ? cost(choices, 1, 2) : choices.chance(1, 4) ? ' @cost(weight: 0)' : ''
      const implemented = name === 'Gamma' ? '' : ' implements Some'
      const fields = [
        ...(name === 'Gamma' ? [] : commonly),
        ...own.get(name)!.map(field => render(field, true)),
      ]
      return `type ${name}${implemented}${light} { id: ID ${fields.join(' ')} }`
    }),
    ...['Query', 'Mutation'].map(name => {
      const fields = Array.from({ length: 3 }, (_, i) =>
        fieldSdl(choices, `r${i}`, [...OBJECTS, ...ABSTRACTS]),
      )
      return `type ${name} { ${fields.map(field => render(field, true)).join(' ')} }`
    }),
  )
  return definitions.join('\n')
}

const OBJECTS = ['Alpha', 'Beta', 'Gamma'] as const
const ABSTRACTS = ['Some', 'Either'] as const
const INPUTS = ['Page', 'Filter'] as const

interface FieldSdl {
  readonly name: string
  readonly args: string
  readonly type: string
  readonly typename: string
  readonly isList: boolean
  /** What a size can be read from. */
  readonly slicing: readonly string[]
}

function fieldSdl(choices: Choices, name: string, composites: readonly string[]): FieldSdl {
  const typename = choices.chance(2, 3)
    ? choices.oneOf(composites)
    : choices.oneOf(['ID', 'Plain', 'Heavy', 'Choice', 'Int'])
  const type = choices.oneOf(WRAPPERS)(typename)
  const args = choices.list(3, i => choices.oneOf(ARGUMENTS)(`a${i}`, cost(choices, 1, 4)))
  return {
    name,
    args: args.length === 0 ? '' : `(${args.map(({ sdl }) => sdl).join(' ')})`,
    type,
    typename,
    isList: type.includes('['),
    slicing: args.flatMap(({ slicing }) => slicing),
  }
}

const WRAPPERS: readonly ((type: string) => string)[] = [
  type => type,
  type => `${type}!`,
  type => `[${type}]`,
  type => `[${type}!]!`,
  type => `[[${type}]!]`,
]

const ARGUMENTS: readonly ((name: string, cost: string) => { sdl: string; slicing: string[] })[] = [
  (name, cost) => ({ sdl: `${name}: Int${cost}`, slicing: [name] }),
  (name, cost) => ({ sdl: `${name}: Int = 3${cost}`, slicing: [name] }),
  (name, cost) => ({ sdl: `${name}: Int!${cost}`, slicing: [name] }),
  (name, cost) => ({ sdl: `${name}: [ID!]${cost}`, slicing: [name] }),
  (name, cost) => ({ sdl: `${name}: [[Int]]${cost}`, slicing: [name] }),
  (name, cost) => ({ sdl: `${name}: Choice${cost}`, slicing: [] }),
  (name, cost) => ({ sdl: `${name}: Heavy${cost}`, slicing: [] }),
  (name, cost) => ({ sdl: `${name}: [Filter!]${cost}`, slicing: [name] }),
  (name, cost) => ({ sdl: `${name}: Page${cost}`, slicing: [`${name}.first`, `${name}.ids`] }),
  (name, cost) => ({ sdl: `${name}: Page! = {first: 4}${cost}`, slicing: [`${name}.first`, `${name}.last`] }),
  (name, cost) => ({
    sdl: `${name}: Filter${cost}`,
    slicing: [`${name}.page.first`, `${name}.page.last`, `${name}.or`],
  }),
]

function inputSdl(choices: Choices, name: string, i: number): string {
  const costs = (): string => cost(choices, 1, 3)
  const fields =
    i === 0
      ? `first: Int${costs()} last: Int = 2${costs()} ids: [ID]${costs()} heavy: Heavy${costs()}`
      : `page: Page${costs()} or: [Filter!]${costs()} not: Filter${costs()} sure: Choice! = A${costs()} pages: [Page] = [{}]`
  return `input ${name} { ${fields} }`
}

/** @param from of the points below 6. */
function cost(choices: Choices, times: number, of: number): string {
  return choices.chance(times, of) ? ` @cost(weight: ${choices.below(6)})` : ''
}

type FieldsOf = (type: string) => readonly FieldSdl[]

function listSizes(choices: Choices, field: FieldSdl, fieldsOf: FieldsOf): string {
  const directives = choices.list(choices.chance(1, 5) ? 2 : 1, () => {
    const assumed = choices.chance(1, 2) ? [`assumedSize: ${choices.below(6)}`] : []
    const slicing = choices.someOf(field.slicing, 1, 2)
    const sized = sizedFields(choices, field.typename, fieldsOf)
    const given = [
      ...assumed,
      ...(slicing.length === 0 ? [] : [`slicingArguments: ${JSON.stringify(slicing)}`]),
      ...(sized.length === 0 ? [] : [`sizedFields: ${JSON.stringify(sized)}`]),
      ...(choices.chance(1, 4) ? [] : ['requireOneSlicingArgument: false']),
    ]
    return given.length === 0 ? '' : ` @listSize(${given.join(', ')})`
  })
  return directives.join('')
}

function sizedFields(choices: Choices, typename: string, fieldsOf: FieldsOf): string[] {
  const listsOf = (type: string): string[] =>
    fieldsOf(type).flatMap(({ name, isList }) => (isList ? [name] : []))
  const paths = choices.someOf(listsOf(typename), 1, 3)
  for (const way of choices.someOf(fieldsOf(typename), 1, 3)) {
    const [list] = choices.someOf(listsOf(way.typename), 1, 2)
    if (list !== undefined) paths.push(`${way.name} { ${list} }`)
  }
  return paths
}
