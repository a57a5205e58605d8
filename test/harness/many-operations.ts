import { createHash } from 'node:crypto'
import {
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'

/** Distinct operations over any schema, the same for the same seed: a manifest as large as a test wants. */

const DEPTH_MAX = 5
const FIELDS_MAX = 7

/** A manifest in Apollo's form with this many queries, each of a few root fields and of what lies below. */
export function manyOperations(schema: GraphQLSchema, count: number, seed = 1): string {
  const random = randomOf(seed)
  const operations = new Map<string, object>()
  while (operations.size < count) {
    const name = `Many${operations.size}`
    const body = queryOf(schema, name, random)
    const id = createHash('sha256').update(body).digest('hex')
    operations.set(id, { id, name, type: 'query', body })
  }
  return JSON.stringify({
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: [...operations.values()],
  })
}

function queryOf(schema: GraphQLSchema, name: string, random: () => number): string {
  const variables: string[] = []
  const root = schema.getQueryType()!

  function selectionOf(fields: readonly GraphQLField<unknown, unknown>[], depth: number): string {
    const leaves = fields.filter(({ type }) => isLeafType(getNamedType(type)))
    const nested = fields.filter(({ type }) => !isLeafType(getNamedType(type)))
    const chosen = [
      ...some(leaves, random, depth === 0 ? 0 : FIELDS_MAX),
      ...(depth < DEPTH_MAX ? some(nested, random, depth === 0 ? 2 : 3) : []),
    ]
    const selections = chosen.map(field => fieldOf(field, depth)).filter(text => text !== '')
    return selections.length === 0 ? '__typename' : selections.join(' ')
  }

  function fieldOf(field: GraphQLField<unknown, unknown>, depth: number): string {
    const args = field.args
      .filter(argument => isRequiredArgument(argument) || random() < 0.5)
      .map(argument => {
        variables.push(`$v${variables.length}: ${argument.type}`)
        return `${argument.name}: $v${variables.length - 1}`
      })
    const type = getNamedType(field.type)
    const head = `f${Math.floor(random() * 1e9).toString(36)}: ${field.name}${args.length === 0 ? '' : `(${args.join(', ')})`}`
    if (isLeafType(type)) return head
    if (isObjectType(type)) return `${head} { ${selectionOf(Object.values(type.getFields()), depth + 1)} }`
    if (!isAbstractType(type)) return ''
    const members = some(schema.getPossibleTypes(type), random, 3).map(
      member => `... on ${member.name} { ${selectionOf(Object.values(member.getFields()), depth + 1)} }`,
    )
    return `${head} { __typename ${members.join(' ')} }`
  }

  const selection = selectionOf(Object.values(root.getFields()), 0)
  return `query ${name}${variables.length === 0 ? '' : `(${variables.join(', ')})`} { ${selection} }`
}

function some<Item>(items: readonly Item[], random: () => number, atMost: number): Item[] {
  const wanted = Math.min(items.length, 1 + Math.floor(random() * atMost))
  if (atMost === 0) return []
  const left = [...items]
  return Array.from({ length: wanted }, () => left.splice(Math.floor(random() * left.length), 1)[0]!)
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
