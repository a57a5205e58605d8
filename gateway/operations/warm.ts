import { setImmediate as othersTurn } from 'node:timers/promises'
import { parse, specifiedRules, validate } from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import type { AdhocOperations } from './adhoc.ts'
import { adhocRules } from './adhoc-rules.ts'
import type { RegistryLimits } from './registry.ts'

/** A text's graph: where it is known, or is to be. */
interface TextGraph {
  readonly supergraph: Supergraph
  readonly adhoc: AdhocOperations
  readonly rollouts: { readonly buckets: readonly unknown[] }
}

/**
 * Compiles for `next` what clients asked of `before`, latest used first, one text at a time beside other work, so that a
 * new supergraph does not begin cold. A text that no longer fits is left for its client to hear of.
 * @param isOver asked before each text; `true` ends it.
 */
export async function warmTexts(
  next: TextGraph,
  before: TextGraph,
  limits: RegistryLimits,
  isOver: () => boolean,
): Promise<void> {
  const rules = [...specifiedRules, ...adhocRules(limits)]
  for (const { text, operationName, bucket } of before.adhoc.recent()) {
    await othersTurn()
    if (isOver()) return
    if (bucket >= next.rollouts.buckets.length) continue
    try {
      const document = parse(text, { maxTokens: limits.tokensMax })
      if (validate(next.supergraph.apiSchema, document, rules, { maxErrors: 1 }).length > 0) continue
      await next.adhoc.operationOf({ text, operationName, document }, bucket)
    } catch {
      // Its client will be told.
    }
  }
}
