import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import {
  buildSchema,
  type DirectiveNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  print,
  validate,
} from 'graphql'
import { PRIORITIES, type Priority } from '../protocol/priority.ts'
import { composeGraph } from './compose.ts'
import { type GeneratedFile, generate, SourceError } from './generate.ts'
import { at, type GraphqlFile, readOperations, readSubgraphs } from './sources.ts'

/** An entry of `schema/operations.json`: Apollo's manifest with our three fields more. */
export interface PersistedOperation {
  /** SHA-256 of `body`, in lower-case hex. */
  readonly id: string
  readonly name: string
  readonly type: 'query' | 'mutation'
  readonly body: string
  readonly priority: Priority
  /** The name of the tool that an agent sees; absent: no tool. */
  readonly tool?: string
  /** What an agent is told of the tool. */
  readonly description: string
}

/** ADHOC is for text that nobody registered. */
const OPERATION_PRIORITIES: readonly Priority[] = PRIORITIES.filter(priority => priority !== 'ADHOC')
const TOOL_NAME = /^[a-z][a-z0-9_]{0,63}$/

/**
 * The manifest of a folder of operations, sorted by name. Each file holds one named operation, called as the file is,
 * beneath a comment that describes it, with `@operation(priority:, tool:)`; fragments may follow.
 * @throws SourceError naming every file and line that is wrong.
 */
export function persistOperations(
  files: readonly GraphqlFile[],
  schema: GraphQLSchema,
): PersistedOperation[] {
  const problems: string[] = []
  const operations: PersistedOperation[] = []
  const fileOfTool = new Map<string, string>()
  for (const file of files) {
    const result = persistOperation(file, schema)
    if (Array.isArray(result)) {
      problems.push(...result)
      continue
    }
    operations.push(result)
    if (result.tool === undefined) continue
    const other = fileOfTool.get(result.tool)
    if (other !== undefined) problems.push(`${file.path} the tool ${result.tool} is already that of ${other}`)
    fileOfTool.set(result.tool, file.path)
  }
  if (problems.length > 0) throw new SourceError(problems)
  return operations.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function persistOperation(file: GraphqlFile, schema: GraphQLSchema): PersistedOperation | string[] {
  const expectedName = basename(file.path, '.graphql')
  const found = file.document.definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
  const operation = found[0]
  if (operation === undefined || found.length !== 1)
    return [`${file.path} expected one operation, got ${found.length}`]
  const problems: string[] = []
  const type = operation.operation
  if (operation.name?.value !== expectedName) {
    problems.push(
      `${place(file, operation)} expected the operation to be called ${expectedName}, as its file, got ${operation.name?.value ?? 'no name'}`,
    )
  }
  if (type === 'subscription')
    return [...problems, `${place(file, operation)} expected a query or a mutation, got a subscription`]
  const description = leadingComment(file.text)
  if (description === '')
    problems.push(`${file.path}:1 expected a leading comment that says what the operation does, got none`)

  const isOurs = (directive: DirectiveNode) => directive.name.value === 'operation'
  const settings = readSettings(file, operation, operation.directives?.filter(isOurs) ?? [], problems)
  const document = {
    ...file.document,
    definitions: file.document.definitions.map(definition =>
      definition === operation
        ? { ...operation, directives: operation.directives?.filter(directive => !isOurs(directive)) ?? [] }
        : definition,
    ),
  }
  for (const error of validate(schema, document)) problems.push(`${at(file.path, error)} ${error.message}`)
  if (problems.length > 0) return problems
  const body = print(document)
  return {
    id: createHash('sha256').update(body).digest('hex'),
    name: expectedName,
    type,
    body,
    ...settings,
    description,
  }
}

/** What `@operation` says; a wrong one adds to `problems`. */
function readSettings(
  file: GraphqlFile,
  operation: OperationDefinitionNode,
  directives: readonly DirectiveNode[],
  problems: string[],
): { priority: Priority; tool?: string } {
  const directive = directives[0]
  if (directive === undefined || directives.length !== 1) {
    problems.push(
      `${place(file, operation)} expected one @operation(priority:, tool:), got ${directives.length}`,
    )
    return { priority: 'BROWSE' }
  }
  let priority: Priority | undefined
  let tool: string | undefined
  for (const argument of directive.arguments ?? []) {
    const where = place(file, argument)
    const got = print(argument.value)
    switch (argument.name.value) {
      case 'priority':
        priority =
          argument.value.kind === Kind.ENUM ? OPERATION_PRIORITIES.find(name => name === got) : undefined
        if (priority === undefined)
          problems.push(
            `${where} expected priority to be one of ${OPERATION_PRIORITIES.join(', ')}, got ${got}`,
          )
        break
      case 'tool':
        tool = argument.value.kind === Kind.STRING ? argument.value.value : ''
        if (!TOOL_NAME.test(tool))
          problems.push(
            `${where} expected tool to be a string of a-z, 0-9 and _ that begins with a letter, at most 64 characters, got ${got}`,
          )
        break
      default:
        problems.push(`${where} @operation takes priority and tool, got ${argument.name.value}`)
    }
  }
  if (priority === undefined && !directive.arguments?.some(argument => argument.name.value === 'priority'))
    problems.push(`${place(file, directive)} expected @operation to say its priority, got none`)
  return { priority: priority ?? 'BROWSE', ...(tool === undefined ? {} : { tool }) }
}

/** The comment lines that begin a file, as one paragraph. */
function leadingComment(text: string): string {
  const lines: string[] = []
  for (const line of text.split('\n')) {
    if (!line.startsWith('#')) break
    lines.push(line.slice(1).trim())
  }
  return lines.join(' ').trim()
}

const place = (file: GraphqlFile, node: { readonly loc?: { startToken: { line: number } } }): string =>
  `${file.path}:${node.loc?.startToken.line ?? 1}`

/** `schema/operations.json` of the operations as they are now. @throws SourceError */
export function operationsFiles(): GeneratedFile[] {
  const schema = buildSchema(composeGraph(readSubgraphs()).api)
  const manifest = {
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: persistOperations(readOperations(), schema),
  }
  return [{ path: 'schema/operations.json', text: `${JSON.stringify(manifest, null, 2)}\n` }]
}

if (import.meta.main) {
  process.exitCode = await generate({
    help: 'node schema/persist.ts [--check]\n\nWrites schema/operations.json, the manifest of schema/operations/*.graphql, each checked against the API schema.',
    argv: process.argv.slice(2),
    make: operationsFiles,
  })
}
