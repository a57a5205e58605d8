import type { GraphQLSchema } from 'graphql'
import { buildASTSchema, isAbstractType, isObjectType, parse } from 'graphql'
import type { Resolvers } from './world.ts'
import { type FieldModel, type Input, keyFieldsOf, type TypeModel, type WorldModel } from './world-model.ts'
import { monolithSdl } from './world-sdl.ts'

/** An object, known by its type and number; every field is a function of these, whichever schema asks. */
interface Thing {
  readonly __typename: string
  readonly kind: string
  readonly n: number
  /** Fields that `@provides` promises of this very object. */
  readonly provided?: readonly string[]
  /** What the gateway sent, of an entity. */
  readonly representation?: Args
}

type Args = Readonly<Record<string, unknown>>

/** What mutations write to and `seen` reads: the gateway's side has one, the monolith another. */
export interface State {
  log: string[]
}

const PER_TYPE = 3

/** Any number out of words. */
function draw(seed: number, ...words: readonly (string | number)[]): number {
  let hash = seed | 0
  for (const char of words.join('/')) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) ^ (hash >>> 13)
  return (hash ^ (hash >>> 7)) >>> 0
}

export function monolithOf(model: WorldModel, state: State): GraphQLSchema {
  const schema = buildASTSchema(parse(monolithSdl(model)))
  for (const type of Object.values(schema.getTypeMap())) {
    if (isAbstractType(type)) type.resolveType = value => (value as Thing).kind
    const known = isObjectType(type) ? model.types.get(type.name) : undefined
    if (!known || !isObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      const own = known.fields.get(field.name)
      field.resolve = (self, args) =>
        own
          ? evaluate(model, known, own, thingOf(self, known.name), args, state)
          : keyValue(field.name, self as Thing)
    }
  }
  return schema
}

/** The resolvers of subgraph `g`; they fail when they are asked what the plan should not ask them. */
export function resolversOf(model: WorldModel, g: number, state: State): Resolvers {
  const resolvers: Resolvers = {}
  for (const type of model.types.values()) {
    const own: Resolvers = {}
    const adds = type.kind === 'member' && model.media?.adder === g
    for (const field of type.fields.values())
      if (field.roles.has(g)) own[field.signature.name] = resolverOf(model, type, field, g, state)
    if (type.keys.has(g) || adds) {
      for (const name of keyFieldsOf(type)) {
        const inKeys = adds || type.keys.get(g)!.some(key => key.split(' ').includes(name))
        if (inKeys) own[name] = (self: Thing) => keyValue(name, self)
      }
      if (!type.stubs.has(g)) own.__resolveReference = (given: Args) => referenced(model, type, g, given)
    }
    if (adds) resolvers.Media ??= mediaResolvers(model, g, state)
    else if (Object.keys(own).length > 0) resolvers[type.name] = own
  }
  const resolveType = (self: Thing): string => self.kind
  for (const abstract of model.abstracts)
    if (abstract.graphs.includes(g)) resolvers[abstract.name] = { __resolveType: resolveType }
  if (model.media?.owner === g)
    resolvers.Media = {
      __resolveType: resolveType,
      __resolveReference: (given: Args) => mediaThing(given),
    }
  return resolvers
}

/** An interface object: its subgraph does not know the objects' types, but the data does. */
function mediaResolvers(model: WorldModel, g: number, state: State): Resolvers {
  const own: Resolvers = {
    id: (self: Thing) => keyValue('id', self),
    __resolveReference: (given: Args) => ({ ...mediaThing(given), representation: given }),
  }
  for (const field of model.media!.members[0]!.fields.values())
    if (field.roles.has(g))
      own[field.signature.name] = (self: Thing, args: Args) => {
        const type = model.types.get(self.kind)!
        return resolverOf(model, type, type.fields.get(field.signature.name)!, g, state)(self, args)
      }
  return own
}

function mediaThing(given: Args): Thing {
  const [kind, n] = String(given.id).split('-')
  return { __typename: kind!, kind: kind!, n: Number(n) }
}

function thingOf(self: unknown, name: string): Thing {
  return self !== null && typeof self === 'object' && 'kind' in self
    ? (self as Thing)
    : { __typename: name, kind: name, n: 0 }
}

function keyValue(name: string, { kind, n }: Thing): unknown {
  if (name === 'id') return `${kind}-${n}`
  if (name === 'zone') return n % 2
  return name === 'code' ? `${kind}c${n}` : { __typename: 'Pair', kind: 'Pair', n, a: kind, b: n }
}

function referenced(model: WorldModel, type: TypeModel, g: number, given: Args): Thing | null {
  const numbers: number[] = []
  for (const key of type.keys.get(g)!) {
    if (key === 'code' && given.code !== undefined) numbers.push(Number(String(given.code).split('c')[1]))
    else if (key === 'pair { a b }' && given.pair !== undefined) {
      const pair = given.pair as Args
      if (pair.a !== type.name) throw new Error(`Expected a whole key, got ${JSON.stringify(given)}`)
      numbers.push(pair.b as number)
    } else if (key.startsWith('id') && given.id !== undefined) {
      const n = Number(String(given.id).split('-')[1])
      if (key === 'id zone' && given.zone !== n % 2)
        throw new Error(`Expected a whole key, got ${JSON.stringify(given)}`)
      numbers.push(n)
    }
  }
  const [n] = numbers
  if (n === undefined || Number.isNaN(n) || numbers.some(other => other !== n))
    throw new Error(`Expected a key of ${type.name}, got ${JSON.stringify(given)}`)
  if (isGone(model, type, n) && type.goneIn === g) return null
  return { __typename: type.name, kind: type.name, n, representation: given }
}

function isGone(model: WorldModel, type: TypeModel, n: number): boolean {
  return type.goneIn !== undefined && draw(model.shape.seed, type.name, n, 'gone') % 3 === 0
}

function resolverOf(
  model: WorldModel,
  type: TypeModel,
  field: FieldModel,
  g: number,
  state: State,
): (self: Thing, args: Args) => unknown {
  const { name } = field.signature
  return (source, args) => {
    const self = thingOf(source, type.name)
    const role = field.roles.get(g)
    if (role === 'overridden')
      throw new Error(`Expected ${type.name}.${name} to be asked of another subgraph`)
    if (role === 'external' && !self.provided?.includes(name))
      throw new Error(`Expected no one to ask for ${type.name}.${name}, which is external here`)
    return evaluate(model, type, field, self, args, state, true)
  }
}

function evaluate(
  model: WorldModel,
  type: TypeModel,
  field: FieldModel,
  self: Thing,
  args: Args,
  state: State,
  federated = false,
): unknown {
  const { signature, steady } = field
  const { nulls, failures, seed } = model.shape
  const given = canonical(args)
  const at = (...words: (string | number)[]): number =>
    draw(seed, self.kind, self.n, signature.name, given, ...words)
  if (isGone(model, type, self.n) && field.owner === type.goneIn) return null
  if (field.writes !== undefined) {
    state.log.push(`${signature.name}${given}`)
    if (args.fail === true) throw new Error(`no ${signature.name}`)
  }
  if (failures && !steady && at('fails') % 11 === 0)
    throw new Error(`no ${self.kind}-${self.n}.${signature.name}`)
  const nullable = !signature.type.endsWith('!') || (failures && !steady && at('wrongly') % 4 === 0)
  if (nulls && nullable && at('null') % 6 === 0) return null
  if (field.requires) return required(model, type, field.requires, self, args, state, federated)
  if (signature.target === undefined) return scalar(field, at, given, state)
  const thing = (word: string): Thing => {
    const kind = field.candidates[at(word, 'kind') % field.candidates.length]!
    const n = at(word, 'n') % PER_TYPE
    return { __typename: kind, kind, n, ...(field.provides ? { provided: field.provides.names } : {}) }
  }
  const some = (word: string): Thing[] => Array.from({ length: at(word) % 4 }, (_, i) => thing(`${word}${i}`))
  switch (signature.form) {
    case 'list':
      return typeof args.first === 'number' && args.first >= 0 ? some('x').slice(0, args.first) : some('x')
    case 'holes':
      return [...some('x'), ...(nulls ? [null] : []), ...some('y')]
    case 'grid':
      return [some('x'), ...(nulls ? [null] : []), some('y')]
    default:
      return thing('x')
  }
}

function scalar(
  field: FieldModel,
  at: (...words: (string | number)[]) => number,
  given: string,
  state: State,
): unknown {
  const roll = at('value')
  switch (field.signature.type.replaceAll('!', '')) {
    case 'Int':
      return field.signature.name === 'seen' ? state.log.length : roll % 100
    case 'Float':
      return (roll % 40) / 8
    case 'Grade': {
      const own = [...field.roles.keys()]
      return ['A', 'B', own.length === 1 ? `G${own[0]}` : 'A'][roll % 3]
    }
    case '[Boolean]':
      return [roll % 2 === 0, roll % 3 === 0].slice(0, roll % 3)
    case '[[Int]]':
      return [[roll % 5, null], [], [roll % 7]].slice(0, roll % 4)
    case 'Json':
      return [{ x: [roll % 5, { y: null }] }, roll % 9, 'text', []][roll % 4]
    default:
      return `${field.signature.name} ${roll % 1000} ${given}`
  }
}

/** A field with `@requires`: in a subgraph of what it was sent, in the monolith of what it would be sent. */
function required(
  model: WorldModel,
  type: TypeModel,
  inputs: readonly Input[],
  self: Thing,
  args: Args,
  state: State,
  federated: boolean,
): unknown {
  const parts = inputs.map(input => {
    const { name } = input.field.signature
    const value = federated ? self.representation?.[name] : inputValue(model, type, input, self, state)
    return `${name}=${value === undefined ? 'MISSING' : canonical(value)}`
  })
  return `${parts.join(' ')} ${canonical(args)}`
}

function inputValue(model: WorldModel, type: TypeModel, input: Input, self: Thing, state: State): unknown {
  const value = evaluate(model, type, input.field, self, input.args, state)
  const { target } = input.field.signature
  if (target === undefined || value === null) return value
  const inner = model.types.get(target)!
  const read = (thing: Thing): Args =>
    Object.fromEntries(
      input.nested!.length > 0
        ? input.nested!.map(next => [next.field.signature.name, inputValue(model, inner, next, thing, state)])
        : keysIn(input.text).map(name => [name, keyOnly(keyValue(name, thing))]),
    )
  return Array.isArray(value) ? value.map(read) : read(value as Thing)
}

/** `" { pair { a b } }"` → `["pair"]`. */
function keysIn(text: string): string[] {
  return text.includes('pair') ? ['pair'] : text.replace(/[{}]/g, '').trim().split(' ')
}

function keyOnly(value: unknown): unknown {
  return value !== null && typeof value === 'object' ? { a: (value as Args).a, b: (value as Args).b } : value
}

/** JSON with sorted keys and without `__typename`. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, inner) =>
    key === '__typename'
      ? undefined
      : inner !== null && typeof inner === 'object' && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
  )
}
