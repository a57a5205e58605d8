import { Graph, type GraphAnswer } from '../harness/graph.ts'
import { type ClaimLimit, claimLimitOf, setClaimLimit } from './claim-limit.ts'
import type { ReplayStack } from './stack.ts'

export interface DropOptions {
  /** One that is running already. Default: a new one. */
  readonly campaignId?: string | undefined
  /** Of a new campaign. */
  readonly coupons: number
  /** What the line of the campaign admits for the time of the replay. Default: the limit that holds. */
  readonly claimsPerSecond?: number | undefined
  /** How many of each product are put on the shelf. */
  readonly stock: number
}

/** A line of an order. */
export interface BasketLine {
  readonly sku: string
  readonly quantity: number
}

/** A running campaign, and what can be bought with its coupons. */
export interface Drop extends AsyncDisposable {
  readonly campaignId: string
  readonly faceFen: number
  /** `undefined`: the stack enforces none. */
  readonly limit: ClaimLimit | undefined
  /** Orders that the coupon pays in full; at least one. */
  readonly free: readonly BasketLine[]
  /** Orders of which something is left to pay; at least one. */
  readonly due: readonly BasketLine[]
  /** How the budget stands; `undefined` when the graph does not say. */
  budget(): Promise<Budget | undefined>
  /** Puts the limit back. May be called twice. */
  close(): Promise<void>
}

export interface Budget {
  readonly limit: number
  readonly issued: number
  readonly remaining: number
  readonly allottedFen: number
  readonly availableFen: number
  readonly liabilityFen: number
  readonly expenseFen: number
  readonly returnedFen: number
}

/** The incident's card: 25 yuan, without a smallest order. */
const FACE_FEN = 2_500
const DAY_MS = 86_400_000
/** Products of a kind: stock is a row a sku, and one row for everybody would be what the replay measures. */
const PRODUCTS_MAX = 24
const WORDS = ['奶茶', '咖啡', '茶', '面包', '零食', '水果'] as const
const STOCK_MAX = 1_000_000_000

/**
 * Makes a campaign by the operators' mutations, or takes a running one; fills the shelf and sets the limit.
 * @throws Error with the graph's answer, when something is refused.
 */
export async function openDrop(stack: ReplayStack, options: DropOptions): Promise<Drop> {
  const operator = new Graph(stack.url, stack.operatorToken)
  const campaignId = options.campaignId ?? (await makeCampaign(operator, options.coupons))
  const { faceFen, minSpendFen } = await runningCampaign(operator, campaignId)
  const { free, due } = await baskets(operator, faceFen, minSpendFen)
  for (const { sku } of [...free, ...due]) await setStock(operator, sku, Math.min(STOCK_MAX, options.stock))

  let putBack = async (): Promise<void> => {}
  if (options.claimsPerSecond !== undefined) putBack = await setClaimLimit(stack, options.claimsPerSecond)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= putBack())
  try {
    const limit = await claimLimitOf(stack)
    return {
      campaignId,
      faceFen,
      limit,
      free,
      due,
      budget: () => budgetOf(operator, campaignId),
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function makeCampaign(operator: Graph, coupons: number): Promise<string> {
  const nowMs = Date.now()
  const at = (days: number): string => new Date(nowMs + days * DAY_MS).toISOString()
  const created = await operator.text(
    `mutation($input: CreateCampaignInput!) {
      createCampaign(input: $input) { __typename ...on ShopperMessage { messageEn } ... on CampaignCreated { campaign { id } } }
    }`,
    {
      input: {
        nameZh: '重演',
        nameEn: 'Replay',
        budgetFen: coupons * FACE_FEN,
        faceFen: FACE_FEN,
        opensAt: at(-1),
        closesAt: at(30),
        validUntil: at(60),
      },
    },
  )
  const campaignId = created.body.data?.createCampaign?.campaign?.id
  if (typeof campaignId !== 'string') throw unexpected('a new campaign', created)
  const activated = await operator.text(
    'mutation($input: ChangeCampaignInput!) { activateCampaign(input: $input) { __typename } }',
    { input: { campaignId } },
  )
  if (activated.body.data?.activateCampaign?.__typename !== 'CampaignChanged')
    throw unexpected('the new campaign to be active', activated)
  return campaignId
}

async function runningCampaign(
  operator: Graph,
  campaignId: string,
): Promise<{ faceFen: number; minSpendFen: number }> {
  const answer = await operator.text('query($id: ID!) { campaign(id: $id) { state faceFen minSpendFen } }', {
    id: campaignId,
  })
  const campaign = answer.body.data?.campaign
  if (campaign?.state !== 'ACTIVE') throw unexpected(`${campaignId} to be active`, answer)
  return campaign
}

interface Variant {
  readonly sku: string
  readonly priceFen: number
}

/** Single products for a coupon's face and less; and for what is more, the dearest of them twice where none is dearer. */
async function baskets(
  operator: Graph,
  faceFen: number,
  minSpendFen: number,
): Promise<Pick<Drop, 'free' | 'due'>> {
  const variants = new Map<string, Variant>()
  for (const query of WORDS) {
    const answer = await operator.persisted('SearchProducts', { query, first: 50 })
    const edges = answer.body.data?.searchProducts?.edges
    if (!Array.isArray(edges)) throw unexpected(`products for ${query}`, answer)
    for (const { node } of edges)
      for (const variant of node.variants as Variant[]) variants.set(variant.sku, variant)
  }
  const usable = [...variants.values()]
    .filter(({ priceFen }) => priceFen >= minSpendFen)
    .toSorted((a, b) => a.priceFen - b.priceFen || (a.sku < b.sku ? -1 : 1))
  const once = ({ sku }: Variant): BasketLine => ({ sku, quantity: 1 })
  const paid = usable.filter(({ priceFen }) => priceFen <= faceFen)
  const dearer = usable.filter(({ priceFen }) => priceFen > faceFen)
  const twice = paid.filter(({ priceFen }) => priceFen * 2 > faceFen).map(({ sku }) => ({ sku, quantity: 2 }))
  const free = paid.slice(-PRODUCTS_MAX).map(once)
  const due = [...dearer.map(once), ...twice].slice(0, PRODUCTS_MAX)
  if (free.length === 0 || due.length === 0)
    throw new Error(
      `expected products for ${faceFen} fen and less and for more, of ${minSpendFen} fen at least, got ${free.length} and ${due.length} of ${variants.size}`,
    )
  return { free, due }
}

async function setStock(operator: Graph, sku: string, onHand: number): Promise<void> {
  const answer = await operator.text(
    'mutation($input: SetStockInput!) { setStock(input: $input) { __typename } }',
    { input: { sku, onHand } },
  )
  if (answer.body.data?.setStock?.__typename !== 'StockSet') throw unexpected(`${sku} to be stocked`, answer)
}

async function budgetOf(operator: Graph, campaignId: string): Promise<Budget | undefined> {
  const answer = await operator.persisted('IssuanceStatus', { campaignId }).catch(() => undefined)
  const issuance = answer?.body.data?.campaign?.issuance
  if (typeof issuance?.issued !== 'number') return undefined
  const { limit, issued, remaining, allottedFen, availableFen, liabilityFen, expenseFen, returnedFen } =
    issuance
  return { limit, issued, remaining, allottedFen, availableFen, liabilityFen, expenseFen, returnedFen }
}

const unexpected = (what: string, { status, body }: GraphAnswer): Error =>
  new Error(`expected ${what}, got ${status}: ${JSON.stringify(body).slice(0, 500)}`)
