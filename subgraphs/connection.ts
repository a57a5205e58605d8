import { Fault } from '../protocol/fault.ts'

/** Relay connections over keyset pages. A cursor is the base64url of the last row's sort key as a JSON list. */

export interface PageArguments {
  readonly first?: number | null
  readonly after?: string | null
}

/** What a store needs: read `limit + 1` rows beyond `after`; the one too many tells that there is a next page. */
export interface Page {
  readonly limit: number
  readonly after: readonly (string | number)[] | undefined
}

export interface Connection<Node> {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[]
  readonly pageInfo: {
    readonly hasNextPage: boolean
    readonly hasPreviousPage: boolean
    readonly startCursor: string | null
    readonly endCursor: string | null
  }
}

/** What a cursor's key must look like, part by part. */
export type CursorShape = readonly ('string' | 'number')[]

const CURSOR_CHARACTERS_MAX = 512

/** Throws BAD_INPUT for `first` outside 1..firstMax and for a cursor of another shape. */
export function pageOf(
  args: PageArguments,
  firstDefault: number,
  firstMax: number,
  shape: CursorShape,
): Page {
  const first = args.first ?? firstDefault
  if (first < 1 || first > firstMax) {
    throw new Fault('BAD_INPUT', `first expects 1 to ${firstMax}, got ${first}`)
  }
  return { limit: first, after: args.after == null ? undefined : parseCursor(args.after, shape) }
}

/** `rows` as read for `page`: up to `limit + 1` of them, in order. */
export function connectionOf<Row, Node>(
  rows: readonly Row[],
  page: Page,
  keyOf: (row: Row) => readonly (string | number)[],
  nodeOf: (row: Row) => Node,
): Connection<Node> {
  const edges = rows
    .slice(0, page.limit)
    .map(row => ({ cursor: formatCursor(keyOf(row)), node: nodeOf(row) }))
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > page.limit,
      hasPreviousPage: page.after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}

function formatCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

function parseCursor(cursor: string, shape: CursorShape): readonly (string | number)[] {
  const key = cursor.length <= CURSOR_CHARACTERS_MAX ? decode(cursor) : undefined
  const matches =
    Array.isArray(key) &&
    key.length === shape.length &&
    key.every((part, index) => isPart(part, shape[index]))
  if (!matches)
    throw new Fault(
      'BAD_INPUT',
      `after expects a cursor of this list, got ${JSON.stringify(cursor.slice(0, 64))}`,
    )
  return key
}

function decode(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}

const isPart = (part: unknown, kind: 'string' | 'number' | undefined): boolean =>
  kind === 'number'
    ? Number.isSafeInteger(part)
    : typeof part === 'string' && !part.includes('\0') && part.isWellFormed()
