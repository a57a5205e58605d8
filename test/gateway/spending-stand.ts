import type { FieldLimit } from '../../gateway/cost/field-limits.ts'
import { type CostSettings, DEFAULT_COST } from '../../gateway/cost-settings.ts'
import type { FieldControls } from '../../gateway/draws.ts'
import type { ServableOperation } from '../../gateway/operations/registry.ts'
import { PlaceCounts } from '../../gateway/place-counts.ts'
import { createPlaceTurns } from '../../gateway/place-turns.ts'
import { createSpending, type Demand, type Reservation, type Spending } from '../../gateway/spending.ts'
import type { BudgetStore, Rate } from '../../gateway/surge/budgets.ts'
import { DEFAULT_LINE_TERMS } from '../../gateway/surge/lines.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import { createPlaceTokens } from '../../gateway/surge/place-token.ts'
import type { Caller } from '../../protocol/caller.ts'
import type { Fault } from '../../protocol/fault.ts'

/** What requests may spend, on budgets whose time the test moves, for operations that are priced as it says. */

export const ALICE: Caller = {
  kind: 'shopper',
  shopperId: 'alice',
  client: 'qwen',
  scopes: [],
  tier: 'shopper',
}
/** No time is left free between places. */
const TERMS = { ...DEFAULT_LINE_TERMS, slack: 0 }
export const tiers = {
  shopper: { perSecond: 10, burst: 100 },
  developer: { perSecond: 20, burst: 200 },
  partner: { perSecond: 30, burst: 150 },
  chatbot: { perSecond: 40, burst: 250 },
}

export interface Stand {
  readonly spending: Spending
  readonly budgets: BudgetStore
  pass(ms: number): void
  /** Reserves, settles at `actual` unless told otherwise, and says what a client is told. */
  ask(points: number, more?: Partial<Asked>): Told
}

export interface Asked {
  readonly caller: Caller
  readonly address: string
  readonly actual: number | undefined
  readonly roots: readonly number[]
  readonly pointsMin: 0 | 1
  readonly limits: ReturnType<ServableOperation['cost']['limitsFor']>
  readonly placeToken: string | undefined
  readonly shed: (() => Fault) | undefined
  readonly costFactor: number
}

export interface Told {
  readonly code: string | undefined
  readonly extensions: Readonly<Record<string, unknown>> | undefined
  readonly cost: ReturnType<Spending['settle']>
}

export function stand(
  settings: Partial<CostSettings> = {},
  fields: Partial<FieldControls> = {},
  store?: (budgets: BudgetStore) => BudgetStore,
): Stand {
  let now = 1_000
  const memory = createMemoryBudgets({ clock: () => now, lines: { terms: TERMS } })
  const budgets = store?.(memory) ?? memory
  const spending = createSpending({
    settings: { ...DEFAULT_COST, mode: 'enforce', max: 100, tiers, ...settings },
    budgets,
    fields: { bucketOf: ({ rate }, key) => ({ key, rate }), statusOf: () => undefined, ...fields },
    turns: createPlaceTurns({
      lines: budgets.lines,
      tokens: createPlaceTokens(['a key for tokens of places in tests']),
      counts: new PlaceCounts(),
      onTurn: () => {},
      clock: () => now,
    }),
  })
  return {
    spending,
    budgets,
    pass: ms => (now += ms),
    ask(points, more = {}) {
      const demand = demandOf(points, more)
      const reservation = spending.reserve(demand) as Reservation
      const { actual } = 'actual' in more ? more : { actual: points }
      return told(spending, reservation, actual)
    },
  }
}

export function told(spending: Spending, reservation: Reservation, actual: number | undefined): Told {
  const { fault } = reservation
  return {
    code: fault?.code,
    extensions: fault?.extensions,
    cost: spending.settle(reservation, fault === undefined ? actual : undefined),
  }
}

export function demandOf(points: number, more: Partial<Asked>): Demand {
  const { caller = ALICE, address = '10.0.0.1', roots = [points], limits, pointsMin = 1 } = more
  const { placeToken, shed, costFactor = 1 } = more
  const estimate = {
    roots: [],
    estimate: () => ({ total: points, roots }),
    explain: () => [
      { path: ['a'], coordinate: 'Query.a', weight: 1, count: 10, arguments: 5, times: 1, total: 0 },
      { path: ['a', 'b'], coordinate: 'A.b', weight: 3, count: 2, arguments: 0, times: 10, total: 0 },
      { path: ['a', 'b', 'c'], coordinate: 'B.c', weight: 1, count: 1, arguments: 0, times: 20, total: 0 },
      { path: ['d'], coordinate: 'Query.d', weight: 1, count: 1, arguments: 0, times: 1, total: 0 },
    ],
  }
  const cost = {
    estimate,
    pointsMin,
    limitsFor: () => limits,
    actual: () => points,
    planned: () => new Map(),
  }
  return {
    caller,
    address,
    operation: { cost } as unknown as ServableOperation,
    variables: {},
    placeToken,
    shed,
    costFactor,
    planned: async () => new Map([['coupon', points]]),
  }
}

export const line = (rate: Rate, more: Partial<FieldLimit> = {}): NonNullable<Asked['limits']> => {
  const limit = {
    coordinate: 'Mutation.claim',
    per: 'FLEET',
    over: 'REFUSE',
    by: undefined,
    status: undefined,
    rate,
    pointsMin: 1,
    id: 'Mutation.claim',
    ...more,
  } satisfies FieldLimit
  return [
    {
      limit,
      index: 0,
      readValue: () => undefined,
      readToken: () => undefined,
      keyOf: (_, whose) => (limit.per === 'CALLER' ? whose : 'line'),
    },
  ]
}

export const SAYS_NOTHING = { isPaused: false, noticeZh: undefined, noticeEn: undefined }
