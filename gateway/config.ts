import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { IDENTITY_KEY_CHARS_MIN } from '../protocol/identity.ts'

/** A process's environment, as its entry point hands it on. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Every limit on one request; each has its own error code. */
export interface GatewayLimits {
  /** PAYLOAD_TOO_LARGE */
  readonly bodyBytesMax: number
  /** HEADERS_TOO_LARGE; the path and its query count too. */
  readonly headerBytesMax: number
  /** MAX_TOKENS_LIMIT */
  readonly tokensMax: number
  /** MAX_DEPTH_LIMIT */
  readonly depthMax: number
  /** MAX_ROOT_FIELDS_LIMIT */
  readonly rootFieldsMax: number
  /** OPERATION_TOO_LARGE */
  readonly fetchesMax: number
  /** SUBGRAPH_TIMEOUT, or OUTCOME_UNKNOWN for a mutation that was sent. */
  readonly requestMsMax: number
}

export const DEFAULT_LIMITS: GatewayLimits = Object.freeze({
  bodyBytesMax: 256 * 1024,
  headerBytesMax: 16 * 1024,
  tokensMax: 2_000,
  depthMax: 12,
  rootFieldsMax: 15,
  fetchesMax: 64,
  requestMsMax: 10_000,
})

/** @throws RangeError naming the limit that is no positive integer, or that contradicts another. */
export function assertLimits(limits: GatewayLimits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`expected the limit ${name} to be a positive integer, got ${value}`)
    }
  }
  // Every level takes a field and a brace: a smaller budget of tokens would make the depth meaningless.
  if (limits.tokensMax < limits.depthMax) {
    throw new RangeError(
      `expected tokensMax to be at least depthMax ${limits.depthMax}, got ${limits.tokensMax}`,
    )
  }
}

/** What `npm run gateway` is told. */
export interface GatewayConfig {
  readonly port: number
  readonly host: string
  readonly production: boolean
  readonly supergraphPath: string
  readonly operationsPath: string
  readonly logLevel: string
  /** Signs what goes to subgraphs. */
  readonly identityKey: string | undefined
  /** Addresses that stand in for the supergraph's, by subgraph name in capitals. */
  readonly subgraphUrls: ReadonlyMap<string, string>
  readonly file: FileConfig
}

/** In our own words, with what was given; for what is no secret. */
const expecting = (what: string): { error: (issue: { readonly input?: unknown }) => string } => ({
  error: ({ input }) => `expected ${what}, got ${String(JSON.stringify(input)).slice(0, 64)}`,
})
const boolean = z.boolean(expecting('true or false'))
const positiveWords = expecting('a positive integer')
const positive = z.int(positiveWords).positive(positiveWords)
const ORIGIN = expecting('an origin, such as https://shop.example')
/** As browsers send it. Anything more, such as a slash at its end, would never be equal to what they send. */
const origin = z.url(ORIGIN).refine(url => URL.parse(url)?.origin === url, ORIGIN)

/** `CONFIG=file`, in JSON: what rarely differs between two processes. Unknown members are refused. */
const fileSchema = members({
  introspection: boolean.optional(),
  explorers: boolean.optional(),
  corsOrigins: z
    .array(origin, expecting('a list of origins'))
    .max(100, 'expected at most 100 origins')
    .optional(),
  limits: members({
    bodyBytesMax: positive,
    headerBytesMax: positive,
    tokensMax: positive,
    depthMax: positive,
    rootFieldsMax: positive,
    fetchesMax: positive,
    requestMsMax: positive,
  } satisfies Record<keyof GatewayLimits, typeof positive>)
    .partial()
    .optional(),
})

/** An object of these members and no others. */
function members<Shape extends Record<string, z.ZodType>>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: ({ code, input, keys }) =>
      code === 'unrecognized_keys'
        ? `expected the members ${known}, got ${(keys as string[]).join(', ').slice(0, 200)}`
        : `expected an object with members of ${known}, got ${String(JSON.stringify(input)).slice(0, 64)}`,
  })
}

export type FileConfig = {
  readonly introspection?: boolean | undefined
  readonly explorers?: boolean | undefined
  readonly corsOrigins?: readonly string[] | undefined
  readonly limits?: { readonly [Name in keyof GatewayLimits]?: number | undefined } | undefined
}

const URL_PREFIX = 'SUBGRAPH_URL_'
const PRODUCTION = 'production'
const PORT_MAX = 65_535
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
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
  SUPERGRAPH: z.string().default('schema/supergraph.graphql'),
  OPERATIONS: z.string().default('schema/operations.json'),
  LOG_LEVEL: z.enum(LOG_LEVELS, expecting(`one of ${LOG_LEVELS.join(', ')}`)).default('info'),
  IDENTITY_KEY: key.optional(),
  CONFIG: z.string().optional(),
})

/** Every variable of `npm run gateway`, with what it is for. */
export const GATEWAY_VARIABLES: readonly (readonly [name: string, purpose: string])[] = [
  ['PORT', 'port to listen on, default 4000; 0 takes a free one'],
  ['HOST', 'address to listen on, default 0.0.0.0'],
  ['SUPERGRAPH', 'the composed SDL, default schema/supergraph.graphql'],
  ['OPERATIONS', 'the persisted operations, default schema/operations.json'],
  ['SUBGRAPH_URL_<NAME>', "where a subgraph is, in place of the supergraph's address"],
  ['IDENTITY_KEY', 'signs what goes to subgraphs; needed in production'],
  ['TOKEN_SECRET', 'verifies tokens (HS256); in production this or TOKEN_JWKS_URL'],
  ['TOKEN_JWKS_URL', 'verifies tokens by published keys (EdDSA, RS256)'],
  ['TOKEN_ISSUER', 'the only issuer that is believed'],
  ['TOKEN_AUDIENCE', 'the audience that a token must name'],
  ['DATA_DIR', 'outside production: the folder with the development secret'],
  ['NODE_ENV', '`production` refuses unsafe settings and turns explorers and introspection off'],
  ['LOG_LEVEL', 'default info'],
  ['CONFIG', 'a JSON file: introspection, explorers, corsOrigins, limits'],
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
  return {
    port: env.PORT,
    host: env.HOST,
    production,
    supergraphPath: env.SUPERGRAPH,
    operationsPath: env.OPERATIONS,
    logLevel: env.LOG_LEVEL,
    identityKey: env.IDENTITY_KEY,
    subgraphUrls: subgraphUrlsOf(environment),
    file: env.CONFIG === undefined ? {} : readFile(env.CONFIG),
  }
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

function readFile(path: string): FileConfig {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new Error(`CONFIG: cannot read ${path} as JSON: ${(error as Error).message}`)
  }
  return parsed(fileSchema, json, path)
}

/** Of what was given, only what the schema shows in its own words appears: some values are secrets. */
function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown, source: string): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const wrong = result.error.issues.map(issue => `${issue.path.join('.') || source}: ${issue.message}`)
  throw new Error(`${source} is not right: ${wrong.join('; ')}`)
}
