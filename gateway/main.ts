import type { Logger } from 'pino'
import { GATEWAY_VARIABLES, type GatewayConfig, readConfig } from './config.ts'
import { createConfiguredGateway, readGraphSource, variableOf } from './configured.ts'
import type { Gateway } from './gateway.ts'
import type { GraphSource } from './graph.ts'
import { readTokenSettings } from './identity/settings.ts'
import type { TokenSettings } from './identity/tokens.ts'
import { assertSubgraphs } from './propagation.ts'
import { createLogger } from './telemetry/log.ts'
import { type Watch, watchFiles } from './watch.ts'

/** `npm run gateway`: the gateway alone, over subgraphs that answer by HTTP. */
async function main(): Promise<void> {
  const [argument] = process.argv.slice(2)
  if (argument !== undefined) {
    console.info(help())
    process.exitCode = argument === '--help' || argument === '-h' ? 0 : 1
    return
  }
  const config = readConfig(process.env)
  const tokens = readTokenSettings(process.env)
  const logger = createLogger({ level: config.logLevel })
  const gateway = await createConfiguredGateway(config, tokens, logger)
  assertSubgraphs('subgraphs', config.file.subgraphs, gateway.supergraph.subgraphs)
  const watch = watchFiles(
    [config.supergraphPath, config.operationsPath].filter(path => path !== undefined),
    () => reload(gateway, config, logger),
  )
  stopOnSignals(gateway, watch, logger)
  warnOfMissing(gateway, config, tokens, logger)
  const port = await listen(gateway, config)
  logger.info({ port, subgraphs: gateway.supergraph.subgraphs.map(({ name }) => name) }, 'gateway listens')
}

/** What the files say now, if it can serve; if not, the log has said why. */
async function reload(gateway: Gateway, config: GatewayConfig, logger: Logger): Promise<void> {
  let files: GraphSource
  try {
    files = await readGraphSource(config)
  } catch (error) {
    logger.error(
      { reason: (error as Error).message },
      'a changed file cannot be read; what was read before goes on',
    )
    return
  }
  await gateway.swap(files).catch(() => {})
}

function warnOfMissing(
  gateway: Gateway,
  { identityKey, operationsPath, overrideLabels, safelist, subgraphUrls }: GatewayConfig,
  tokens: TokenSettings | undefined,
  logger: Logger,
): void {
  if (identityKey === undefined)
    logger.warn(
      'IDENTITY_KEY is not set: subgraphs that have one refuse every request; those without treat every caller as anonymous',
    )
  if (operationsPath === undefined && (safelist === 'enforce' || safelist === 'require-id'))
    logger.warn({ safelist }, 'OPERATIONS is not set: SAFELIST refuses everything but introspection')
  else if (operationsPath === undefined)
    logger.info(
      'OPERATIONS is not set, and the supergraph is not our own: no operation is persisted, each is planned when its text first comes',
    )
  const unknown = overrideLabels.filter(label => !gateway.supergraph.overrideLabels.includes(label))
  if (unknown.length > 0) logger.warn({ labels: unknown }, 'OVERRIDE_LABELS has labels that no field names')
  const subgraphs = gateway.supergraph.subgraphs.map(({ name }) => variableOf(name))
  for (const name of subgraphUrls.keys())
    if (!subgraphs.includes(name))
      logger.warn({ subgraphs }, `SUBGRAPH_URL_${name} names no subgraph of the supergraph`)
  if (tokens === undefined)
    logger.warn(
      'no token settings: only anonymous callers are served; set TOKEN_SECRET, TOKEN_JWKS_URL or DATA_DIR',
    )
}

async function listen(gateway: Gateway, { port, host }: GatewayConfig): Promise<number> {
  try {
    return await gateway.listen({ port, host })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} on ${host} is in use; name another one with PORT`)
  }
}

function help(): string {
  const variables = GATEWAY_VARIABLES.map(([name, purpose]) => `  ${name.padEnd(20)} ${purpose}`)
  return ['Usage: npm run gateway', '', 'Settings come from the environment:', ...variables].join('\n')
}

function stopOnSignals(gateway: Gateway, watch: Watch, logger: Logger): void {
  let isStopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // A second one does not wait.
      if (isStopping) process.exit(1)
      isStopping = true
      logger.info({ signal }, 'gateway stops')
      watch.close()
      gateway.close().then(
        () => process.exit(0),
        error => {
          logger.error({ err: error }, 'gateway did not stop cleanly')
          process.exit(1)
        },
      )
    })
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`gateway: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
