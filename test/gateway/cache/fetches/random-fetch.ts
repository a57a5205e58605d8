import type { Choices } from '../../cost/choices.ts'
import { FIELDS, INTERFACE_FIELDS, ROOTS } from '../policy/random-annotations.ts'

const DEPTH_MAX = 4
const CONDITIONS: Readonly<Record<string, readonly string[]>> = {
  A: ['A', 'I', 'U'],
  B: ['B', 'I'],
  C: ['C', 'U'],
  I: ['I', 'A', 'B', 'U'],
  U: ['U', 'A', 'C', 'I'],
}

export interface RandomFetch {
  readonly text: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** A query of the graph of random-annotations.ts: aliases, fragments within fragments, arguments in every form. */
export function randomFetch(choices: Choices): RandomFetch {
  let aliases = 0
  const fragments = new Map<string, string>()
  const alias = (): string => `k${aliases++}`

  function selection(type: string, depth: number): string {
    const parts: string[] = choices.chance(1, 2) ? ['__typename'] : []
    const names = type === 'U' ? [] : type === 'I' ? INTERFACE_FIELDS : Object.keys(FIELDS)
    for (const name of names) {
      if (!choices.chance(name === 'id' ? 5 : 3, 10)) continue
      const to = FIELDS[name]!.replace(/[[\]!]/g, '')
      const isComposite = to in CONDITIONS
      if (isComposite && depth === 0) continue
      // What has an alias never meets another of its name; what has none is the same field wherever it is.
      const key = choices.chance(1, 2) || isComposite ? `${alias()}: ` : ''
      parts.push(`${key}${name}${isComposite ? ` { ${selection(to, depth - 1)} }` : ''}`)
    }
    if (choices.chance(1, 2)) {
      const on = choices.oneOf(CONDITIONS[type]!)
      parts.push(`... on ${on} { ${selection(on, Math.max(depth - 1, 0))} }`)
    }
    if (depth > 0 && choices.chance(1, 4)) {
      const on = choices.oneOf(CONDITIONS[type]!)
      const name = `F${fragments.size}`
      fragments.set(name, '')
      fragments.set(name, `fragment ${name} on ${on} { ${selection(on, depth - 1)} }`)
      parts.push(`...${name}`, ...(choices.chance(1, 2) ? [`...${name}`] : []))
    }
    if (parts.length === 0) parts.push('__typename')
    return parts.join(' ')
  }

  const variables: Record<string, unknown> = {}
  const declared: string[] = []
  function variable(type: string, value: unknown): string {
    const name = `v${declared.length}`
    declared.push(`$${name}: ${type}`)
    if (value !== undefined) variables[name] = value
    return `$${name}`
  }
  const id = (): string => `i${choices.below(50)}`
  function args(): string {
    const given: string[] = []
    if (choices.chance(2, 3))
      given.push(
        `id: ${choices.chance(1, 2) ? JSON.stringify(id()) : variable('ID', choices.chance(1, 4) ? undefined : id())}`,
      )
    if (choices.chance(1, 2)) {
      const inner = { ids: choices.list(3, id) }
      const text = [
        `{in: {ids: ${JSON.stringify(inner.ids)}}}`,
        `{in: ${variable('In', inner)}}`,
        `{in: {ids: ${variable('[ID!]', choices.chance(1, 2) ? inner.ids : undefined)}}}`,
        variable('In', { in: choices.chance(1, 2) ? inner : {} }),
        `{in: {}}`,
      ]
      given.push(`in: ${choices.oneOf(text)}`)
    }
    return given.length === 0 ? '' : `(${given.join(', ')})`
  }
  const roots = choices.list(2, () => {
    const name = choices.oneOf(Object.keys(ROOTS))
    const to = ROOTS[name]!.replace(/[[\]!]/g, '')
    const inner = to in CONDITIONS ? ` { ${selection(to, DEPTH_MAX)} }` : ''
    return `${alias()}: ${name}${name === 'a' ? args() : ''}${inner}`
  })
  const body = `{ ${['__typename', ...roots].join(' ')} }`
  const head = declared.length === 0 ? 'query ' : `query(${declared.join(', ')}) `
  return { text: [head + body, ...fragments.values()].join('\n'), variables }
}
