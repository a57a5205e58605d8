import { parseArgs } from 'node:util'
import { type DocumentNode, Kind } from 'graphql'
import { apiSchema } from '../supergraph/api-schema.ts'
import { compileActual } from './actual.ts'
import { answerIn, coerced, documentOf, objectIn, oneLine, operationIn } from './cost-inputs.ts'
import { compileEstimate } from './estimate.ts'
import { type Explanation, explanationJson, explanationTable } from './explanation.ts'
import { plainSchema } from './plain-schema.ts'
import type { Variables } from './terms.ts'

const USAGE = `npm run cost -- --schema <file> --operation <file> [options]

Says what an operation costs, in points, and which of its fields cost how much of them.

  --schema <file>        SDL with @cost and @listSize: of a server, of a subgraph, or with --supergraph of a supergraph
  --operation <file>     a GraphQL document; - for standard input
  --name <name>          which operation, where the document has several
  --variables <json>     an object
  --list-size <n>        members that a list without a known size counts for; default 100
  --response <file>      an answer, as JSON: what it has cost is said too
  --supergraph           the schema is composed: what its plan is estimated at is said too
  --json                 {"estimated":n,"planned":n|null,"actual":n|null,"fields":{"<path>":n}}
  --help
`

/** What the command needs of the world. */
export interface CostPorts {
  /** Rejects with what is wrong. `-` is standard input. */
  readonly read: (path: string) => Promise<string>
  readonly planned: PlannedCost
}

/** What the plan of an operation is estimated at, by subgraph. */
export type PlannedCost = (request: {
  readonly supergraphSdl: string
  readonly document: DocumentNode
  readonly operationName: string | undefined
  /** As given. */
  readonly variables: Variables
  readonly listSizeDefault: number
}) => Promise<ReadonlyMap<string, number>>

/**
 * What `npm run cost` prints: an explanation, or its usage.
 * @throws Error that says, in one line, what was expected.
 */
export async function costCommand(args: readonly string[], { read, planned }: CostPorts): Promise<string> {
  const values = parsed(args)
  if (values.help) return USAGE
  if (values.schema === undefined || values.operation === undefined)
    throw new Error('expected --schema <file> and --operation <file>; see --help')
  const listSizeDefault = listSizeOf(values['list-size'])
  const given = objectIn('--variables', values.variables)
  const sdl = await file(read, '--schema', values.schema)
  const schema = within(values.schema, () => (values.supergraph ? apiSchema(sdl) : plainSchema(sdl)))
  const text = await file(read, '--operation', values.operation)
  const document = within(values.operation, () => documentOf(text, schema))
  const operation = operationIn(document, values.name)
  const variables = coerced(schema, operation, given)
  const answer =
    values.response === undefined
      ? undefined
      : answerIn(values.response, await file(read, '--response', values.response), operation)
  const fragments = new Map(
    document.definitions.flatMap(definition =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  )
  const source = { sdl, apiSchema: schema }
  const estimate = compileEstimate(source, operation, fragments, { listSizeDefault })
  const operationName = operation.name?.value
  const explanation: Explanation = {
    estimated: estimate.estimate(variables).total,
    planned: values.supergraph
      ? await planned({ supergraphSdl: sdl, document, operationName, variables: given, listSizeDefault })
      : null,
    actual: answer === undefined ? null : compileActual(source, operation, fragments)(answer, variables),
    fields: estimate.explain(variables),
  }
  return values.json ? explanationJson(explanation) : explanationTable(explanation)
}

const OPTIONS = {
  schema: { type: 'string' },
  operation: { type: 'string' },
  name: { type: 'string' },
  variables: { type: 'string', default: '{}' },
  'list-size': { type: 'string', default: '100' },
  response: { type: 'string' },
  supergraph: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

function parsed(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ args: string[]; options: typeof OPTIONS }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values
  } catch (error) {
    // Node's first sentence names the option; those after it are about how to write positional arguments.
    throw new Error(`${(error as Error).message.split('. ', 1)[0]!.replace(/\.$/, '')}; see --help`)
  }
}

function listSizeOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Error(`expected --list-size to be a whole number, got ${text}`)
}

async function file(read: CostPorts['read'], option: string, path: string): Promise<string> {
  try {
    return await read(path)
  } catch (error) {
    throw new Error(`${option} ${path} cannot be read: ${oneLine(error)}`)
  }
}

function within<T>(path: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new Error(`${path}: ${oneLine(error)}`)
  }
}
