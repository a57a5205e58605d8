import { GraphQLError, type GraphQLFormattedError, Kind, type SelectionNode } from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { SubgraphError } from '../../protocol/subgraph-client.ts'
import { responseKeyOf } from './response-key.ts'
import type { Path } from './tree.ts'

/** The errors of one execution: at most `max`; the first ones are kept, since later ones mostly follow from them. */
export interface ErrorList {
  readonly errors: GraphQLError[]
  add(message: string, path: Path | undefined, extensions: GraphQLFormattedError['extensions']): void
  /** Is there an error at, under or above this response path? */
  covers(path: readonly (string | number)[]): boolean
}

export function createErrorList(max: number): ErrorList {
  const errors: GraphQLError[] = []
  return {
    errors,
    add(message, path, extensions) {
      if (errors.length < max)
        errors.push(
          new GraphQLError(message, {
            path: path && path.length > 0 ? path : null,
            extensions: extensions ?? null,
          }),
        )
    },
    covers: path =>
      errors.some(error => {
        const known = error.path ?? []
        const length = Math.min(known.length, path.length)
        for (let i = 0; i < length; i++) if (known[i] !== path[i]) return false
        return known.length > 0
      }),
  }
}

/**
 * Turns a path of internal keys into one of the client's response: the longest part that the client selected. What
 * the gateway fetched for itself (a key, a required field) is reported at the object that it belongs to.
 */
export function clientPath(path: readonly (string | number)[], selections: readonly SelectionNode[]): Path {
  const found: Path = []
  let level: readonly SelectionNode[] = selections
  for (const segment of path) {
    if (typeof segment === 'string') {
      const next: SelectionNode[] = []
      if (!descend(level, segment, next)) return found
      level = next
      found.push(responseKeyOf(segment))
    } else found.push(segment)
  }
  return found
}

function descend(level: readonly SelectionNode[], key: string, into: SelectionNode[]): boolean {
  let found = false
  for (const selection of level) {
    if (selection.kind === Kind.FIELD) {
      if ((selection.alias?.value ?? selection.name.value) !== key) continue
      found = true
      into.push(...(selection.selectionSet?.selections ?? []))
    } else if (
      selection.kind === Kind.INLINE_FRAGMENT &&
      descend(selection.selectionSet.selections, key, into)
    )
      found = true
  }
  return found
}

/**
 * What a subgraph may say of an error. One error can stand at many places of a response, each with all of its words.
 */
const CODE_CHARS_MAX = 100
const MESSAGE_CHARS_MAX = 10_000
const EXTENSIONS_CHARS_MAX = 10_000
const PATH_SEGMENTS_MAX = 200

/** What the client is told of a subgraph's own error: its message and extensions, its code or SUBGRAPH_ERROR, and who said it. */
export function subgraphError(
  error: SubgraphError,
  service: string,
): { message: string; extensions: Record<string, unknown>; path: Path } {
  const given: Partial<SubgraphError> = error !== null && typeof error === 'object' ? error : {}
  const extensions = given.extensions !== null && typeof given.extensions === 'object' ? given.extensions : {}
  const { message, path } = given
  return {
    message:
      typeof message === 'string' ? message.slice(0, MESSAGE_CHARS_MAX) : `Subgraph "${service}" failed`,
    extensions: {
      ...(isSayable(extensions) ? extensions : {}),
      code: isCode(extensions.code) ? extensions.code : 'SUBGRAPH_ERROR',
      service,
    },
    path: Array.isArray(path)
      ? path
          .slice(0, PATH_SEGMENTS_MAX)
          .filter(segment => typeof segment === 'string' || typeof segment === 'number')
      : [],
  }
}

const isCode = (code: unknown): code is string => typeof code === 'string' && code.length <= CODE_CHARS_MAX

function isSayable(extensions: object): boolean {
  try {
    return JSON.stringify(extensions).length <= EXTENSIONS_CHARS_MAX
  } catch {
    // Nested too deep, or nothing that JSON knows: the response could not be written.
    return false
  }
}

/** Why a fetch has no answer, as message and extensions. Anything but a Fault is a defect, whose words are for the log. */
export function failureOf(
  reason: unknown,
  service: string,
): { message: string; extensions: Record<string, unknown> } {
  if (reason instanceof Fault)
    return {
      message: reason.message.slice(0, MESSAGE_CHARS_MAX),
      extensions: { ...reason.extensions, service },
    }
  const message = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)
  return { message, extensions: { code: 'INTERNAL_SERVER_ERROR', service } }
}
