import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import { HttpClient } from '../protocol/http-client.ts'
import { GATEWAY_VARIABLES, type GatewayConfig, readConfig } from './config.ts'
import { type CreateClient, createGateway, type Gateway } from './gateway.ts'
import { readTokenSettings } from './identity/settings.ts'
import type { TokenSettings } from './identity/tokens.ts'
import { createIdentityAlarm } from './telemetry/identity-alarm.ts'
import { createLogger } from './telemetry/log.ts'

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
  stopOnSignals(gateway, logger)
  warnOfMissing(config, tokens, logger)
  const port = await listen(gateway, config)
  logger.info({ port, subgraphs: gateway.supergraph.subgraphs.map(({ name }) => name) }, 'gateway listens')
}

function warnOfMissing(
  { identityKey }: GatewayConfig,
  tokens: TokenSettings | undefined,
  logger: Logger,
): void {
  if (identityKey === undefined)
    logger.warn(
      'IDENTITY_KEY is not set: subgraphs that have one refuse every request; those without treat every caller as anonymous',
    )
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
  const { introspection, explorers, corsOrigins, limits } = config.file
  const alarm = createIdentityAlarm(logger)
  return await createGateway({
    supergraphSdl: await readFile(config.supergraphPath, 'utf8'),
    manifest: await readFile(config.operationsPath, 'utf8'),
    clients: subgraph =>
      new HttpClient({
        name: subgraph.name,
        url: urlOf(subgraph, config),
        sender: 'gateway',
        onIdentityRefused: refusal => alarm(subgraph.name, refusal),
        ...(config.identityKey === undefined ? {} : { identityKey: config.identityKey }),
      }),
    production: config.production,
    logger,
    ...(tokens === undefined ? {} : { tokens }),
    ...(introspection === undefined ? {} : { introspection }),
    ...(explorers === undefined ? {} : { explorers }),
    ...(corsOrigins === undefined ? {} : { corsOrigins }),
    ...(limits === undefined ? {} : { limits: defined(limits) }),
  })
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

function stopOnSignals(gateway: Gateway, logger: Logger): void {
  let isStopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // A second one does not wait.
      if (isStopping) process.exit(1)
      isStopping = true
      logger.info({ signal }, 'gateway stops')
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
