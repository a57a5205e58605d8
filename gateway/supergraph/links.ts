import { type ConstValueNode, type DocumentNode, Kind } from 'graphql'

/** What the specs that a supergraph links (join, inaccessible, cost, our own …) own in it. */
export interface Links {
  /** The name under which `@inaccessible` is applied, without the "@". */
  readonly inaccessible: string
  /** The name under which `@context` is applied, without the "@". */
  readonly context: string
  /**
   * The name under which a spec's directive is applied, without the "@"; `undefined`: the spec is not linked.
   * @param spec its address without the version, such as `https://specs.apollo.dev/cost`.
   */
  directiveOf(spec: string, name: string): string | undefined
  ownsDirective(name: string): boolean
  ownsType(name: string): boolean
}

/**
 * Reads every `@link` of the schema definition (https://specs.apollo.dev/link/v1.0): a spec owns the directive of its
 * own name, every `name__*` element, and what it imports, under the names that `as` gives.
 */
export function linksOf(supergraph: DocumentNode): Links {
  const prefixes = new Set<string>(['link', 'join', 'core'])
  const imported = new Set<string>()
  const specs = new Map<string, { readonly prefix: string; readonly names: Map<string, string> }>()
  let inaccessible = 'inaccessible'
  let context = 'context'
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.SCHEMA_DEFINITION && definition.kind !== Kind.SCHEMA_EXTENSION) continue
    for (const directive of definition.directives ?? []) {
      if (directive.name.value !== 'link' && directive.name.value !== 'core') continue
      const argument = (name: string): ConstValueNode | undefined =>
        directive.arguments?.find(given => given.name.value === name)?.value
      const url = stringOf(argument('url')) ?? stringOf(argument('feature')) ?? ''
      const spec = specName(url)
      const alias = stringOf(argument('as'))
      const prefix = alias ?? spec
      if (prefix !== undefined) prefixes.add(prefix)
      if (alias !== undefined && spec === 'inaccessible') inaccessible = alias
      if (alias !== undefined && spec === 'context') context = alias
      const names = new Map<string, string>()
      if (prefix !== undefined) specs.set(withoutVersion(url), { prefix, names })
      const imports = argument('import')
      for (const item of imports?.kind === Kind.LIST ? imports.values : []) {
        const [name, as] = importOf(item)
        if (name === undefined) continue
        imported.add(as ?? name)
        names.set(name, as ?? name)
        if (name === '@inaccessible') inaccessible = (as ?? name).slice(1)
        if (name === '@context') context = (as ?? name).slice(1)
      }
    }
  }
  const ownsPrefix = (name: string): boolean => {
    const at = name.indexOf('__')
    return at > 0 && prefixes.has(name.slice(0, at))
  }
  return {
    inaccessible,
    context,
    directiveOf(spec, name) {
      const linked = specs.get(spec)
      if (linked === undefined) return undefined
      const { prefix, names } = linked
      const isMain = spec.slice(spec.lastIndexOf('/') + 1) === name
      return names.get(`@${name}`)?.slice(1) ?? (isMain ? prefix : `${prefix}__${name}`)
    },
    ownsDirective: name => prefixes.has(name) || imported.has(`@${name}`) || ownsPrefix(name),
    ownsType: name => imported.has(name) || ownsPrefix(name),
  }
}

/** "https://specs.apollo.dev/inaccessible/v0.2" → "inaccessible". */
function specName(url: string): string | undefined {
  const parts = url
    .split(/[?#]/)[0]!
    .split('/')
    .filter(part => part !== '')
  const last = parts.at(-1)
  return last !== undefined && /^v\d+\.\d+/.test(last) ? parts.at(-2) : last
}

/** "https://specs.apollo.dev/cost/v0.1" → "https://specs.apollo.dev/cost". */
const withoutVersion = (url: string): string => url.replace(/\/v\d+\.\d+\/?(?:[?#].*)?$/, '')

function importOf(item: ConstValueNode): [name: string | undefined, as: string | undefined] {
  if (item.kind === Kind.STRING) return [item.value, undefined]
  if (item.kind !== Kind.OBJECT) return [undefined, undefined]
  const field = (name: string): string | undefined =>
    stringOf(item.fields.find(candidate => candidate.name.value === name)?.value)
  return [field('name'), field('as')]
}

function stringOf(value: ConstValueNode | undefined): string | undefined {
  return value?.kind === Kind.STRING ? value.value : undefined
}
