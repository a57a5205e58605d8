import type { CacheExtension } from './cached-response.ts'
import type { PlanDescription } from './execution/describe-plan.ts'
import type { ExecutionOutcome, JsonOutcome } from './execution/execute.ts'
import type { Validity } from './request.ts'

/** What execution came to, with what its client wants to know beside. */
export type Executed = (ExecutionOutcome | JsonOutcome) & {
  extensions?: { readonly queryPlan?: PlanDescription; readonly cache?: CacheExtension }
  /** Points; of those who share an execution, each has spent them. */
  actualCost?: number
  /** It is kept, and anybody may be given it for so long. */
  validity?: Validity | undefined
  isKept?: boolean
}

/** Why a step came to nothing: a Fault, or a defect of ours. */
export class Refused {
  readonly reason: unknown
  constructor(reason: unknown) {
    this.reason = reason
  }
}
