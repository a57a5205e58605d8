import type {
  AbstractShape,
  FieldShape,
  MediaShape,
  RootShape,
  TypeShape,
  WorldShape,
} from './random-world.ts'

/** What a subgraph does about a field that its SDL has. */
export type Role = 'resolves' | 'external' | 'overridden'
export type Form = 'one' | 'must' | 'list' | 'holes' | 'grid'

/** The same name has the same signature on every type, so that selections of one name merge. */
export interface Signature {
  readonly name: string
  readonly args: string
  readonly type: string
  /** Of a field whose value is made of objects. */
  readonly target?: string
  readonly form?: Form
}

export interface Input {
  readonly field: FieldModel
  readonly args: Readonly<Record<string, unknown>>
  /** As `@requires` has it, without the name. */
  readonly text: string
  /** Inputs of the object's own fields. */
  readonly nested?: readonly Input[]
}

export interface FieldModel {
  readonly signature: Signature
  readonly roles: Map<number, Role>
  /** The subgraph whose value counts. */
  owner: number
  override?: { readonly from: number; readonly label: string }
  requires?: readonly Input[]
  provides?: { readonly text: string; readonly names: readonly string[] }
  inaccessible: boolean
  /** Others provide it too. */
  shareable: boolean
  /** Never fails: a subgraph's failure over a field that was only required takes the whole entity with it. */
  steady: boolean
  /** Object types that its values have. */
  candidates: readonly string[]
  /** Position among the mutations: it writes to the log. */
  readonly writes?: number
}

export interface TypeModel {
  readonly name: string
  readonly kind: 'entity' | 'member' | 'value' | 'root'
  readonly fields: Map<string, FieldModel>
  /** Entities: subgraph → its keys; the stubs' are not resolvable. */
  readonly keys: Map<number, readonly KeyName[]>
  readonly homes: readonly number[]
  readonly stubs: Set<number>
  goneIn: number | undefined
}

export interface AbstractModel {
  readonly name: string
  readonly kind: 'interface' | 'union'
  readonly graphs: readonly number[]
  readonly members: readonly TypeModel[]
  readonly fields: number
}

export interface MediaModel {
  readonly owner: number
  readonly adder: number
  readonly members: readonly TypeModel[]
  /** In the owner, on every member. */
  readonly common: readonly string[]
  /** By the adder, to every member. */
  readonly added: readonly string[]
}

export interface WorldModel {
  readonly shape: WorldShape
  readonly graphs: readonly string[]
  readonly types: Map<string, TypeModel>
  readonly abstracts: readonly AbstractModel[]
  readonly media: MediaModel | undefined
}

export type KeyName = 'id' | 'id zone' | 'code' | 'pair { a b }'

export const KEY_FIELDS: Readonly<Record<string, Signature>> = {
  id: { name: 'id', args: '', type: 'ID!' },
  zone: { name: 'zone', args: '', type: 'Int!' },
  code: { name: 'code', args: '', type: 'String!' },
  pair: { name: 'pair', args: '', type: 'Pair!', target: 'Pair', form: 'must' },
}

const SCALARS: readonly Signature[] = [
  { name: 'name', args: '', type: 'String' },
  { name: 'note', args: '', type: 'String!' },
  { name: 'price', args: '(currency: String)', type: 'Int' },
  { name: 'score', args: '', type: 'Float' },
  { name: 'grade', args: '', type: 'Grade' },
  { name: 'flags', args: '', type: '[Boolean!]' },
  { name: 'matrix', args: '', type: '[[Int]!]' },
  { name: 'pick', args: '(in: In, choices: [Choice!], n: Int = 3)', type: 'String' },
  { name: 'seen', args: '', type: 'Int!' },
  { name: 'blob', args: '', type: 'Json' },
]
const FORMS: readonly Form[] = ['one', 'list', 'must', 'holes', 'grid']

/** A type's key fields, as all subgraphs together know them. */
export function keyFieldsOf(type: TypeModel): string[] {
  const names = new Set([...type.keys.values()].flat().flatMap(key => fieldsOfKey(key)))
  return [...names]
}

export function fieldsOfKey(key: KeyName): string[] {
  return key
    .replace(/\{.*\}/, '')
    .trim()
    .split(' ')
}

function objectSignature(form: Form, target: string): Signature {
  const type = {
    one: target,
    must: `${target}!`,
    list: `[${target}!]!`,
    holes: `[${target}]`,
    grid: `[[${target}!]]`,
  }[form]
  return { name: `${form}${target}`, args: form === 'list' ? '(first: Int)' : '', type, target, form }
}

/** Reads a description; total. */
export function modelOf(shape: WorldShape): WorldModel {
  const graphs = ['a', 'b', 'c', 'd'].slice(0, shape.graphs)
  const types = new Map<string, TypeModel>()
  const entities = shape.types.map((type, i) => entityOf(`T${i}`, type))
  const media = shape.media ? mediaOf(shape.media) : undefined
  const abstracts = [
    ...shape.interfaces.map((abstract, i) => abstractOf('interface', `I${i}`, abstract)),
    ...shape.unions.map((abstract, i) => abstractOf('union', `U${i}`, abstract)),
  ].filter(({ members, graphs: known }) => members.length > 0 && known.length > 0)
  const size = valueType('Size', [
    [{ name: 'w', args: '', type: 'Int' }, []],
    [{ name: 'unit', args: '(long: Boolean)', type: 'String' }, []],
    [{ name: 'h', args: '', type: 'Int!' }, []],
    [objectSignature('one', 'T0'), []],
  ])
  for (const field of size.fields.values()) field.shareable = true

  for (const [i, type] of shape.types.entries()) addFields(entities[i]!, type)
  if (shape.media && media) addMediaFields(media, shape.media)
  const query = rootOf('Query')
  const mutation = rootOf('Mutation')
  for (const [i, root] of shape.roots.entries()) addRoot(query, root, `q${i}`)
  for (const [i, root] of shape.mutations.entries()) addRoot(mutation, root, `m${i}`, i)
  shape.types.forEach((type, i) => {
    for (let k = 0; k < type.calculated.length; k++) addCalculated(entities[i]!, type, k)
  })
  return { shape, graphs, types, abstracts, media }

  function chosen(bits: number): number[] {
    return graphs.map((_, g) => g).filter(g => bits & (1 << g))
  }

  function entityOf(name: string, given: TypeShape): TypeModel {
    const known = chosen(given.homes)
    const homes = known.length > 0 ? known : [0]
    const styles: readonly (readonly KeyName[])[] = [['id'], ['id zone'], ['pair { a b }']]
    const chain: readonly KeyName[] = ['id', 'code', 'pair { a b }']
    const style = styles[given.keys]
    const keys = homes.map((g, i): [number, readonly KeyName[]] => [
      g,
      style ?? chain.slice(Math.max(0, i - 1), i + 1),
    ])
    const type: TypeModel = {
      name,
      kind: 'entity',
      fields: new Map(),
      keys: new Map(keys),
      homes,
      stubs: new Set(),
      goneIn: given.gone && style && homes.length > 1 ? homes.at(-1) : undefined,
    }
    types.set(name, type)
    return type
  }

  function abstractOf(kind: 'interface' | 'union', name: string, given: AbstractShape): AbstractModel {
    const members = entities.filter(
      (type, i) => given.members & (1 << i) && (kind === 'union' || keyFieldsOf(type).includes('id')),
    )
    const known = chosen(given.graphs).filter(g =>
      members.some(type => (kind === 'union' ? type.homes.includes(g) : hasId(type, g))),
    )
    return { name, kind, graphs: known, members, fields: given.fields }
  }

  function valueType(name: string, fields: [Signature, number[]][]): TypeModel {
    const type: TypeModel = {
      name,
      kind: 'value',
      fields: new Map(
        fields.map(([signature, resolvers]) => [signature.name, fieldOf(signature, resolvers)]),
      ),
      keys: new Map(),
      homes: [],
      stubs: new Set(),
      goneIn: undefined,
    }
    types.set(name, type)
    return type
  }

  function rootOf(name: string): TypeModel {
    const type: TypeModel = {
      name,
      kind: 'root',
      fields: new Map(),
      keys: new Map(),
      homes: [],
      stubs: new Set(),
      goneIn: undefined,
    }
    types.set(name, type)
    return type
  }

  function fieldOf(signature: Signature, resolvers: readonly number[], writes?: number): FieldModel {
    return {
      signature,
      roles: new Map(resolvers.map(g => [g, 'resolves'])),
      owner: resolvers[0] ?? 0,
      inaccessible: false,
      shareable: resolvers.length > 1,
      steady: false,
      candidates: [],
      ...(writes === undefined ? {} : { writes }),
    }
  }

  /** Lets subgraph `g` return objects of a target; the object types that these have. */
  function reached(target: string, g: number): readonly string[] {
    if (target === 'Media') return media!.members.map(({ name }) => name)
    const abstract = abstracts.find(({ name }) => name === target)
    if (abstract) return localMembers(abstract, g).map(({ name }) => name)
    const type = types.get(target)!
    if (target === 'Size') {
      for (const field of size.fields.values()) field.roles.set(g, 'resolves')
      size.fields.get('oneT0')!.candidates = reached('T0', g)
    } else if (!type.homes.includes(g) && !type.stubs.has(g)) {
      type.stubs.add(g)
      type.keys.set(g, [type.keys.get(type.homes[0]!)![0]!])
    }
    return [target]
  }

  function targetsIn(g: number): string[] {
    return [
      ...entities.map(({ name }) => name),
      ...abstracts.filter(abstract => abstract.graphs.includes(g)).map(({ name }) => name),
      'Size',
      ...(media && (g === media.owner || g === media.adder) ? ['Media'] : []),
      ...(media && g !== media.adder ? media.members.map(({ name }) => name) : []),
    ]
  }

  function signatureOf(given: FieldShape, g: number): Signature {
    if (given.what < SCALARS.length) return SCALARS[given.what]!
    const targets = targetsIn(g)
    return objectSignature(FORMS[given.form]!, targets[(given.what - SCALARS.length) % targets.length]!)
  }

  function addFields(type: TypeModel, given: TypeShape): void {
    const { homes, goneIn } = type
    for (const field of given.fields) {
      const owner = homes[field.owner % homes.length]!
      const others = homes.filter(g => g !== owner && g !== goneIn)
      const other = others[field.other % others.length]
      const signature = signatureOf(field, owner)
      if (type.fields.has(signature.name)) continue
      const movable =
        other !== undefined &&
        owner !== goneIn &&
        (signature.target === undefined || /^(T|Size)/.test(signature.target))
      const sharing = movable ? field.sharing : 0
      const model = fieldOf(signature, [owner, ...(sharing === 2 ? [other!] : sharing === 5 ? others : [])])
      for (const g of model.roles.keys())
        if (signature.target) model.candidates = reached(signature.target, g)
      if (sharing === 3) {
        model.override = { from: other!, label: '' }
        model.roles.set(other!, 'overridden')
      } else if (sharing === 4) {
        const moved = shape.percentage < 50
        model.override = { from: other!, label: 'percent(50)' }
        model.roles.set(other!, moved ? 'overridden' : 'resolves')
        model.roles.set(owner, moved ? 'resolves' : 'overridden')
        model.shareable = false
      }
      if (sharing >= 3 && sharing < 5 && signature.target) reached(signature.target, other!)
      if (sharing === 0 && field.inaccessible && signature.target === undefined) model.inaccessible = true
      if (sharing === 0) addProvides(model, owner, field.provides)
      type.fields.set(signature.name, model)
    }
    const boxOwner = homes.find(g => g !== goneIn)!
    if (given.box) {
      valueType(`${type.name}Part`, [[{ name: 'k', args: '', type: 'Int' }, [boxOwner]]])
      const parts = objectSignature('list', `${type.name}Part`)
      const box = valueType(`${type.name}Box`, [
        [{ name: 'w', args: '', type: 'Int' }, [boxOwner]],
        [{ name: 'unit', args: '(long: Boolean)', type: 'String' }, [boxOwner]],
        [{ ...parts, args: '' }, [boxOwner]],
      ])
      box.fields.get(parts.name)!.candidates = [`${type.name}Part`]
      for (const value of [box, types.get(`${type.name}Part`)!])
        for (const field of value.fields.values()) field.steady = true
      const field = fieldOf(objectSignature('one', `${type.name}Box`), [boxOwner])
      field.candidates = [`${type.name}Box`]
      type.fields.set(field.signature.name, field)
    }
    const [first, second] = homes.filter(g => g !== goneIn)
    if (given.split && second !== undefined) {
      valueType(`${type.name}Split`, [
        [{ name: 'w', args: '', type: 'Int' }, [first!]],
        [{ name: 'name', args: '', type: 'String' }, [first!, second]],
        [{ name: 'h', args: '', type: 'Int!' }, [second]],
      ])
      const field = fieldOf(objectSignature('one', `${type.name}Split`), [first!, second])
      field.candidates = [`${type.name}Split`]
      type.fields.set(field.signature.name, field)
    }
  }

  /** `@provides` of a field of the target that the subgraph cannot resolve otherwise. */
  function addProvides(model: FieldModel, g: number, choice: number): void {
    const { target } = model.signature
    if (choice === 0 || target === undefined) return
    const abstract = abstracts.find(({ name }) => name === target)
    const type = types.get(abstract ? (model.candidates[choice % model.candidates.length] ?? '') : target)
    if (type?.kind !== 'entity') return
    const possible = [...type.fields.values()].filter(
      field =>
        field.signature.target === undefined &&
        field.signature.args === '' &&
        field.signature.name !== 'seen' &&
        field.override === undefined &&
        field.owner !== type.goneIn &&
        (field.roles.get(g) ?? 'external') === 'external',
    )
    const provided = possible[choice % possible.length]
    if (!provided) return
    provided.roles.set(g, 'external')
    provided.shareable = true
    provided.steady = true
    const { name } = provided.signature
    model.provides = { names: [name], text: abstract ? `... on ${type.name} { ${name} }` : name }
  }

  function addRoot(root: TypeModel, given: RootShape, name: string, writes?: number): void {
    const g = given.graph % graphs.length
    const targets = targetsIn(g)
    const target = targets[given.target % targets.length]!
    const { args: _, ...signature } = objectSignature(FORMS[given.form]!, target)
    const shared = given.shared && writes === undefined && /^T/.test(target)
    const resolvers = shared ? [g, (g + 1) % graphs.length] : [g]
    const args =
      writes !== undefined ? '(by: Int = 1, fail: Boolean)' : given.form === 1 ? '(first: Int)' : ''
    const model = fieldOf({ ...signature, name, args }, resolvers, writes)
    for (const resolver of resolvers) model.candidates = reached(target, resolver)
    if (!shared) addProvides(model, g, given.provides)
    root.fields.set(name, model)
  }

  function addCalculated(type: TypeModel, given: TypeShape, k: number): void {
    const { home, inputs, args } = given.calculated[k]!
    const g = type.homes[home % type.homes.length]!
    const possible = [...type.fields.values()].filter(field => isPossibleInput(type, field, g))
    const chosenInputs = [...new Set(inputs.map(i => possible[i % possible.length]))].flatMap(field =>
      field ? [inputOf(type, field, g)] : [],
    )
    if (chosenInputs.length === 0) return
    const name = `calc${k}`
    const model = fieldOf({ name, args: args === 1 ? '' : '(n: Int)', type: 'String' }, [g])
    // One name, one signature.
    if (args === 1) (model.signature as { name: string }).name = `plain${k}`
    model.requires = chosenInputs
    type.fields.set(model.signature.name, model)
  }

  function isPossibleInput(type: TypeModel, field: FieldModel, g: number): boolean {
    const { target, form } = field.signature
    if ((field.roles.get(g) ?? 'external') !== 'external' || field.owner === type.goneIn) return false
    // Composition does not find the subgraph of a labelled override when a field requires it.
    if (field.override && field.override.label !== '') return false
    if (target === undefined) return true
    return form === 'one' && (target === `${type.name}Box` || /^T\d+$/.test(target))
  }

  function inputOf(type: TypeModel, field: FieldModel, g: number): Input {
    const { name, target } = field.signature
    field.roles.set(g, 'external')
    field.steady = true
    if (name === 'price') return { field, args: { currency: 'CNY' }, text: '(currency: "CNY")' }
    if (name === 'pick') return { field, args: { n: 3 }, text: '' }
    if (target === `${type.name}Box`) return boxInput(type, field, g)
    if (target === undefined) return { field, args: {}, text: '' }
    reached(target, g)
    return { field, args: {}, text: ` { ${types.get(target)!.keys.get(g)![0]!} }`, nested: [] }
  }

  function boxInput(type: TypeModel, field: FieldModel, g: number): Input {
    const box = types.get(`${type.name}Box`)!
    const part = types.get(`${type.name}Part`)!
    for (const value of [box, part]) for (const inner of value.fields.values()) inner.roles.set(g, 'external')
    const nested = [...box.fields.values()].map((inner): Input => {
      if (inner.signature.name === 'unit') return { field: inner, args: { long: true }, text: '(long: true)' }
      if (inner.signature.name === 'w') return { field: inner, args: {}, text: '' }
      const k = { field: part.fields.get('k')!, args: {}, text: '' }
      return { field: inner, args: {}, text: ' { k }', nested: [k] }
    })
    const text = nested.map(input => `${input.field.signature.name}${input.text}`).join(' ')
    return { field, args: {}, text: ` { ${text} }`, nested }
  }

  function mediaOf(given: MediaShape): MediaModel {
    const owner = given.owner % graphs.length
    const adder = (owner + 1 + (given.adder % (graphs.length - 1))) % graphs.length
    const third = graphs.findIndex((_, g) => g !== owner && g !== adder)
    const members = [0, ...(given.members & 1 ? [1] : [])].map((i): TypeModel => {
      const homes = [owner, ...(third >= 0 && given.members & (2 << i) ? [third] : [])]
      const type: TypeModel = {
        name: `M${i}`,
        kind: 'member',
        fields: new Map(),
        keys: new Map(homes.map(g => [g, ['id']])),
        homes,
        stubs: new Set(),
        goneIn: undefined,
      }
      types.set(type.name, type)
      return type
    })
    return { owner, adder, members, common: [], added: [] }
  }

  function addMediaFields(model: MediaModel, given: MediaShape): void {
    const common = model.common as string[]
    const added = model.added as string[]
    const add = (signature: Signature, g: number): FieldModel[] => {
      const candidates = signature.target === undefined ? [] : reached(signature.target, g)
      return model.members.map(type => {
        const field = fieldOf(signature, [g])
        field.candidates = candidates
        type.fields.set(signature.name, field)
        return field
      })
    }
    for (const field of given.fields) {
      const signature = signatureOf(field, model.owner)
      if (common.includes(signature.name)) continue
      common.push(signature.name)
      add(signature, model.owner)
    }
    for (const field of given.added) {
      const signature = signatureOf(field, model.adder)
      if (common.includes(signature.name) || added.includes(signature.name)) continue
      added.push(signature.name)
      add(signature, model.adder)
    }
    const required = common.find(name => model.members[0]!.fields.get(name)!.signature.target === undefined)
    if (given.calculated && required !== undefined) {
      added.push('calc0')
      add({ name: 'calc0', args: '(n: Int)', type: 'String' }, model.adder).forEach((field, i) => {
        field.requires = [inputOf(model.members[i]!, model.members[i]!.fields.get(required)!, model.adder)]
      })
    }
    for (const type of model.members)
      if (type.homes.length > 1 && !type.fields.has('score'))
        type.fields.set('score', fieldOf(SCALARS[3]!, [type.homes[1]!]))
  }
}

function hasId(type: TypeModel, g: number): boolean {
  return (type.keys.get(g) ?? []).some(key => fieldsOfKey(key).includes('id'))
}

/** The members that a subgraph's own definition of an interface or a union has. */
export function localMembers({ kind, members }: AbstractModel, g: number): TypeModel[] {
  return members.filter(type =>
    kind === 'union' ? type.homes.includes(g) : hasId(type, g) && type.homes.includes(g),
  )
}
