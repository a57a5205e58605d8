import type { IncomingHttpHeaders } from 'node:http'
import { type HeaderRules, isOwnHeader, type PropagationRules } from './config-file.ts'
import type { HeadersFor } from './execution/run.ts'

type Headers = Readonly<Record<string, string>>

/** Credentials go where they are sent by name, not where a pattern happens to fit. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'x-api-key'])

/**
 * What each subgraph gets of a request's headers. Subgraphs without rules of their own share one answer, made once a
 * request and only when it is asked for.
 * @returns `undefined` when there is no rule at all: then nothing is looked at.
 */
export function compilePropagation(
  rules: PropagationRules | undefined,
): ((headers: IncomingHttpHeaders) => HeadersFor) | undefined {
  const all = isEmpty(rules?.all) ? [] : [rules!.all!]
  const shared: RuleSet | undefined = all.length === 0 ? undefined : { rules: all }
  const own = new Map<string, RuleSet>()
  for (const [subgraph, more] of Object.entries(rules?.subgraphs ?? {}))
    if (!isEmpty(more)) own.set(subgraph, { rules: [...all, more] })
  if (shared === undefined && own.size === 0) return undefined
  return headers => {
    const made = new Map<RuleSet, Headers | undefined>()
    return subgraph => {
      const set = own.get(subgraph) ?? shared
      if (set === undefined) return undefined
      if (!made.has(set)) made.set(set, headersOf(set, headers))
      return made.get(set)
    }
  }
}

/** @throws Error naming the subgraph of a rule or setting that the supergraph has not. */
export function assertSubgraphs(
  member: string,
  settings: Readonly<Record<string, unknown>> | undefined,
  subgraphs: readonly { readonly name: string }[],
): void {
  const names = subgraphs.map(({ name }) => name)
  for (const name of Object.keys(settings ?? {}))
    if (!names.includes(name))
      throw new Error(`${member}.${name}: expected one of the subgraphs ${names.join(', ')}`)
}

interface RuleSet {
  /** Later ones win. */
  readonly rules: readonly HeaderRules[]
}

const isEmpty = (rules: HeaderRules | undefined): boolean =>
  (rules?.propagate ?? []).length === 0 && Object.keys(rules?.insert ?? {}).length === 0

function headersOf({ rules }: RuleSet, given: IncomingHttpHeaders): Headers | undefined {
  const headers: Record<string, string> = {}
  for (const { propagate = [], insert = {} } of rules) {
    for (const { name, rename, default: otherwise, matching } of propagate) {
      if (matching !== undefined) addMatching(headers, matching, given)
      if (name === undefined) continue
      const value = sentIn(given, name) ?? otherwise
      if (value !== undefined) headers[rename ?? name] = value
    }
    Object.assign(headers, insert)
  }
  return Object.keys(headers).length === 0 ? undefined : headers
}

function addMatching(headers: Record<string, string>, matching: RegExp, given: IncomingHttpHeaders): void {
  for (const name of Object.keys(given)) {
    if (!matching.test(name) || CREDENTIALS.has(name) || isOwnHeader(name)) continue
    const value = sentIn(given, name)
    if (value !== undefined) headers[name] = value
  }
}

/** What stands under the name, if a client can have sent it: not what every object inherits. */
function sentIn(given: IncomingHttpHeaders, name: string): string | undefined {
  const value = given[name]
  if (typeof value === 'string') return value
  return Array.isArray(value) ? value.join(', ') : undefined
}
