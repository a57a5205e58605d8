import { setImmediate as othersTurn } from 'node:timers/promises'
import { z } from 'zod'
import { PRIORITIES, type Priority } from '../../protocol/priority.ts'
import { sha256 } from './text-form.ts'

/** One persisted operation as its manifest gives it. */
export interface ManifestOperation {
  /** SHA-256 of the body, lower-case hex. */
  readonly id: string
  readonly body: string
  readonly priority: Priority
  /** Only this client may name it; another may have the same id to itself. */
  readonly clientName?: string
  /** The name of the MCP tool that it is. */
  readonly tool?: string
  /** For people and models. */
  readonly description?: string
}

const OPERATIONS_MAX = 10_000
const ID = /^[0-9a-f]{64}$/
const TOOL = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/

const entrySchema = z.object({
  id: z.string().regex(ID, 'expected the SHA-256 of the body in lower-case hex'),
  body: z.string().min(1),
  clientName: z.string().min(1).nullish(),
  priority: z.enum(PRIORITIES).nullish(),
  tool: z.string().regex(TOOL, `expected a name of the form ${TOOL}`).nullish(),
  description: z.string().nullish(),
})

const apolloSchema = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  // Each is checked by itself, so that others have their turn in between.
  operations: z.array(z.unknown()).max(OPERATIONS_MAX),
})

const bodySchema = z.string().min(1)

/** Entries that are checked between two turns of others: about a millisecond. */
const STEP_ENTRIES = 50

/**
 * Reads an Apollo persisted query manifest, with our `priority` (BROWSE when absent), `tool` and `description`, or
 * `{"<hash>": "<text>"}`. Every id must be the hash of its body.
 * @param source names the manifest in errors.
 * @throws Error that says which entry is wrong and how.
 */
export function readManifest(text: string, source: string): readonly ManifestOperation[] {
  const steps = reading(text, source)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** {@link readManifest} beside other work: but for its JSON, in steps between which others have their turn. Rejects as it throws. */
export async function readManifestAsync(text: string, source: string): Promise<readonly ManifestOperation[]> {
  const steps = reading(text, source)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await othersTurn()
  }
}

function* reading(text: string, source: string): Generator<undefined, readonly ManifestOperation[]> {
  const entries = entriesOf(parseJson(text, source), source)
  const operations: ManifestOperation[] = []
  const keys = new Set<string>()
  const tools = new Set<string>()
  for (const [at, read] of entries.entries()) {
    if (at % STEP_ENTRIES === 0) yield
    const operation = operationOf(read(), source)
    const { id, clientName, tool } = operation
    const key = `${id} ${clientName ?? ''}`
    if (keys.has(key)) throw new Error(`${source}: the operation ${id} is there twice`)
    keys.add(key)
    if (tool !== undefined && tools.has(tool))
      throw new Error(`${source}: two operations are the tool ${tool}`)
    if (tool !== undefined) tools.add(tool)
    operations.push(operation)
  }
  return operations
}

type Entry = z.infer<typeof entrySchema>

function operationOf({ id, body, ...rest }: Entry, source: string): ManifestOperation {
  const hash = sha256(body)
  if (hash !== id)
    throw new Error(`${source}: expected the id of an operation to be its body's SHA-256 ${hash}, got ${id}`)
  return {
    id,
    body,
    priority: rest.priority ?? 'BROWSE',
    ...(rest.clientName ? { clientName: rest.clientName } : {}),
    ...(rest.tool ? { tool: rest.tool } : {}),
    ...(rest.description ? { description: rest.description } : {}),
  }
}

/** Each throws what is wrong with it when it is read. */
function entriesOf(json: unknown, source: string): readonly (() => Entry)[] {
  if (typeof json === 'object' && json !== null && !Array.isArray(json) && !('format' in json)) {
    const entries = Object.entries(json)
    if (entries.length > OPERATIONS_MAX)
      throw new Error(`${source}: expected at most ${OPERATIONS_MAX} operations, got ${entries.length}`)
    return entries.map(([id, body]) => () => ({ id, body: checked(bodySchema, body, source, [id]) }))
  }
  return checked(apolloSchema, json, source, []).operations.map(
    (entry, at) => () => checked(entrySchema, entry, source, ['operations', at]),
  )
}

/** @param path where the value stands. */
function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  source: string,
  path: readonly PropertyKey[],
): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map(issue => ({ ...issue, path: [...path, ...issue.path] }))
  throw new Error(`${source}: ${z.prettifyError(new z.ZodError(issues))}`)
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${source}: expected JSON: ${(error as Error).message}`)
  }
}
