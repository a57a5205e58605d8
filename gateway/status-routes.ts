import type { FastifyInstance } from 'fastify'
import { createReadiness } from './health.ts'
import type { ServedGraph } from './served-graph.ts'
import { printApiSchema } from './supergraph/api-schema.ts'
import type { BudgetStore } from './surge/budgets.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface StatusOptions {
  readonly graph: Pick<ServedGraph, 'current' | 'refused'>
  readonly lifecycle: { readonly isClosing: boolean }
  readonly metrics: Metrics
  /** Where budgets are kept now; said where gateways share them. */
  readonly budgets: Pick<BudgetStore, 'source'>
  /** How busy it is, as a JSON object. */
  readonly level: () => object
  /** Limits of fields as they hold now, each a JSON object. */
  readonly limits: () => readonly object[]
  /** Of places; said where there is a limit that gives any. */
  readonly lineTerms: () => object | undefined
  /** Whether anybody may read the schema. */
  readonly showsSchema: boolean
  /** Whether health says why a supergraph was refused, which may tell of the schema. */
  readonly showsReasons: boolean
}

/** What health says where it may not say why; that is in the log. */
const REFUSED = 'the newest supergraph or manifest cannot serve, the one before goes on; the log says why'

/** `/health/live`, `/health/ready`, `/metrics` and `/schema.graphql`: how the process is, and what it serves. */
export function statusRoutes(app: FastifyInstance, options: StatusOptions): void {
  const { graph, lifecycle, metrics, budgets, level, limits, lineTerms, showsSchema, showsReasons } = options
  const readiness = createReadiness(() => graph.current.clients)
  app.get('/health/live', async () => ({ status: 'live' }))
  app.get('/health/ready', async (_, reply) => {
    const reasons = lifecycle.isClosing ? { gateway: 'is stopping' } : await readiness()
    // The graph before goes on: nothing that asks should be sent elsewhere for it.
    const refusal = graph.refused === undefined ? {} : { refused: showsReasons ? graph.refused : REFUSED }
    const limited = limits()
    const terms = lineTerms()
    const shown = {
      ...level(),
      ...refusal,
      ...(budgets.source === 'memory' ? {} : { budgets: budgets.source }),
      ...(limited.length === 0 ? {} : { limits: limited }),
      ...(terms === undefined ? {} : { lineTerms: terms }),
    }
    if (Object.keys(reasons).length === 0) return { status: 'ready', ...shown }
    return reply.code(503).send({ status: 'unready', reasons, ...shown })
  })
  app.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  if (!showsSchema) return
  let printed: { readonly sdl: string; readonly api: string } | undefined
  app.get('/schema.graphql', async (_, reply) => {
    const { sdl } = graph.current.supergraph
    if (printed?.sdl !== sdl) printed = { sdl, api: printApiSchema(sdl) }
    return reply.type('text/plain; charset=utf-8').send(printed.api)
  })
}
