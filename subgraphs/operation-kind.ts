import { getOperationAST, parse } from 'graphql'

/** Texts remembered; those over the length are parsed each time. 16 MiB at most together. */
const KNOWN_MAX = 1_000
const KNOWN_CHARACTERS_MAX = 8 * 1024

const known = new Map<string, 'query' | 'mutation'>()

/**
 * Whether the text's operation is a mutation. What does not parse or names no operation counts as a query: executing it
 * says what is wrong with it.
 */
export function operationKind(text: string, operationName: string | undefined): 'query' | 'mutation' {
  const key = operationName === undefined ? text : `${operationName}\n${text}`
  const remembered = known.get(key)
  if (remembered !== undefined) return remembered
  const kind = parseKind(text, operationName)
  if (key.length <= KNOWN_CHARACTERS_MAX) {
    if (known.size >= KNOWN_MAX) known.delete(known.keys().next().value as string)
    known.set(key, kind)
  }
  return kind
}

function parseKind(text: string, operationName: string | undefined): 'query' | 'mutation' {
  try {
    return getOperationAST(parse(text), operationName)?.operation === 'mutation' ? 'mutation' : 'query'
  } catch {
    return 'query'
  }
}
