import { readFileSync } from 'node:fs'
import { parse } from 'graphql'
import { expect, test } from 'vitest'
import type { FetchDescription } from '../../../../gateway/cache/policy/fetch-policy.ts'
import { createCachePolicies } from '../../../../gateway/cache/policy/policy.ts'
import { readPolicyTable } from '../../../../gateway/cache/policy/policy-table.ts'
import type { PlanNode } from '../../../../gateway/execution/plan.ts'
import { loadSupergraph } from '../../../../gateway/supergraph/supergraph.ts'

const table = readPolicyTable(readFileSync('schema/cache.json', 'utf8'), 'schema/cache.json')
const supergraph = loadSupergraph(readFileSync('schema/supergraph.graphql', 'utf8'), table)
const policies = createCachePolicies(supergraph, table)
const manifest: readonly { readonly name: string; readonly type: string; readonly body: string }[] =
  JSON.parse(readFileSync('schema/operations.json', 'utf8')).operations

/** The fetches that an operation comes to, with the root keys of those of entities. */
function fetchesOf(name: string): FetchDescription[] {
  const fetches: FetchDescription[] = []
  const look = (node: PlanNode | null | undefined): void => {
    if (node === null || node === undefined) return
    if (node.kind === 'Sequence' || node.kind === 'Parallel') for (const child of node.nodes) look(child)
    else if (node.kind === 'Flatten') look(node.node)
    else if (node.kind === 'Fetch') {
      const { serviceName: service, operation } = node
      const kind = node.operationKind === 'mutation' ? 'mutation' : 'query'
      fetches.push({ service, kind, operation, document: parse(operation), scope: 'PUBLIC' })
    }
  }
  const { body } = manifest.find(operation => operation.name === name)!
  look(supergraph.planner.plan(body, { labels: new Set(), percentage: 0 }).node)
  return fetches
}

test('how long our persisted queries hold: fresh, and stale beyond that, by fetch', () => {
  const held = Object.fromEntries(
    manifest
      .filter(({ type }) => type === 'query')
      .map(({ name }) => [
        name,
        fetchesOf(name).map(fetch => {
          const policy = policies.ofRoot(fetch) ?? policies.ofEntities(fetch, '_entities')
          if (policy === undefined) return `${fetch.service}: not kept`
          return `${fetch.service}: ${policy.fields.join()} ${policy.scope} ${policy.freshMs} + ${policy.staleMs} ms`
        }),
      ]),
  )
  expect(held).toEqual({
    CampaignHome: [
      'campaign: Query.campaign PUBLIC 5000 + 10000 ms',
      'coupon: Campaign PUBLIC 1000 + 3000 ms',
    ],
    IssuanceStatus: [
      'campaign: Query.campaign PUBLIC 5000 + 10000 ms',
      'coupon: Campaign PUBLIC 1000 + 3000 ms',
    ],
    MyCoupons: ['coupon: not kept', 'campaign: Campaign PUBLIC 5000 + 10000 ms'],
    MyOrders: ['payment: not kept'],
    OrderStatus: ['payment: not kept', 'coupon: not kept'],
    ProductDetail: ['catalog: Query.product PUBLIC 5000 + 10000 ms'],
    SearchProducts: ['catalog: Query.searchProducts PUBLIC 5000 + 10000 ms'],
  })
})

test('what our persisted mutations make void', () => {
  const input = {
    campaignId: 'campaign_x',
    tags: ['Product:product_42', 'campaigns'],
    types: ['Shop'],
  }
  const voided = Object.fromEntries(
    manifest
      .filter(({ type }) => type === 'mutation')
      .map(({ name }) => {
        const [fetch] = fetchesOf(name)
        return [name, policies.ofMutation(fetch!)?.({ input }, undefined).sort()]
      }),
  )
  const campaign = ['Campaign:campaign_x', 'campaigns']
  expect(voided).toEqual({
    CancelOrder: undefined,
    ClaimCoupon: undefined,
    InvalidateCache: ['Product:product_42', 'Shop', 'campaigns'],
    PauseIssuance: campaign,
    PayOrder: undefined,
    PlaceOrder: undefined,
    QuoteOrder: undefined,
    ResumeIssuance: campaign,
  })
})

test('a campaign that is paused voids what was kept of it, whoever has kept it', () => {
  const [pause] = fetchesOf('PauseIssuance')
  const voided = new Set(
    policies.ofMutation(pause!)!(
      { input: { campaignId: 'campaign_x' } },
      {
        pauseIssuance: {
          __typename: 'CampaignChanged',
          campaign: { id: 'campaign_x', state: 'PAUSED', version: 3 },
        },
      },
    ),
  )
  const [home, issuance] = fetchesOf('CampaignHome')
  const kept = [
    policies
      .ofRoot(home!)!
      .tagsOf({ campaign: { __typename: 'Campaign', id: 'campaign_x' } }, { campaignId: 'campaign_x' }),
    policies.ofRoot(home!)!.tagsOf({ campaign: null }, { campaignId: 'campaign_x' }),
    policies
      .ofEntities(issuance!, '_entities')!
      .tagsOf({ issuance: {} }, {}, { __typename: 'Campaign', id: 'campaign_x' }),
  ]
  for (const tags of kept) expect(tags.some(tag => voided.has(tag))).toBe(true)
})

test('nothing of ours that is a caller’s own is kept', () => {
  expect(policies.keepsPrivate).toBe(false)
})
