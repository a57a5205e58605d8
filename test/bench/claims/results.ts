import type { Window } from './measure.ts'
import type { Layout } from './stand.ts'

export interface ClaimsSample {
  readonly part: 'P4' | 'callers' | 'batches'
  readonly round: number
  readonly layout: Layout
  readonly work: string
  readonly callers: number
  /** Claims in one SQL call at most; `undefined`: as shipped. */
  readonly batchMax: number | undefined
  readonly window: Window
}

export interface FunctionSample {
  readonly round: number
  readonly batch: number
  readonly perSecond: number
  /** Why it says nothing, if so. */
  readonly voidReason: string | undefined
}

export interface ClaimsResults {
  readonly at: string
  readonly node: string
  readonly processor: string
  readonly rounds: number
  readonly samples: readonly ClaimsSample[]
  readonly functions: readonly FunctionSample[]
}
