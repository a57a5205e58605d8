import {
  type DocumentNode,
  type GraphQLSchema,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  parse,
  validate,
} from 'graphql'
import type { Variables } from './terms.ts'

/** @throws Error with what is wrong with it, up to three things. */
export function documentOf(text: string, schema: GraphQLSchema): DocumentNode {
  const written = parse(text)
  // Ours are written with a directive that says how to serve them, and persisted without it.
  const isOurs = schema.getDirective('operation') == null
  const document: DocumentNode = {
    ...written,
    definitions: written.definitions.map(definition =>
      definition.kind === Kind.OPERATION_DEFINITION && isOurs
        ? {
            ...definition,
            directives: definition.directives?.filter(({ name }) => name.value !== 'operation') ?? [],
          }
        : definition,
    ),
  }
  const problems = validate(schema, document, undefined, { maxErrors: 3 })
  if (problems.length === 0) return document
  throw new Error(
    problems
      .map(({ message, locations }) => message + (locations?.[0] ? ` (line ${locations[0].line})` : ''))
      .join(' '),
  )
}

/** @param name which, where there are several. */
export function operationIn(document: DocumentNode, name: string | undefined): OperationDefinitionNode {
  const operations = document.definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
  const wanted = name === undefined ? operations : operations.filter(one => one.name?.value === name)
  if (wanted.length === 1) return wanted[0]!
  const names = operations.map(operation => operation.name?.value ?? '(no name)').join(', ')
  if (operations.length === 0) throw new Error('expected --operation to hold an operation, got none')
  if (name !== undefined) throw new Error(`expected --name to be one of ${names}, got ${name}`)
  throw new Error(`expected --name to choose one of ${operations.length} operations: ${names}`)
}

/** Values with defaults. @throws Error naming up to three that do not fit. */
export function coerced(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  given: Variables,
): Variables {
  const { coerced: values, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], given, {
    maxErrors: 3,
  })
  if (values !== undefined) return values
  throw new Error(`--variables: ${errors.map(oneLine).join(' ')}`)
}

/** The data of an answer, or the data alone. */
export function answerIn(
  path: string,
  text: string,
  { selectionSet }: OperationDefinitionNode,
): Readonly<Record<string, unknown>> | null {
  const answer = objectIn(`--response ${path}`, text)
  const asksForData = selectionSet.selections.some(
    selection => selection.kind === Kind.FIELD && (selection.alias ?? selection.name).value === 'data',
  )
  const isWhole = Object.keys(answer).every(key => ['data', 'errors', 'extensions'].includes(key))
  if (!isWhole || (asksForData && Object.keys(answer).length === 1)) return answer
  const { data = null } = answer
  if (data !== null && (typeof data !== 'object' || Array.isArray(data)))
    throw new Error(`expected the data of --response ${path} to be an object or null`)
  return data as Readonly<Record<string, unknown>> | null
}

/** @param option where it was given. */
export function objectIn(option: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`expected ${option} to be JSON: ${oneLine(error)}`)
  }
  if (value !== null && typeof value === 'object' && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw new Error(`expected ${option} to be a JSON object, got ${oneLine(text.slice(0, 80))}`)
}

/** What was thrown, in a line. */
export function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ')
}
