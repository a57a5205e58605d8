import { z } from 'zod'
import type { SubgraphName } from './subgraph.ts'

const url = z.url({ protocol: /^https?$/ })

/** What one subgraph service reads from the environment. */
const environmentSchema = z.object({
  NODE_ENV: z.string().default('development').describe('`production` refuses unsafe settings'),
  HOST: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
  PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe('port to listen on; 0 takes a free one'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'expected a postgres:// URL')
    .describe('PostgreSQL, shared by all subgraphs: each has its own schema'),
  POOL_MAX: z.coerce.number().int().min(1).max(64).default(8).describe('connections kept'),
  IDENTITY_KEY: z
    .string()
    .min(32)
    .optional()
    .describe('key that callers sign their identity with, 32 characters or more'),
  IDENTITY_KEY_PREVIOUS: z.string().min(32).optional().describe('the key before, while it is being changed'),
  SEED: z
    .enum(['true', 'false'])
    .optional()
    .describe('fill an empty database with the demonstration data; default: outside production'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  SUBGRAPH_URL_COUPON: url.optional().describe('where campaign and payment find coupon'),
  SUBGRAPH_URL_CATALOG: url.optional().describe('where payment finds catalog'),
})

export interface SubgraphSettings {
  readonly production: boolean
  readonly host: string
  readonly port: number
  readonly databaseUrl: string
  readonly poolMax: number
  /** The current key first; empty: nothing is signed. */
  readonly identityKeys: readonly string[]
  readonly seed: boolean
  readonly logLevel: string
  /** Where the subgraphs are that this one calls. */
  readonly peerUrls: ReadonlyMap<SubgraphName, string>
}

/** The variables, with what each is for. */
export const SUBGRAPH_VARIABLES: readonly { readonly name: string; readonly purpose: string }[] =
  Object.entries(environmentSchema.shape).map(([name, schema]) => ({
    name,
    purpose: schema.description ?? '',
  }))

/**
 * Reads and checks the environment of one subgraph.
 *
 * @throws Error that lists every setting that is wrong, with what was expected
 */
export function subgraphSettings(
  name: SubgraphName,
  calls: readonly SubgraphName[],
  environment: Readonly<Record<string, string | undefined>>,
): SubgraphSettings {
  const given = withoutEmpty(environment)
  const parsed = environmentSchema.safeParse(given)
  const wrong = (parsed.error?.issues ?? []).map(issue => `${issue.path.join('.')}: ${issue.message}`)
  const production = given.NODE_ENV === 'production'
  const peerUrls = new Map<SubgraphName, string>()
  for (const peer of calls) {
    const url = given[`SUBGRAPH_URL_${peer.toUpperCase()}`]
    if (url === undefined)
      wrong.push(`SUBGRAPH_URL_${peer.toUpperCase()}: ${name} calls ${peer}, say where it is`)
    else peerUrls.set(peer, url)
  }
  if (production && given.IDENTITY_KEY === undefined) {
    wrong.push('IDENTITY_KEY: needed in production, or anyone could act as any shopper')
  }
  if (given.IDENTITY_KEY_PREVIOUS !== undefined && given.IDENTITY_KEY === undefined) {
    wrong.push('IDENTITY_KEY: needed beside IDENTITY_KEY_PREVIOUS, which only tells what was signed before')
  }
  if (!parsed.success || wrong.length > 0)
    throw new Error(`the settings do not hold:\n  ${wrong.join('\n  ')}`)
  const values = parsed.data
  return {
    production,
    host: values.HOST,
    port: values.PORT,
    databaseUrl: values.DATABASE_URL,
    poolMax: values.POOL_MAX,
    identityKeys: [values.IDENTITY_KEY, values.IDENTITY_KEY_PREVIOUS].filter(key => key !== undefined),
    seed: values.SEED === undefined ? !production : values.SEED === 'true',
    logLevel: values.LOG_LEVEL,
    peerUrls,
  }
}

/** Compose files pass a variable that is not set as an empty one. */
const withoutEmpty = (environment: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1])),
  )
