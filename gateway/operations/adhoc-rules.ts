import type { ValidationRule } from 'graphql'
import { limitsRule, type OperationLimits } from './limits.ts'
import { unsupportedRule } from './unsupported.ts'

/** What a client's text must hold to beside the specification's rules, wherever it is validated. */
export const adhocRules = (limits: OperationLimits): readonly ValidationRule[] => [
  unsupportedRule,
  limitsRule(limits),
]
