import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import { HttpClient } from '../protocol/http-client.ts'
import { type PolicyTable, readPolicyTable } from './cache/policy/policy-table.ts'
import type { GatewayConfig } from './config.ts'
import { type CreateClient, createGateway, type Gateway } from './gateway.ts'
import type { GraphSource } from './graph.ts'
import type { TokenSettings } from './identity/tokens.ts'
import { lineTermsOf } from './line-settings.ts'
import { connectRedis } from './redis/redis-connection.ts'
import { openFleetBudgets } from './surge/fleet-budgets.ts'
import { createIdentityAlarm } from './telemetry/identity-alarm.ts'

/**
 * The gateway that the settings describe, over subgraphs that answer by HTTP; nothing listens yet.
 * Rejects with an Error naming the file that cannot be read, or what `createGateway` refuses.
 */
export async function createConfiguredGateway(
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
    partners,
    cache,
  } = config.file
  const lineTerms = lineTermsOf(config.file.lineTerms ?? {})
  const alarm = createIdentityAlarm(logger)
  const source = await readGraphSource(config)
  const policies = cache === false ? undefined : await readPolicies(config)
  const { redisUrl } = config
  const redis = redisUrl === undefined ? undefined : connectRedis(redisUrl, { logger })
  return await createGateway({
    ...source,
    ...(redis && {
      budgets: openFleetBudgets({
        redis,
        logger,
        lineTerms,
        ...defined({ gatewaysAtStart: config.file.gateways }),
      }),
      redis: connectRedis(redisUrl!, { logger }),
      overrideRedis: redis,
    }),
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
    lineTerms,
    measuresLevel: config.measuresLevel,
    placeKeys: placeKeysOf(config),
    cost: { ...config.file.cost, mode: config.costMode, max: config.costMax },
    production: config.production,
    logger,
    ...(tokens === undefined ? {} : { tokens }),
    ...(introspection === undefined ? {} : { introspection }),
    ...(share === undefined ? {} : { share }),
    ...(explorers === undefined ? {} : { explorers }),
    ...(queryPlans === undefined ? {} : { queryPlans }),
    ...(headers === undefined ? {} : { headers }),
    ...(cache === false ? {} : { cache: { ...defined(cache ?? {}), policies } }),
    ...(compression === undefined ? {} : { compression }),
    ...(trustedProxies === undefined ? {} : { trustedProxies }),
    ...(partners === undefined ? {} : { partners }),
    ...(corsOrigins === undefined ? {} : { corsOrigins }),
    ...(limits === undefined ? {} : { limits: defined(limits) }),
  })
}

/** Without a key of its fleet a gateway believes its own tokens alone. */
function placeKeysOf({ identityKey, identityKeyPrevious }: GatewayConfig): readonly string[] | undefined {
  return identityKey === undefined
    ? undefined
    : [identityKey, identityKeyPrevious].filter(key => key !== undefined)
}

function urlOf({ name, url }: Parameters<CreateClient>[0], { subgraphUrls }: GatewayConfig): string {
  const variable = variableOf(name)
  const address = subgraphUrls.get(variable) ?? url
  if (address !== '') return address
  throw new Error(
    `SUBGRAPH_URL_${variable}: expected, since the supergraph gives no address for the subgraph ${name}`,
  )
}

/** What follows `SUBGRAPH_URL_` for a subgraph of this name. */
export const variableOf = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')

function defined<Members extends object>(
  members: Members,
): { [Name in keyof Members]?: Exclude<Members[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never
}

/** The files as they are now. Rejects with an Error that names the variable when one cannot be read. */
export async function readGraphSource({
  supergraphPath,
  operationsPath,
}: GatewayConfig): Promise<GraphSource> {
  return {
    supergraphSdl: await readNamed('SUPERGRAPH', supergraphPath),
    manifest: operationsPath === undefined ? '{}' : await readNamed('OPERATIONS', operationsPath),
  }
}

async function readPolicies({ cachePolicyPath }: GatewayConfig): Promise<PolicyTable | undefined> {
  if (cachePolicyPath === undefined) return undefined
  return readPolicyTable(await readNamed('CACHE_POLICY', cachePolicyPath), cachePolicyPath)
}

async function readNamed(variable: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Error(`${variable}: cannot read ${path}: ${(error as Error).message}`)
  }
}
