import { createHash } from 'node:crypto'
import { AUTHORIZATION } from './identity.ts'
import type { Variant } from './variants.ts'
import type { World } from './worlds.ts'

/** A POST body; with `after`, an id that no request before had stands between the two parts. */
export interface RequestText {
  readonly before: string
  readonly after: string | undefined
  /** The header of that name, where callers are known. */
  readonly authorization: string | undefined
}

/** What this variant is sent. */
export function requestText(variant: Variant, world: World): RequestText {
  const named =
    variant.sends === 'text'
      ? { query: world.query }
      : { extensions: { persistedQuery: { version: 1, sha256Hash: queryIdOf(world.query) } } }
  const authorization = variant.identified ? AUTHORIZATION : undefined
  if (!world.takesId) return { before: JSON.stringify(named), after: undefined, authorization }
  const [before, after] = JSON.stringify({ ...named, variables: { id: '~' } }).split('~')
  return { before: before!, after, authorization }
}

/** One answer, to an id that every variant is asked for. */
export async function askOnce(variant: Variant, world: World, port: number): Promise<unknown> {
  // Apollo Server learns a hash from a request that sends the text with it.
  if (variant.sends === 'hash' && variant.program === '../peers/apollo.ts') {
    const { authorization } = requestText(variant, world)
    const body = JSON.stringify({ query: world.query, ...JSON.parse(bodyOf(variant, world)) })
    await post(port, body, authorization)
  }
  return await ask(variant, world, port)
}

/** The same without what some need once. */
export const ask = (variant: Variant, world: World, port: number): Promise<unknown> =>
  post(port, bodyOf(variant, world), requestText(variant, world).authorization)

function bodyOf(variant: Variant, world: World): string {
  const { before, after } = requestText(variant, world)
  return after === undefined ? before : `${before}p000000007${after}`
}

async function post(port: number, body: string, authorization: string | undefined): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      ...(authorization === undefined ? {} : { authorization }),
    },
    body,
  })
  const { extensions, ...answer } = (await response.json()) as {
    readonly extensions?: { readonly cost?: unknown }
  }
  // Ours says what it cost and what is left, which is another number each time.
  const { cost, ...others } = extensions ?? {}
  return Object.keys(others).length === 0 ? answer : { ...answer, extensions: others }
}

/** SHA-256, hex. */
export const queryIdOf = (query: string): string => createHash('sha256').update(query).digest('hex')
