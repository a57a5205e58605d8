import { mintToken } from '../../../gateway/identity/mint.ts'

/** Secrets of processes that live for seconds. */
export const IDENTITY = {
  tokenSecret: 'signs the token of a bench, 32 characters and more',
  identityKey: 'signs what a bench sends to its subgraphs, 32 and more',
} as const

/** The header of a shopper whose token is good for the length of a bench. */
export const AUTHORIZATION: string = `Bearer ${await mintToken({
  secret: IDENTITY.tokenSecret,
  subject: 'alice',
  kind: 'shopper',
  client: 'bench',
  scopes: [],
  ttlSeconds: 24 * 3_600,
})}`
