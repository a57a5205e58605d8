import {
  type DocumentNode,
  ExecutableDefinitionsRule,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  LoneAnonymousOperationRule,
  NoFragmentCyclesRule,
  NoUnusedFragmentsRule,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  SingleFieldSubscriptionsRule,
  specifiedRules,
  UniqueFragmentNamesRule,
  UniqueOperationNamesRule,
  type ValidationRule,
  validate,
} from 'graphql'
import { checkLimits, type OperationLimits } from './limits.ts'
import { unsupportedRule } from './unsupported.ts'

export interface DocumentLimits extends OperationLimits {
  readonly tokensMax: number
}

/**
 * A persisted operation's text, parsed.
 * @throws GraphQLError where it is no GraphQL, or too long.
 */
export const parseDocument = (body: string, { tokensMax }: DocumentLimits): DocumentNode =>
  parse(body, { maxTokens: tokensMax, noLocation: true })

/** @throws GraphQLError that says what is wrong: not one operation, invalid, too large. */
export function checkDocument(
  apiSchema: GraphQLSchema,
  body: string,
  document: DocumentNode,
  limits: DocumentLimits,
): void {
  const definition = onlyOperation(document)
  const errors = validate(apiSchema, document, rulesFor(body, document), { maxErrors: 5 })
  if (errors.length > 0) throw new GraphQLError(errors.map(error => error.message).join(' '))
  const tooLarge = checkLimits(document, definition, limits)
  if (tooLarge !== undefined) throw tooLarge
}

/** @throws GraphQLError where there is none, or another one. */
export function onlyOperation(document: DocumentNode): OperationDefinitionNode {
  const found = document.definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
  if (found.length !== 1) throw new GraphQLError(`expected one operation, got ${found.length}`)
  return found[0]!
}

/** What a query or a mutation that is alone in its document cannot break: a seventh of the time. */
const OF_SEVERAL: ReadonlySet<ValidationRule> = new Set([
  ExecutableDefinitionsRule,
  UniqueOperationNamesRule,
  LoneAnonymousOperationRule,
  SingleFieldSubscriptionsRule,
  UniqueFragmentNamesRule,
  NoFragmentCyclesRule,
  NoUnusedFragmentsRule,
])
const RULES_ALONE: readonly ValidationRule[] = specifiedRules.filter(rule => !OF_SEVERAL.has(rule))
const RULES: readonly ValidationRule[] = [unsupportedRule, ...specifiedRules]
/** Of directives that the rule on what is unsupported looks for. */
const UNSUPPORTED = /defer|stream/

function rulesFor(body: string, { definitions }: DocumentNode): readonly ValidationRule[] {
  const [only] = definitions
  const isAlone =
    definitions.length === 1 &&
    only?.kind === Kind.OPERATION_DEFINITION &&
    only.operation !== OperationTypeNode.SUBSCRIPTION
  return isAlone && !UNSUPPORTED.test(body) ? RULES_ALONE : RULES
}
