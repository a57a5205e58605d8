import { createCampaignSubgraph } from './campaign/subgraph.ts'
import { createCatalogSubgraph } from './catalog/subgraph.ts'
import { createCouponSubgraph } from './coupon/subgraph.ts'
import { createPaymentSubgraph } from './payment/subgraph.ts'
import type { CreateSubgraph, SubgraphName } from './subgraph.ts'

/** Every subgraph: how it is made, and which ones it calls. The calls form a DAG. */
export const SUBGRAPHS: Readonly<
  Record<SubgraphName, { readonly create: CreateSubgraph; readonly calls: readonly SubgraphName[] }>
> = {
  coupon: { create: createCouponSubgraph, calls: [] },
  catalog: { create: createCatalogSubgraph, calls: [] },
  campaign: { create: createCampaignSubgraph, calls: ['coupon'] },
  payment: { create: createPaymentSubgraph, calls: ['coupon', 'catalog'] },
}

/** Those that are called before those that call. */
export const SUBGRAPH_NAMES: readonly SubgraphName[] = ['coupon', 'catalog', 'campaign', 'payment']
