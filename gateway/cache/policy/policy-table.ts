import { hash } from 'node:crypto'
import { z } from 'zod'
import type { Scope } from '../../supergraph/cache-hints.ts'
import { canonicalJson } from '../canonical.ts'

/** What an operator says of one field or type; each member replaces what the schema says there. */
export interface PolicyEntry {
  /** How long an answer may be reused, in milliseconds; 0: not at all. */
  readonly freshMs?: number | undefined
  /** How long beyond that it may be served while it is asked for again. */
  readonly staleMs?: number | undefined
  /** PRIVATE narrows what the schema says; PUBLIC holds where the schema says nothing, and never under a guard. */
  readonly scope?: Scope | undefined
  /** Tags of the answers of a root field, or of an entity type's objects: `Campaign:{args.id}`, `shop:{result.shop.id}`, `campaigns`. */
  readonly references?: readonly string[] | undefined
  /** Tags that a mutation makes void. Empty: it touches nothing that is kept, whatever its answer shows. */
  readonly invalidates?: readonly string[] | undefined
}

/** By field, `Query.campaign`, or by object or interface type, `Product`. */
export type PolicyTable = Readonly<Record<string, PolicyEntry>>

const DAY_MS = 86_400_000
const ENTRIES_MAX = 1000
const TEMPLATES_MAX = 16
const TEMPLATE_CHARACTERS_MAX = 256

/**
 * Reads a policy table from JSON; whether a schema has what it names is another matter (policy.ts).
 * @param source its file, for errors.
 * @throws Error that lists every member that is wrong, at most ten.
 */
export function readPolicyTable(text: string, source: string): PolicyTable {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Error(`${source} is not JSON: ${(error as Error).message}`)
  }
  const result = table.safeParse(json)
  if (result.success) return result.data
  const wrong = result.error.issues
    .slice(0, 10)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join(' ')}: ${message}`))
  throw new Error(`${source} is not right: ${wrong.join('; ')}`)
}

/** Part of every key: what is kept by one table, and tagged by it, is not found by another. Whatever the order of its entries. */
export function tableHash(table: PolicyTable): string {
  return hash('sha256', canonicalJson(table)!, 'base64url').slice(0, 11)
}

const expecting = (what: string): { error: (issue: { readonly input?: unknown }) => string } => ({
  error: ({ input }) => `expected ${what}, got ${shown(input)}`,
})

const shown = (input: unknown): string => String(JSON.stringify(input)).slice(0, 64)

const DURATION = expecting(`milliseconds from 0 to ${DAY_MS}`)
const duration = z.int(DURATION).min(0, DURATION).max(DAY_MS, DURATION).optional()
const TEMPLATE = expecting(`a tag of 1 to ${TEMPLATE_CHARACTERS_MAX} characters`)
const template = z.string(TEMPLATE).min(1, TEMPLATE).max(TEMPLATE_CHARACTERS_MAX, TEMPLATE)
const templates = z
  .array(template, expecting('a list of tags'))
  .max(TEMPLATES_MAX, `expected at most ${TEMPLATES_MAX} tags`)
  .optional()

const members = {
  freshMs: duration,
  staleMs: duration,
  scope: z.enum(['PUBLIC', 'PRIVATE'], expecting('PUBLIC or PRIVATE')).optional(),
  references: templates,
  invalidates: templates,
} satisfies Record<keyof PolicyEntry, unknown>

const entry = z.strictObject(members, {
  error: ({ code, input, keys }) =>
    code === 'unrecognized_keys'
      ? `expected the members ${Object.keys(members).join(', ')}, got ${(keys as string[]).join(', ').slice(0, 200)}`
      : `expected an object with members of ${Object.keys(members).join(', ')}, got ${shown(input)}`,
})

const table = z
  .record(z.string(), entry, expecting('an object of fields and types'))
  .refine(entries => Object.keys(entries).length <= ENTRIES_MAX, {
    error: ({ input }) =>
      `expected at most ${ENTRIES_MAX} fields and types, got ${Object.keys(input as object).length}`,
  })
