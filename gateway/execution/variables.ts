import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  getVariableValues,
  isInputType,
  isNonNullType,
  Kind,
  type NamedTypeNode,
  type OperationDefinitionNode,
  typeFromAST,
  type VariableDefinitionNode,
  valueFromAST,
  visit,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import { compileCoerce, UNUSUAL } from './coerce.ts'

/** Problems reported of one request's variables. */
const PROBLEMS_MAX = 5

/** How deep a variable's value may nest; deeper ones would exhaust the stack of whoever walks them. */
const DEPTH_MAX = 64

export type Variables = Readonly<Record<string, unknown>>

/** Raw values → coerced ones, with defaults. Throws Fault BAD_INPUT that names every problem, up to a bound. */
export type CoerceVariables = (raw: Variables | null | undefined) => Variables

/**
 * Coercion as the GraphQL specification has it, and refusal of strings that storage cannot hold: NUL, and halves of
 * surrogate pairs. Custom scalars pass as given.
 */
export function compileVariables(schema: GraphQLSchema, operation: OperationDefinitionNode): CoerceVariables {
  const definitions = operation.variableDefinitions ?? []
  const plainly = compilePlainly(schema, definitions)
  return raw => {
    if (raw !== null && raw !== undefined && (typeof raw !== 'object' || Array.isArray(raw)))
      throw new Fault(
        'BAD_INPUT',
        `Expected variables to be an object, got ${Array.isArray(raw) ? 'a list' : typeof raw}`,
      )
    if (definitions.length === 0) return {}
    const given = raw ?? {}
    for (const { variable } of definitions) {
      const name = variable.name.value
      if (Object.hasOwn(given, name)) refuseBadStrings(given[name], `$${name}`, 0)
    }
    const plain = plainly(given)
    if (plain !== undefined) return plain
    const { coerced, errors } = getVariableValues(schema, definitions, given as Record<string, unknown>, {
      maxErrors: PROBLEMS_MAX,
    })
    if (coerced) return coerced
    const problems = (errors ?? []).map(error => error.message).slice(0, PROBLEMS_MAX)
    throw new Fault('BAD_INPUT', problems[0] ?? 'Variables do not match the operation', {
      ...(problems.length > 1 ? { details: { problems } } : {}),
    })
  }
}

/** The variables when each is of the plain form; undefined leaves them, and what is wrong with them, to graphql-js. */
function compilePlainly(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
): (given: Variables) => Variables | undefined {
  const variables = definitions.map(({ variable, type: typeNode, defaultValue }) => {
    const type = typeFromAST(schema, typeNode as NamedTypeNode)
    if (!isInputType(type)) throw new Error(`Expected an input type for $${variable.name.value}, got ${type}`)
    return {
      name: variable.name.value,
      coerce: compileCoerce(type),
      isRequired: isNonNullType(type),
      defaultValue: defaultValue && valueFromAST(defaultValue, type),
    }
  })
  return given => {
    const coerced: Record<string, unknown> = {}
    for (const { name, coerce, isRequired, defaultValue } of variables) {
      if (!Object.hasOwn(given, name)) {
        if (defaultValue !== undefined) coerced[name] = defaultValue
        else if (isRequired) return undefined
        continue
      }
      const value = coerce(given[name])
      if (value === UNUSUAL) return undefined
      coerced[name] = value
    }
    return coerced
  }
}

/** Refuses strings in an operation's text that storage cannot hold. Throws Fault BAD_INPUT. */
export function refuseBadLiterals(
  operation: OperationDefinitionNode,
  fragments: Iterable<FragmentDefinitionNode>,
): void {
  const document: DocumentNode = { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] }
  visit(document, {
    Argument(node) {
      visit(node.value, {
        StringValue(value) {
          refuseBadString(value.value, `argument "${node.name.value}"`)
        },
      })
      return false
    },
    VariableDefinition(node) {
      if (node.defaultValue)
        visit(node.defaultValue, {
          StringValue(value) {
            refuseBadString(value.value, `the default of "$${node.variable.name.value}"`)
          },
        })
    },
  })
}

function refuseBadStrings(value: unknown, at: string, depth: number): void {
  if (typeof value === 'string') refuseBadString(value, at)
  else if (value !== null && typeof value === 'object') {
    if (depth >= DEPTH_MAX)
      throw new Fault(
        'BAD_INPUT',
        `Expected at most ${DEPTH_MAX} levels in a variable, got more in ${at.slice(0, 80)}`,
      )
    if (Array.isArray(value))
      for (let i = 0; i < value.length; i++) refuseBadStrings(value[i], `${at}[${i}]`, depth + 1)
    else
      for (const key of Object.keys(value)) {
        refuseBadString(key, `a key of ${at}`)
        refuseBadStrings((value as Record<string, unknown>)[key], `${at}.${key}`, depth + 1)
      }
  }
}

function refuseBadString(value: string, at: string): void {
  if (value.includes('\0')) throw new Fault('BAD_INPUT', `Expected text without NUL in ${at.slice(0, 200)}`)
  if (!value.isWellFormed())
    throw new Fault(
      'BAD_INPUT',
      `Expected well-formed text in ${at.slice(0, 200)}, got half of a surrogate pair`,
    )
}
