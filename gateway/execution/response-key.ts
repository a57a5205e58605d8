import type { TypeFacts } from '../supergraph/type-facts.ts'

/**
 * Inside the gateway a client's field stands under a key of ours whenever it could meet a field that the planner adds
 * (for a key or for `@requires`) under the same name with other arguments. The planner sees only our keys, so neither
 * can overwrite the other; a plan made from a client's own aliases can give a subgraph an operation whose fields
 * conflict, or `@requires` the client's value.
 */
const PREFIX = '_a_'

/** Names that plain objects inherit: read from an answer, or variables, that lack them they would not be undefined. */
export const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))

/**
 * The key for a client's field. It depends on names only, never on the type that the field was selected on: the same
 * field is selected through an interface and read from an object.
 */
export function internalKey(responseKey: string, field: string, types: TypeFacts): string {
  const plain = responseKey === field && !types.takesArguments(field)
  return plain && !responseKey.startsWith(PREFIX) && !INHERITED.has(responseKey)
    ? responseKey
    : PREFIX + responseKey
}

/** The client's response key that an internal key stands for. */
export function responseKeyOf(key: string): string {
  return key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key
}
