import type { Caller } from '../protocol/caller.ts'
import type { Priority } from '../protocol/priority.ts'
import type { ServableOperation } from './operations/registry.ts'
import type { Standing } from './surge/policy.ts'

/** Those of shoppers and of whoever acts for them; of an anonymous caller nobody knows whether it is one. */
const OF_SHOPPERS: ReadonlySet<Priority> = new Set(['PAY', 'REDEEM', 'CLAIM'])

/** Anybody can name an operation: how urgent it is depends on whose request it is, too. */
export function priorityOf({ priority }: Pick<ServableOperation, 'priority'>, { kind }: Caller): Priority {
  if (priority === 'OPERATE') return kind === 'operator' ? priority : 'BROWSE'
  return kind === 'anonymous' && OF_SHOPPERS.has(priority) ? 'BROWSE' : priority
}

/**
 * By what a level judges a request: operators are let in whatever they ask.
 * @param operation `undefined`: a text that is not compiled yet.
 */
export function standingOf(
  operation: Pick<ServableOperation, 'priority'> | undefined,
  caller: Caller,
): Standing {
  if (caller.kind === 'operator') return 'OPERATE'
  return operation === undefined ? 'UNKNOWN_TEXT' : priorityOf(operation, caller)
}
