import { resolve } from 'node:path'
import { z } from 'zod'
import { IDENTITY_KEY_CHARS_MIN } from '../protocol/identity.ts'
import { expecting, type FileConfig, parsed, readConfigFile } from './config-file.ts'
import { COST_MODES, type CostMode, DEFAULT_COST } from './cost-settings.ts'
import { SAFELIST_MODES, type SafelistMode } from './request.ts'

/** A process's environment, as its entry point hands it on. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What `npm run gateway` is told. */
export interface GatewayConfig {
  readonly port: number
  readonly host: string
  readonly production: boolean
  readonly supergraphPath: string
  /** `undefined`: no operation is persisted. */
  readonly operationsPath: string | undefined
  /** The cache's policy table; `undefined`: the schema's own words alone. */
  readonly cachePolicyPath: string | undefined
  readonly logLevel: string
  /** Labels of progressive `@override` that hold for every caller. */
  readonly overrideLabels: readonly string[]
  readonly costMode: CostMode
  /** `undefined`: the default. */
  readonly costMax: number | undefined
  /** Where gateways share what requests may spend; several, separated by commas: a cluster. `undefined`: nowhere. */
  readonly redisUrl: string | undefined
  readonly safelist: SafelistMode
  /** Whether the level follows the waits that are measured. */
  readonly measuresLevel: boolean
  /** Signs what goes to subgraphs, and tokens of kept places. */
  readonly identityKey: string | undefined
  /** The one before, with which tokens of places may be signed that are out. */
  readonly identityKeyPrevious: string | undefined
  /** Addresses that stand in for the supergraph's, by subgraph name in capitals. */
  readonly subgraphUrls: ReadonlyMap<string, string>
  readonly file: FileConfig
}

const SUPERGRAPH = 'schema/supergraph.graphql'
const OPERATIONS = 'schema/operations.json'
const CACHE_POLICY = 'schema/cache.json'
const URL_PREFIX = 'SUBGRAPH_URL_'
const PRODUCTION = 'production'
const PORT_MAX = 65_535
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
/** `off`: the level is CALM unless an operator pins another. */
const SURGE_MODES = ['on', 'off'] as const
const httpUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' })
const key = z.string().min(IDENTITY_KEY_CHARS_MIN, `expected at least ${IDENTITY_KEY_CHARS_MIN} characters`)

const environmentSchema = z.object({
  NODE_ENV: z.string().optional(),
  PORT: z
    .string()
    .refine(text => /^\d{1,5}$/.test(text) && Number(text) <= PORT_MAX, expecting(`0 to ${PORT_MAX}`))
    .transform(Number)
    .default(4000),
  HOST: z.string().default('0.0.0.0'),
  SUPERGRAPH: z.string().default(SUPERGRAPH),
  OPERATIONS: z.string().optional(),
  CACHE_POLICY: z.string().optional(),
  OVERRIDE_LABELS: z.string().default(''),
  SAFELIST: z.enum(SAFELIST_MODES, expecting(`one of ${SAFELIST_MODES.join(', ')}`)).default('off'),
  LOG_LEVEL: z.enum(LOG_LEVELS, expecting(`one of ${LOG_LEVELS.join(', ')}`)).default('info'),
  COST_MODE: z.enum(COST_MODES, expecting(`one of ${COST_MODES.join(', ')}`)).default('measure'),
  COST_MAX: z
    .string()
    .refine(text => /^[1-9]\d{0,8}$/.test(text), expecting('a positive integer'))
    .transform(Number)
    .optional(),
  // Not shown when it is wrong: it may hold a password.
  REDIS_URL: z
    .string()
    .refine(
      text => text.split(',').every(isRedisUrl),
      'expected redis:// or rediss:// URLs, several separated by commas',
    )
    .optional(),
  SURGE: z.enum(SURGE_MODES, expecting(`one of ${SURGE_MODES.join(', ')}`)).default('on'),
  IDENTITY_KEY: key.optional(),
  IDENTITY_KEY_PREVIOUS: key.optional(),
  CONFIG: z.string().optional(),
})

/** Every variable of `npm run gateway`, with what it is for. */
export const GATEWAY_VARIABLES: readonly (readonly [name: string, purpose: string])[] = [
  ['PORT', 'port to listen on, default 4000; 0 takes a free one'],
  ['HOST', 'address to listen on, default 0.0.0.0'],
  ['SUPERGRAPH', `the composed SDL, default ${SUPERGRAPH}; served anew when the file changes`],
  [
    'OPERATIONS',
    `the persisted operations, default ${OPERATIONS}, with another supergraph none; read anew too`,
  ],
  [
    'CACHE_POLICY',
    `how long answers are kept, and what voids them, default ${CACHE_POLICY}, with another supergraph what its @cacheControl says`,
  ],
  ['OVERRIDE_LABELS', 'labels of progressive @override that hold for every caller, separated by commas'],
  [
    'SAFELIST',
    'texts that are not in OPERATIONS: `off` (default) serves them, `audit` logs them, `enforce` refuses them, `require-id` refuses every text',
  ],
  ['SUBGRAPH_URL_<NAME>', "where a subgraph is, in place of the supergraph's address"],
  [
    'COST_MODE',
    '`enforce` refuses what is dearer than allowed, `measure` (default) only says so, `off` counts nothing',
  ],
  ['COST_MAX', `points that one operation may be estimated at, default ${DEFAULT_COST.max}`],
  [
    'REDIS_URL',
    'where gateways share budgets; several URLs, separated by commas, are a cluster; default: each has its own',
  ],
  ['SURGE', '`off`: the level stays CALM unless an operator pins another; default on'],
  ['IDENTITY_KEY', 'signs what goes to subgraphs, and tokens of kept places; needed in production'],
  ['IDENTITY_KEY_PREVIOUS', 'the one before: tokens of kept places that it has signed are believed yet'],
  ['TOKEN_SECRET', 'verifies tokens (HS256); in production this or TOKEN_JWKS_URL'],
  ['TOKEN_JWKS_URL', 'verifies tokens by published keys (EdDSA, RS256)'],
  ['TOKEN_ISSUER', 'the only issuer that is believed'],
  ['TOKEN_AUDIENCE', 'the audience that a token must name'],
  ['DATA_DIR', 'outside production: the folder with the development secret'],
  ['NODE_ENV', '`production` refuses unsafe settings and turns explorers and introspection off'],
  ['LOG_LEVEL', 'default info'],
  [
    'CONFIG',
    'a JSON file: introspection, explorers, queryPlans, corsOrigins, limits, cost, lineTerms, partners, gateways, trustedProxies, headers, subgraphs, compression, share, cache',
  ],
]

/**
 * Reads the environment and the file that `CONFIG` names; an empty variable counts as absent.
 * @throws Error that lists every variable and member that is wrong.
 */
export function readConfig(environment: Environment): GatewayConfig {
  const env = parsed(environmentSchema, present(environment), 'environment')
  const production = env.NODE_ENV === PRODUCTION
  if (production && env.IDENTITY_KEY === undefined) {
    throw new Error('IDENTITY_KEY: expected in production: subgraphs believe only what is signed')
  }
  if (env.IDENTITY_KEY_PREVIOUS !== undefined && env.IDENTITY_KEY === undefined)
    throw new Error(
      'IDENTITY_KEY: expected beside IDENTITY_KEY_PREVIOUS, which only tells what was signed before',
    )
  const isOurs = resolve(env.SUPERGRAPH) === resolve(SUPERGRAPH)
  return {
    port: env.PORT,
    host: env.HOST,
    production,
    supergraphPath: env.SUPERGRAPH,
    // What is ours fits our supergraph alone.
    operationsPath: env.OPERATIONS ?? (isOurs ? OPERATIONS : undefined),
    cachePolicyPath: env.CACHE_POLICY ?? (isOurs ? CACHE_POLICY : undefined),
    overrideLabels: env.OVERRIDE_LABELS.split(',')
      .map(label => label.trim())
      .filter(label => label !== ''),
    costMode: env.COST_MODE,
    costMax: env.COST_MAX,
    redisUrl: env.REDIS_URL,
    safelist: env.SAFELIST,
    logLevel: env.LOG_LEVEL,
    measuresLevel: env.SURGE === 'on',
    identityKey: env.IDENTITY_KEY,
    identityKeyPrevious: env.IDENTITY_KEY_PREVIOUS,
    subgraphUrls: subgraphUrlsOf(environment),
    file: env.CONFIG === undefined ? {} : readConfigFile(env.CONFIG),
  }
}

function isRedisUrl(text: string): boolean {
  const url = URL.parse(text.trim())
  return url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== ''
}

function present(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
}

function subgraphUrlsOf(environment: Environment): ReadonlyMap<string, string> {
  const urls = new Map<string, string>()
  for (const [name, value] of Object.entries(present(environment))) {
    if (!name.startsWith(URL_PREFIX)) continue
    urls.set(
      name.slice(URL_PREFIX.length),
      parsed(z.object({ [name]: httpUrl }), { [name]: value }, 'environment')[name] as string,
    )
  }
  return urls
}
