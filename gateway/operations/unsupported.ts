import { type ValidationRule, visit } from 'graphql'
import { Fault } from '../../protocol/fault.ts'

/** Directives that cut an answer into parts: an answer here is whole. */
const CUTTING: ReadonlySet<string> = new Set(['defer', 'stream'])

/**
 * Says what is not supported before other rules say that no such directive is known: an operation that was written for
 * a server with `@defer` is not a mistake in spelling.
 */
export const unsupportedRule: ValidationRule = context => ({
  Document(document) {
    const found = new Set<string>()
    visit(document, {
      Directive({ name: { value } }) {
        if (CUTTING.has(value)) found.add(value)
      },
      Argument: () => false,
    })
    for (const name of found)
      context.reportError(new Fault('OPERATION_NOT_SUPPORTED', `@${name} is not supported`))
  },
})
