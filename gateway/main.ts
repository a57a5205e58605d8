import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import { HttpClient } from '../protocol/http-client.ts'
import { GATEWAY_VARIABLES, type GatewayConfig, readConfig } from './config.ts'
import { type CostSettings, DEFAULT_TIERS } from './cost-settings.ts'
import { type CreateClient, createGateway, type Gateway } from './gateway.ts'
import { readTokenSettings } from './identity/settings.ts'
import type { TokenSettings } from './identity/tokens.ts'
import { assertSubgraphs } from './propagation.ts'
import { createIdentityAlarm } from './telemetry/identity-alarm.ts'
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
  const gateway = await build(config, tokens, logger)
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
  let files: Awaited<ReturnType<typeof readFiles>>
  try {
    files = await readFiles(config)
  } catch (error) {
    logger.error(
      { reason: (error as Error).message },
      'a changed file cannot be read; what was read before goes on',
    )
    return
  }
  await gateway.swap(files).catch(() => {})
}

async function readFiles({
  supergraphPath,
  operationsPath,
}: GatewayConfig): Promise<{ supergraphSdl: string; manifest: string }> {
  return {
    supergraphSdl: await readFile(supergraphPath, 'utf8'),
    manifest: operationsPath === undefined ? '{}' : await readFile(operationsPath, 'utf8'),
  }
}

function warnOfMissing(
  gateway: Gateway,
  { identityKey, operationsPath, overrideLabels }: GatewayConfig,
  tokens: TokenSettings | undefined,
  logger: Logger,
): void {
  if (identityKey === undefined)
    logger.warn(
      'IDENTITY_KEY is not set: subgraphs that have one refuse every request; those without treat every caller as anonymous',
    )
  if (operationsPath === undefined)
    logger.info(
      'OPERATIONS is not set, and the supergraph is not our own: no operation is persisted, each is planned when its text first comes',
    )
  const unknown = overrideLabels.filter(label => !gateway.supergraph.overrideLabels.includes(label))
  if (unknown.length > 0) logger.warn({ labels: unknown }, 'OVERRIDE_LABELS has labels that no field names')
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

async function build(
  config: GatewayConfig,
  tokens: TokenSettings | undefined,
  logger: Logger,
): Promise<Gateway> {
  const {
    introspection,
    explorers,
    queryPlans,
    corsOrigins,
    limits,
    headers,
    share,
    compression,
    trustedProxies,
  } = config.file
  const alarm = createIdentityAlarm(logger)
  return await createGateway({
    ...(await readFiles(config)),
    overrideLabels: config.overrideLabels,
    safelist: config.safelist,
    urlOf: subgraph => urlOf(subgraph, config),
    clients: subgraph =>
      new HttpClient({
        name: subgraph.name,
        url: subgraph.url,
        sender: 'gateway',
        onIdentityRefused: refusal => alarm(subgraph.name, refusal),
        ...defined(config.file.subgraphs?.[subgraph.name] ?? {}),
        ...(config.identityKey === undefined ? {} : { identityKey: config.identityKey }),
      }),
    cost: costOf(config),
    production: config.production,
    logger,
    ...(tokens === undefined ? {} : { tokens }),
    ...(introspection === undefined ? {} : { introspection }),
    ...(share === undefined ? {} : { share }),
    ...(explorers === undefined ? {} : { explorers }),
    ...(queryPlans === undefined ? {} : { queryPlans }),
    ...(headers === undefined ? {} : { headers }),
    ...(compression === undefined ? {} : { compression }),
    ...(trustedProxies === undefined ? {} : { trustedProxies }),
    ...(corsOrigins === undefined ? {} : { corsOrigins }),
    ...(limits === undefined ? {} : { limits: defined(limits) }),
  })
}

function costOf({ costMode, costMax, file }: GatewayConfig): Partial<CostSettings> {
  const { listSize, subgraphs, tiers } = file.cost ?? {}
  return {
    mode: costMode,
    ...defined({ max: costMax, listSize, subgraphs }),
    ...(tiers === undefined ? {} : { tiers: { ...DEFAULT_TIERS, ...defined(tiers) } }),
  }
}

function urlOf({ name, url }: Parameters<CreateClient>[0], { subgraphUrls }: GatewayConfig): string {
  const variable = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
  const address = subgraphUrls.get(variable) ?? url
  if (address !== '') return address
  throw new Error(
    `SUBGRAPH_URL_${variable}: expected, since the supergraph gives no address for the subgraph ${name}`,
  )
}

function defined<Members extends object>(
  members: Members,
): { [Name in keyof Members]?: Exclude<Members[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never
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
