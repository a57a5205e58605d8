import {
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
} from 'graphql'

export interface RandomOperation {
  readonly text: string
  readonly variables: Record<string, unknown>
}

/**
 * A query on the schema, by a stream of numbers: aliases (some shadow other fields), arguments as literals and as
 * variables, inline fragments, named fragments, conditions as literals and as variables, `__typename` anywhere. It may
 * be invalid where two selections of one response key meet; the caller validates.
 *
 * @param draw an integer from 0 to below its argument.
 */
export function randomOperation(schema: GraphQLSchema, draw: (below: number) => number): RandomOperation {
  const variables: Record<string, unknown> = {}
  const definitions: string[] = []
  const fragments: string[] = []
  let budget = 40

  const variable = (type: string, value: unknown): string => {
    const name =
      draw(6) === 0 && !('representations' in variables) ? 'representations' : `v${definitions.length}`
    variables[name] = value
    definitions.push(`$${name}: ${type}`)
    return `$${name}`
  }
  const condition = (): string => {
    if (draw(8) > 0) return ''
    const value = draw(3) > 0
    const given = draw(2) === 0 ? String(value) : variable('Boolean!', value)
    return draw(2) === 0 ? ` @include(if: ${given})` : ` @skip(if: ${given})`
  }
  const argument = (name: string, type: string): string => {
    if (!type.endsWith('!') && draw(3) === 0) return ''
    const value =
      type === 'Int' ? draw(4) : type === 'Boolean' ? draw(2) === 0 : ['CNY', 'EUR', 'xx'][draw(3)]
    return `${name}: ${draw(2) === 0 ? JSON.stringify(value) : variable(type, value)}`
  }
  const field = (
    definition: GraphQLField<unknown, unknown>,
    siblings: readonly string[],
    depth: number,
  ): string => {
    const args = definition.args
      .map(given => argument(given.name, String(given.type)))
      .filter(text => text !== '')
    // A key of its own per combination of arguments keeps most operations valid.
    const alias =
      args.length > 0 || draw(4) === 0
        ? `${draw(12) === 0 ? siblings[draw(siblings.length)] : `${definition.name}${args.join('').replace(/\W/g, '_')}`}: `
        : ''
    const type = getNamedType(definition.type)
    const inner = isCompositeType(type) ? ` ${selections(type, depth + 1)}` : ''
    return `${alias}${definition.name}${args.length > 0 ? `(${args.join(', ')})` : ''}${condition()}${inner}`
  }
  const selections = (type: GraphQLCompositeType, depth: number): string => {
    const fields = 'getFields' in type ? Object.values(type.getFields()) : []
    const names = fields.map(({ name }) => name)
    const parts: string[] = []
    const count = 1 + draw(4)
    for (let i = 0; i < count; i++) {
      const leaves = fields.filter(candidate => !isCompositeType(getNamedType(candidate.type)))
      const from = depth > 4 || budget <= 0 ? leaves : fields
      const roll = draw(10)
      if (roll === 0 || from.length === 0) parts.push(draw(2) === 0 ? '__typename' : 'kind: __typename')
      else if (roll <= 2 || (isAbstractType(type) && roll <= 5)) parts.push(fragment(type, depth))
      else {
        budget--
        parts.push(field(from[draw(from.length)]!, names, depth))
      }
    }
    return `{ ${parts.join(' ')} }`
  }
  const fragment = (parent: GraphQLCompositeType, depth: number): string => {
    const narrower = isAbstractType(parent) ? schema.getPossibleTypes(parent) : [parent]
    const wider = isObjectType(parent)
      ? parent.getInterfaces()
      : Object.values(schema.getTypeMap()).filter(isAbstractType)
    const overlapping = wider.filter(
      other => other.name[0] !== '_' && narrower.some(object => schema.isSubType(other, object)),
    )
    const types: readonly GraphQLCompositeType[] = [...narrower, ...overlapping]
    const type = types[draw(types.length)]!
    if (draw(3) > 0 || depth > 4) return `... on ${type.name}${condition()} ${selections(type, depth + 1)}`
    const name = `F${fragments.length}`
    fragments.push('')
    fragments[Number(name.slice(1))] = `fragment ${name} on ${type.name} ${selections(type, depth + 1)}`
    return `...${name}${condition()}`
  }

  const body = selections(schema.getQueryType()!, 0)
  const head = definitions.length > 0 ? `query (${definitions.join(', ')}) ` : ''
  return { text: [`${head}${body}`, ...fragments].join('\n'), variables }
}
