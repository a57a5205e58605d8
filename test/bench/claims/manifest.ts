import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { operation } from '../../harness/graph.ts'
import { ROOT } from '../../harness/processes.ts'

/**
 * What a claim is compared with: the whole pipeline, a fetch from the same subgraph on behalf of the same caller, who has to
 * have a token, and no database. It is of nobody else's interest, so neither kept nor shared.
 */
const ME = 'query Me { me { id } }'
const ME_ID = createHash('sha256').update(ME).digest('hex')

/** A kind of request. */
export interface Work {
  readonly name: string
  /** Of ASCII. */
  readonly body: string
  /** What a right answer contains. */
  readonly expected: string
}

export const claimOf = (campaignId: string): Work => ({
  name: 'claim',
  body: JSON.stringify({
    documentId: `sha256:${operation('ClaimCoupon').id}`,
    variables: { input: { campaignId } },
  }),
  expected: '"__typename":"CouponIssued"',
})

export const WHO_AM_I: Work = {
  name: 'me',
  body: JSON.stringify({ documentId: `sha256:${ME_ID}` }),
  expected: '{"me":{"id":"',
}

/** The shipped operations, and the one that claims are compared with. */
export function manifestWithMe(): string {
  const shipped = JSON.parse(readFileSync(join(ROOT, 'schema/operations.json'), 'utf8')) as {
    readonly operations: readonly object[]
  }
  const me = { id: ME_ID, name: 'Me', type: 'query', body: ME }
  return JSON.stringify({ ...shipped, operations: [...shipped.operations, me] })
}
