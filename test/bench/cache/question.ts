import { AUTHORIZATION } from '../gateway/identity.ts'
import { queryIdOf, type RequestText } from '../gateway/question.ts'
import { WORLDS } from '../gateway/worlds.ts'
import type { CacheVariant, CacheWorkload } from './variants.ts'

const { query } = WORLDS.home

/** What every variant is asked for first, and what hot requests ask for. */
export const HOT_ID = 'p000000007'

/** What this variant is sent: the persisted operation by its hash, in the form that it knows. */
export function requestText(
  { program, identified }: CacheVariant,
  { hotShare }: Pick<CacheWorkload, 'hotShare'>,
): RequestText {
  const id = queryIdOf(query)
  const named =
    program === '../peers/mercurius.ts'
      ? { query: id, persisted: true }
      : { extensions: { persistedQuery: { version: 1, sha256Hash: id } } }
  const authorization = identified ? AUTHORIZATION : undefined
  const text = JSON.stringify({ ...named, variables: { campaignId: '~' } })
  if (hotShare === 1) return { before: text.replace('~', HOT_ID), after: undefined, authorization }
  const [before, after] = text.split('~')
  return { before: before!, after, authorization }
}

/** Asks for what is hot; the answer without what it cost, which is another number each time. */
export async function ask(variant: CacheVariant, port: number): Promise<unknown> {
  const { before, authorization } = requestText(variant, { hotShare: 1 })
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: before,
  })
  const { extensions, ...answer } = (await response.json()) as { readonly extensions?: object }
  const { cost, ...others } = (extensions ?? {}) as { readonly cost?: unknown }
  return Object.keys(others).length === 0 ? answer : { ...answer, extensions: others }
}
