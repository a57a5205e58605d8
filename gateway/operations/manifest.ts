import { createHash } from 'node:crypto'
import { z } from 'zod'
import { PRIORITIES, type Priority } from '../../protocol/priority.ts'

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
  operations: z.array(entrySchema).max(OPERATIONS_MAX),
})

const hashSchema = z.record(z.string(), z.string().min(1))

/**
 * Reads an Apollo persisted query manifest, with our `priority` (BROWSE when absent), `tool` and `description`, or
 * `{"<hash>": "<text>"}`. Every id must be the hash of its body.
 * @param source names the manifest in errors.
 * @throws Error that says which entry is wrong and how.
 */
export function readManifest(text: string, source: string): readonly ManifestOperation[] {
  const operations = entriesOf(parseJson(text, source), source).map(({ id, body, ...rest }) => ({
    id,
    body,
    priority: rest.priority ?? 'BROWSE',
    ...(rest.clientName ? { clientName: rest.clientName } : {}),
    ...(rest.tool ? { tool: rest.tool } : {}),
    ...(rest.description ? { description: rest.description } : {}),
  }))
  const keys = new Set<string>()
  const tools = new Set<string>()
  for (const { id, body, clientName, tool } of operations) {
    const hash = createHash('sha256').update(body).digest('hex')
    if (hash !== id)
      throw new Error(
        `${source}: expected the id of an operation to be its body's SHA-256 ${hash}, got ${id}`,
      )
    const key = `${id} ${clientName ?? ''}`
    if (keys.has(key)) throw new Error(`${source}: the operation ${id} is there twice`)
    keys.add(key)
    if (tool === undefined) continue
    if (tools.has(tool)) throw new Error(`${source}: two operations are the tool ${tool}`)
    tools.add(tool)
  }
  return operations
}

type Entry = z.infer<typeof entrySchema>

function entriesOf(json: unknown, source: string): readonly Entry[] {
  if (typeof json === 'object' && json !== null && !Array.isArray(json) && !('format' in json)) {
    const known = hashSchema.safeParse(json)
    if (!known.success) throw new Error(`${source}: ${z.prettifyError(known.error)}`)
    const entries = Object.entries(known.data)
    if (entries.length > OPERATIONS_MAX)
      throw new Error(`${source}: expected at most ${OPERATIONS_MAX} operations, got ${entries.length}`)
    return entries.map(([id, body]) => ({ id, body }))
  }
  const manifest = apolloSchema.safeParse(json)
  if (!manifest.success) throw new Error(`${source}: ${z.prettifyError(manifest.error)}`)
  return manifest.data.operations
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${source}: expected JSON: ${(error as Error).message}`)
  }
}
