import { setImmediate as othersTurn } from 'node:timers/promises'
import {
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  Kind,
  type OperationDefinitionNode,
} from 'graphql'
import type { OperationRegistry, ServableOperation } from '../operations/registry.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { type InputSchema, toolInput } from './input-schema.ts'

/** One persisted operation as a tool. */
export interface Tool {
  readonly name: string
  readonly description: string
  readonly inputSchema: InputSchema
  readonly annotations: ToolAnnotations
  readonly operation: ServableOperation
  variablesOf(args: Readonly<Record<string, unknown>>): Record<string, unknown>
}

/** What a client may show or ask before it calls the tool. */
export interface ToolAnnotations {
  readonly title: string
  readonly readOnlyHint: boolean
  readonly destructiveHint: boolean
  readonly idempotentHint: boolean
  /** Everything happens inside this graph. */
  readonly openWorldHint: false
}

/** A tool in the form that OpenAI's and Qwen's chat interfaces take. */
export interface FunctionTool {
  readonly type: 'function'
  readonly function: { readonly name: string; readonly description: string; readonly parameters: InputSchema }
}

/** Mutations of these names only add something that can be let go of; all others count as destructive. */
const ADDITIVE = /^(claim|quote|place|create|add)/
/** Mutations of these names set a state: doing it twice is doing it once. */
const STATE_SETTING = /^(claim|cancel|pause|resume|set|upsert)/

/** What tools are made of; a new supergraph or manifest makes new ones. */
interface Source {
  readonly supergraph: Supergraph
  readonly registry: OperationRegistry
}

const TOOLS = new WeakMap<Source, ReadonlyMap<string, Tool>>()

/** Of an operation that is another client's, nobody is told and nobody runs it, as at the other doors. */
export const isFor = (clientName: string | undefined, { operation }: Tool): boolean =>
  operation.clientName === undefined || operation.clientName === clientName

/** A graph's tools by name, made once; whose they are, {@link isFor} says. */
export function toolsOf(graph: Source): ReadonlyMap<string, Tool> {
  let tools = TOOLS.get(graph)
  if (tools === undefined) {
    const making = createTools(graph.supergraph.apiSchema, graph.registry.operations)
    let step = making.next()
    while (!step.done) step = making.next()
    tools = step.value
    TOOLS.set(graph, tools)
  }
  return tools
}

/** Makes a graph's tools ahead, beside other work, which has its turn after each. Rejects where one cannot be made. */
export async function makeTools(graph: Source): Promise<void> {
  const making = createTools(graph.supergraph.apiSchema, graph.registry.operations)
  let step = making.next()
  while (!step.done) {
    await othersTurn()
    step = making.next()
  }
  TOOLS.set(graph, step.value)
}

/** One tool for each operation that names one, in the manifest's order, in steps. */
function* createTools(
  schema: GraphQLSchema,
  operations: Iterable<ServableOperation>,
): Generator<undefined, ReadonlyMap<string, Tool>> {
  const tools = new Map<string, Tool>()
  for (const operation of operations) {
    if (operation.tool === undefined) continue
    const { schema: inputSchema, variablesOf } = toolInput(schema, operation.definition)
    tools.set(operation.tool, {
      name: operation.tool,
      description: operation.description ?? `Runs the operation ${operation.name}.`,
      inputSchema,
      annotations: annotationsOf(schema, operation),
      operation,
      variablesOf,
    })
    yield
  }
  return tools
}

export function functionTools(tools: Iterable<Tool>): readonly FunctionTool[] {
  return [...tools].map(({ name, description, inputSchema }) => ({
    type: 'function',
    function: { name, description, parameters: inputSchema },
  }))
}

function annotationsOf(
  schema: GraphQLSchema,
  { name, kind, definition }: ServableOperation,
): ToolAnnotations {
  const title = name.replace(/(?!^)([A-Z])/g, ' $1')
  if (kind === 'query') {
    return { title, readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }
  }
  const fields = rootFields(definition)
  return {
    title,
    readOnlyHint: false,
    destructiveHint: !fields.every(field => ADDITIVE.test(field)),
    idempotentHint: fields.every(field => STATE_SETTING.test(field) || takesIdempotencyKey(schema, field)),
    openWorldHint: false,
  }
}

function rootFields(definition: OperationDefinitionNode): readonly string[] {
  return definition.selectionSet.selections.flatMap(selection =>
    selection.kind === Kind.FIELD ? [selection.name.value] : [],
  )
}

/** Whoever takes a key derives one when none is given. */
function takesIdempotencyKey(schema: GraphQLSchema, field: string): boolean {
  const args = schema.getMutationType()?.getFields()[field]?.args ?? []
  return args.some(({ type }) => {
    const named = getNamedType(type)
    return isInputObjectType(named) && named.getFields().idempotencyKey !== undefined
  })
}
