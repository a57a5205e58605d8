import { hash } from 'node:crypto'
import { canonicalJson } from '../canonical.ts'

/** All answers to one operation. */
export interface ResponseKind {
  /** The operation's name: what metrics go by. */
  readonly field: string
  /** What their keys begin with. */
  readonly prefix: string
  /** Whether the last one could be kept: where none can, only memory is asked. */
  isKept: boolean
}

/** Where the answer to an operation with some variables is kept. */
export interface ResponseSlot {
  readonly kind: ResponseKind
  readonly key: string
}

/** Longer variables, as JSON, are not worth the place. */
const VARIABLES_CHARS_MAX = 16_384
/** What is longer is part of the key by its hash. */
const GIVEN_CHARS_MAX = 256

/** @param parts what answers depend on beside their variables: the operation's id, the supergraph's hash and so on. */
export function responseKind(field: string, parts: readonly unknown[]): ResponseKind {
  const prefix = `${field} response:${hash('sha256', JSON.stringify(parts), 'base64url')} `
  return { field, prefix, isKept: true }
}

/**
 * @param variables coerced.
 * @param headers what subgraphs get of the client's; undefined: nothing.
 * @returns undefined: the variables are too long, or nest too deep.
 */
export function responseSlot(
  kind: ResponseKind,
  variables: Readonly<Record<string, unknown>>,
  headers: unknown,
): ResponseSlot | undefined {
  const given = canonicalJson(variables)
  if (given === undefined || given.length > VARIABLES_CHARS_MAX) return undefined
  const { prefix } = kind
  // No object begins as a hash does.
  if (headers === undefined && given.length <= GIVEN_CHARS_MAX) return { kind, key: prefix + given }
  // JSON ends where it ends: what follows an object is no part of it. Tokens among the headers have no business in Redis.
  const rest = headers === undefined ? given : given + canonicalJson(headers)
  return { kind, key: `${prefix}#${hash('sha256', rest, 'base64url')}` }
}
