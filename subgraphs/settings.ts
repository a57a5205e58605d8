import { z } from 'zod'
import { IDENTITY_KEY_CHARS_MIN } from '../protocol/identity.ts'
import type { SubgraphName } from './subgraph.ts'

const url = z.url({ protocol: /^https?$/ })
const whole = (min: number, max: number): z.ZodCoercedNumber => z.coerce.number().int().min(min).max(max)
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** What one subgraph service reads from the environment. */
const environmentSchema = z.object({
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//)
    .describe('PostgreSQL 17 or later, shared by all subgraphs: each has its own schema'),
  HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  PORT: whole(0, 65_535).default(0).describe('port to listen on; 0 takes a free one'),
  SUBGRAPH_URL_COUPON: url.optional().describe('where coupon is; needed by campaign and payment'),
  SUBGRAPH_URL_CATALOG: url.optional().describe('where catalog is; needed by payment'),
  IDENTITY_KEY: z
    .string()
    .min(IDENTITY_KEY_CHARS_MIN)
    .optional()
    .describe(
      `key that callers sign their identity with, ${IDENTITY_KEY_CHARS_MIN} characters or more; needed in production`,
    ),
  IDENTITY_KEY_PREVIOUS: z
    .string()
    .min(IDENTITY_KEY_CHARS_MIN)
    .optional()
    .describe('the key before, while it is being changed'),
  SEED: z
    .enum(['true', 'false'])
    .optional()
    .describe('fill an empty database with the demonstration data (default: true outside production)'),
  POOL_MAX: whole(1, 64).default(8).describe('connections kept to PostgreSQL'),
  LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .describe(`least level that is logged: ${LOG_LEVELS.join(', ')}`),
  NODE_ENV: z.string().default('development').describe('`production` refuses unsafe settings'),
})

type Variable = keyof typeof environmentSchema.shape

/** What each must be, in words. */
const EXPECTED: Readonly<Record<Variable, string>> = {
  DATABASE_URL: 'a postgres:// URL',
  HOST: 'an address',
  PORT: '0 to 65535',
  SUBGRAPH_URL_COUPON: 'an http:// or https:// URL',
  SUBGRAPH_URL_CATALOG: 'an http:// or https:// URL',
  IDENTITY_KEY: `${IDENTITY_KEY_CHARS_MIN} characters or more`,
  IDENTITY_KEY_PREVIOUS: `${IDENTITY_KEY_CHARS_MIN} characters or more`,
  SEED: 'true or false',
  POOL_MAX: '1 to 64',
  LOG_LEVEL: `one of ${LOG_LEVELS.join(', ')}`,
  NODE_ENV: 'a name',
}

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

/** The variables, with what each is for, whether it is needed, and its default. */
export const SUBGRAPH_VARIABLES: readonly { readonly name: string; readonly purpose: string }[] =
  Object.entries(environmentSchema.shape).map(([name, schema]) => {
    const needed = schema.safeParse(undefined).success ? '' : 'needed: '
    const byDefault = schema instanceof z.ZodDefault ? ` (default: ${schema.def.defaultValue})` : ''
    return { name, purpose: `${needed}${schema.description}${byDefault}` }
  })

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
  // One line a variable, however many ways it is wrong in.
  const names = new Set((parsed.error?.issues ?? []).map(({ path }) => path[0] as Variable))
  const wrong = [...names].map(name => `${name}: expected ${EXPECTED[name]}, got ${shown(name, given[name])}`)
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

/** What was given, for a message; never a key, nor a URL, which may hold a password. */
function shown(name: Variable, value: string | undefined): string {
  if (value === undefined) return 'nothing'
  if (name.startsWith('IDENTITY_KEY')) return String(value.length)
  return /_URL(_|$)/.test(name) ? 'something else' : JSON.stringify(value.slice(0, 64))
}

/** Compose files pass a variable that is not set as an empty one. */
const withoutEmpty = (environment: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1])),
  )
