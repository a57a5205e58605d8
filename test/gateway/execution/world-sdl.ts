import {
  type AbstractModel,
  type FieldModel,
  fieldsOfKey,
  KEY_FIELDS,
  keyFieldsOf,
  localMembers,
  type TypeModel,
  type WorldModel,
} from './world-model.ts'

/** The SDL of subgraph `g`; empty when it has nothing to say. */
export function subgraphSdl(model: WorldModel, g: number): string {
  const definitions: string[] = []
  for (const type of model.types.values()) {
    if (type.kind === 'entity' || type.kind === 'member') {
      if (type.keys.has(g)) definitions.push(entitySdl(model, type, g))
      continue
    }
    const fields = [...type.fields.values()].filter(field => field.roles.has(g))
    if (fields.length > 0)
      definitions.push(`type ${type.name} {${lines(fields.map(field => fieldSdl(field, g)))}}`)
  }
  const { media } = model
  if (media?.owner === g) {
    const fields = media.common.map(name => plainSdl(media.members[0]!.fields.get(name)!))
    definitions.push(`interface Media @key(fields: "id") {${lines(['id: ID!', ...fields])}}`)
  }
  if (media?.adder === g) {
    const fields = [...media.members[0]!.fields.values()].filter(field => field.roles.has(g))
    const shown = ['id: ID!', ...fields.map(field => fieldSdl(field, g))]
    definitions.push(`type Media @key(fields: "id") @interfaceObject {${lines(shown)}}`)
  }
  for (const abstract of model.abstracts) {
    if (!abstract.graphs.includes(g)) continue
    const members = localMembers(abstract, g).map(({ name }) => name)
    definitions.push(
      abstract.kind === 'union'
        ? `union ${abstract.name} = ${members.join(' | ')}`
        : `interface ${abstract.name} {${lines(['id: ID!', ...interfaceFields(abstract, g).map(plainSdl)])}}`,
    )
  }
  if (definitions.length === 0) return ''
  const sdl = definitions.join('\n')
  return sdl + leafTypes(sdl, [String(g)])
}

/** Everything that clients see, as one schema. */
export function monolithSdl(model: WorldModel): string {
  const used = model.graphs.map((_, g) => subgraphSdl(model, g))
  const definitions: string[] = []
  for (const type of model.types.values()) {
    const known = [...type.fields.values()].filter(field => field.roles.size > 0 && !field.inaccessible)
    if (type.kind === 'entity' || type.kind === 'member') {
      if (type.keys.size === 0) continue
      const keys = keyFieldsOf(type).map(name => `${name}: ${KEY_FIELDS[name]!.type}`)
      const parents = model.abstracts
        .filter(({ kind }) => kind === 'interface')
        .filter(abstract => implementers(abstract).includes(type))
        .map(({ name }) => name)
      if (type.kind === 'member') parents.push('Media')
      definitions.push(
        `type ${type.name}${parents.length > 0 ? ` implements ${parents.join(' & ')}` : ''} {${lines([...keys, ...known.map(plainSdl)])}}`,
      )
    } else if (known.length > 0) definitions.push(`type ${type.name} {${lines(known.map(plainSdl))}}`)
  }
  const { media } = model
  if (media) {
    const fields = [...media.common, ...media.added].map(name => media.members[0]!.fields.get(name)!)
    definitions.push(`interface Media {${lines(['id: ID!', ...fields.map(plainSdl)])}}`)
  }
  for (const abstract of model.abstracts) {
    const fields = new Set(abstract.graphs.flatMap(g => interfaceFields(abstract, g)))
    const byName = new Map([...fields].map(field => [field.signature.name, field]))
    definitions.push(
      abstract.kind === 'union'
        ? `union ${abstract.name} = ${implementers(abstract)
            .map(({ name }) => name)
            .join(' | ')}`
        : `interface ${abstract.name} {${lines(['id: ID!', ...[...byName.values()].map(plainSdl)])}}`,
    )
  }
  const defining = (what: RegExp): string[] => used.flatMap((sdl, g) => (what.test(sdl) ? [String(g)] : []))
  const sdl = definitions.join('\n')
  const choices = defining(/enum Choice/)
  return [
    sdl,
    gradeSdl(defining(/enum Grade/)),
    inputSdl(choices.length === 1 ? choices : [], choices.length),
    /: Json/.test(sdl) ? '\nscalar Json' : '',
    /: Pair!/.test(sdl) ? '\ntype Pair { a: String!  b: Int! }' : '',
  ].join('')
}

function implementers(abstract: AbstractModel): TypeModel[] {
  return [...new Set(abstract.graphs.flatMap(g => localMembers(abstract, g)))]
}

/** What an interface has beside `id` in subgraph `g`: chosen among what its members have in common everywhere. */
function interfaceFields(abstract: AbstractModel, g: number): FieldModel[] {
  if (abstract.kind === 'union') return []
  const all = implementers(abstract)
  const [first, ...others] = all
  const common = [...first!.fields.values()].filter(field =>
    others.every(type => {
      const same = type.fields.get(field.signature.name)
      return same !== undefined && !same.inaccessible
    }),
  )
  return common
    .filter((_, i) => abstract.fields & (1 << i))
    .filter(field => !field.inaccessible)
    .filter(field =>
      localMembers(abstract, g).every(type => type.fields.get(field.signature.name)!.roles.has(g)),
    )
}

function entitySdl(model: WorldModel, type: TypeModel, g: number): string {
  const keys = type.keys.get(g)!
  const resolvable = type.stubs.has(g) ? ', resolvable: false' : ''
  const names = [...new Set(keys.flatMap(fieldsOfKey))]
  const fields = [
    ...names.map(name => `${name}: ${KEY_FIELDS[name]!.type}`),
    ...[...type.fields.values()].filter(field => field.roles.has(g)).map(field => fieldSdl(field, g)),
  ]
  const parents = model.abstracts
    .filter(
      abstract =>
        abstract.kind === 'interface' &&
        abstract.graphs.includes(g) &&
        localMembers(abstract, g).includes(type),
    )
    .map(({ name }) => name)
  if (type.kind === 'member' && model.media?.owner === g) parents.push('Media')
  const implemented = parents.length > 0 ? ` implements ${parents.join(' & ')}` : ''
  const applied = keys.map(key => ` @key(fields: "${key}"${resolvable})`).join('')
  return `type ${type.name}${implemented}${applied} {${lines(fields)}}`
}

function fieldSdl(field: FieldModel, g: number): string {
  const role = field.roles.get(g)
  const directives: string[] = []
  if (role === 'external') directives.push('@external')
  if (field.shareable && role === 'resolves') directives.push('@shareable')
  if (field.inaccessible && role === 'resolves') directives.push('@inaccessible')
  if (field.override && field.override.from !== g && role !== 'external') {
    const label = field.override.label === '' ? '' : `, label: "${field.override.label}"`
    directives.push(`@override(from: "${'abcd'[field.override.from]}"${label})`)
  }
  if (field.requires && role === 'resolves') {
    const set = field.requires.map(input => `${input.field.signature.name}${input.text}`).join(' ')
    directives.push(`@requires(fields: ${JSON.stringify(set)})`)
  }
  if (field.provides && role === 'resolves') directives.push(`@provides(fields: "${field.provides.text}")`)
  return [plainSdl(field), ...directives].join(' ')
}

function plainSdl({ signature }: FieldModel): string {
  return `${signature.name}${signature.args}: ${signature.type}`
}

function leafTypes(sdl: string, graphs: readonly string[]): string {
  return [
    /: Grade/.test(sdl) ? gradeSdl(graphs) : '',
    /: In[,)]/.test(sdl) ? inputSdl(graphs, 1) : '',
    /: Json/.test(sdl) ? '\nscalar Json' : '',
    /: Pair!/.test(sdl) ? '\ntype Pair { a: String! @shareable  b: Int! @shareable }' : '',
  ].join('')
}

/** Only given out: every subgraph's values count. */
function gradeSdl(graphs: readonly string[]): string {
  return graphs.length === 0 ? '' : `\nenum Grade { A  B  ${graphs.map(g => `G${g}`).join('  ')} }`
}

/** Only taken in: what every subgraph has counts. */
function inputSdl(extra: readonly string[], count: number): string {
  if (count === 0) return ''
  const choices = ['X', 'Y', ...extra.map(g => `Z${g}`)].join('  ')
  const fields = ['a: Int', 'b: [Choice!]', 'c: In', ...extra.map(g => `x${g}: Int`)].join('  ')
  return `\nenum Choice { ${choices} }\ninput In { ${fields} }`
}

function lines(members: readonly string[]): string {
  return `${members.map(member => `\n  ${member}`).join('')}\n`
}
