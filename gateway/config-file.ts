import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Tier } from '../protocol/caller.ts'
import type { CacheSettings } from './cache-settings.ts'
import type { CostOptions } from './cost-settings.ts'
import type { GatewayLimits } from './limits.ts'
import type { LineSettings } from './line-settings.ts'

/** In our own words, with what was given; for what is no secret. */
export const expecting = (what: string): { error: (issue: { readonly input?: unknown }) => string } => ({
  error: ({ input }) => `expected ${what}, got ${String(JSON.stringify(input)).slice(0, 64)}`,
})
const boolean = z.boolean(expecting('true or false'))
const positiveWords = expecting('a positive integer')
const positive = z.int(positiveWords).positive(positiveWords)
const text = z.string(expecting('a string'))
const ORIGIN = expecting('an origin, such as https://shop.example')
/** As browsers send it. Anything more, such as a slash at its end, would never be equal to what they send. */
const origin = z.url(ORIGIN).refine(url => URL.parse(url)?.origin === url, ORIGIN)

const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]{1,128}$/
/**
 * Never a client's to set: what frames a message or is about one connection, what the gateway writes itself, and what
 * subgraphs believe of it.
 */
const OWN_HEADERS =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|http2-settings|expect|host|content-.*|accept|accept-encoding|traceparent|spillway-.*)$/
const headerName = z
  .string(expecting("a header's name"))
  .regex(HEADER_NAME, expecting("a header's name"))
  .transform(name => name.toLowerCase())
  .refine(
    name => !OWN_HEADERS.test(name),
    expecting("a header that is not the connection's or the gateway's own"),
  )
/** Not shown when it is wrong: some are keys. */
const headerValue = z
  .string('expected a string')
  .regex(/^[\x20-\x7e]{0,4096}$/, 'expected a value of visible ASCII')
const pattern = text.max(256).transform((source, context) => {
  try {
    return new RegExp(source)
  } catch (error) {
    context.addIssue({
      code: 'custom',
      message: `expected a regular expression: ${(error as Error).message}`,
    })
    return z.NEVER
  }
})
/** A name alone is short for `{"name": …}`. */
const propagated = z.preprocess(
  rule => (typeof rule === 'string' ? { name: rule } : rule),
  members({
    name: headerName.optional(),
    rename: headerName.optional(),
    default: headerValue.optional(),
    matching: pattern.optional(),
  })
    .refine(
      rule => (rule.name === undefined) !== (rule.matching === undefined),
      expecting('either name or matching'),
    )
    .refine(
      rule => rule.matching === undefined || (rule.rename === undefined && rule.default === undefined),
      expecting('rename and default beside name only'),
    ),
)
const headerRules = members({
  propagate: z.array(propagated).max(100, 'expected at most 100 rules').optional(),
  insert: z
    .record(headerName, headerValue, {
      error: ({ code }) =>
        code === 'invalid_key'
          ? "expected the name of a header that is not the connection's or the gateway's own"
          : 'expected an object of headers and their values',
    })
    .optional(),
})

const points = z.number(expecting('a positive number')).positive(expecting('a positive number'))
const rate = members({ perSecond: points, burst: points })

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
  cost: members({
    listSize: positive.optional(),
    tiers: members({
      shopper: rate.optional(),
      developer: rate.optional(),
      partner: rate.optional(),
      chatbot: rate.optional(),
    } satisfies Record<Tier, unknown>).optional(),
    subgraphs: z
      .record(z.string(), members({ max: positive.optional(), listSize: positive.optional() }))
      .optional(),
  }).optional(),
  partners: z
    .array(
      members({
        client: z
          .string(expecting('a name'))
          .regex(/^[\x20-\x7e]{1,128}$/, expecting('a name of visible ASCII')),
        keySha256: z
          .string('expected a SHA-256 in hex')
          .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits: the SHA-256 of a key, not the key'),
        tier: z.enum(
          ['partner', 'chatbot', 'developer', 'shopper'] satisfies Tier[],
          expecting('one of partner, chatbot, developer, shopper'),
        ),
        scopes: z
          .array(text.min(1).max(128, 'expected at most 128 characters'))
          .max(64, 'expected at most 64 scopes')
          .optional(),
        expiresAt: z.iso
          .datetime({ offset: true, ...expecting('an instant such as 2027-03-01T00:00:00+08:00') })
          .optional(),
      }),
      expecting('a list of keys'),
    )
    .max(10_000, 'expected at most 10000 keys')
    .refine(
      keys => new Set(keys.map(({ keySha256 }) => keySha256)).size === keys.length,
      'expected every key once',
    )
    .optional(),
  lineTerms: members({
    horizonMs: positive,
    graceMs: positive,
    placesMax: positive,
  } satisfies Record<keyof LineSettings, typeof positive>)
    .partial()
    .optional(),
  gateways: positive.optional(),
  trustedProxies: z.array(text).max(100, 'expected at most 100 addresses and networks').optional(),
  queryPlans: boolean.optional(),
  share: members({ queries: boolean.optional(), fetches: boolean.optional() }).optional(),
  compression: z
    .union([z.literal(false), members({ bytesMin: positive.optional() })], {
      error: () => 'expected false, or an object with the member bytesMin',
    })
    .optional(),
  cache: z
    .union(
      [
        z.literal(false),
        members({
          entriesMax: positive,
          bytesMax: positive,
          entryBytesMax: positive,
          sharedBytesMax: positive,
          compressBytesMin: positive,
          staleStretch: positive,
        } satisfies Record<keyof CacheSettings, typeof positive>).partial(),
      ],
      {
        error: () =>
          'expected false, or an object with positive integers as members of entriesMax, bytesMax, entryBytesMax, sharedBytesMax, compressBytesMin, staleStretch',
      },
    )
    .optional(),
  headers: members({
    all: headerRules.optional(),
    subgraphs: z.record(z.string(), headerRules).optional(),
  }).optional(),
  subgraphs: z.record(z.string(), members({ requestMsMax: positive.optional() })).optional(),
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
  readonly cost?: Omit<CostOptions, 'mode' | 'max'> | undefined
  /** Keys of partners, by their hashes (identity/api-keys.ts). */
  readonly partners?:
    | readonly {
        readonly client: string
        readonly keySha256: string
        readonly tier: Tier
        readonly scopes?: readonly string[] | undefined
        readonly expiresAt?: string | undefined
      }[]
    | undefined
  /** Of kept places; the same at all gateways of a fleet. */
  readonly lineTerms?: { readonly [Name in keyof LineSettings]?: number | undefined } | undefined
  /** How many gateways share budgets, for as long as Redis has never been heard. */
  readonly gateways?: number | undefined
  /** Addresses and networks whose `x-forwarded-for` is believed. */
  readonly trustedProxies?: readonly string[] | undefined
  /** Whether clients may ask for the plan of an operation, in production too. */
  readonly queryPlans?: boolean | undefined
  /** Whether identical queries of clients, and identical fetches from subgraphs, share one answer while it is under way. */
  readonly share?: ShareSettings | undefined
  /** `false`: none; `bytesMin`: shorter answers stay as they are. */
  readonly compression?: false | { readonly bytesMin?: number | undefined } | undefined
  /** `false`: nothing is kept. */
  readonly cache?: false | { readonly [Name in keyof CacheSettings]?: number | undefined } | undefined
  readonly headers?: PropagationRules | undefined
  /** By subgraph name. */
  readonly subgraphs?: Readonly<Record<string, SubgraphSettings>> | undefined
}

/** Both are on unless told otherwise. */
export interface ShareSettings {
  readonly queries?: boolean | undefined
  readonly fetches?: boolean | undefined
}

export interface SubgraphSettings {
  /** The longest that one request to it may take, whatever time the client's request has left. */
  readonly requestMsMax?: number | undefined
}

/** Which headers of a client's request subgraphs get. */
export interface PropagationRules {
  readonly all?: HeaderRules | undefined
  /** By subgraph name; in addition to `all`, and instead of it where both give the same header. */
  readonly subgraphs?: Readonly<Record<string, HeaderRules>> | undefined
}

export interface HeaderRules {
  readonly propagate?: readonly PropagatedHeader[] | undefined
  /** Set on every request, whatever the client sent; names in lower case. */
  readonly insert?: Readonly<Record<string, string>> | undefined
}

/** By name or by pattern. Names are in lower case. */
export interface PropagatedHeader {
  readonly name?: string | undefined
  /** What it is called for the subgraph. */
  readonly rename?: string | undefined
  /** Sent when the client has not sent it. */
  readonly default?: string | undefined
  /** Of names; never `authorization`, `cookie` and `x-api-key`, which must be named, nor what the gateway or the connection owns. */
  readonly matching?: RegExp | undefined
}

/** Whether a header is one that no rule may carry to a subgraph. */
export const isOwnHeader = (name: string): boolean => OWN_HEADERS.test(name)

/** @throws Error that lists every member that is wrong. */
export function readConfigFile(path: string): FileConfig {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new Error(`CONFIG: cannot read ${path} as JSON: ${(error as Error).message}`)
  }
  return parsed(fileSchema, json, path)
}

/** Of what was given, only what the schema shows in its own words appears: some values are secrets. */
export function parsed<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  source: string,
): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const wrong = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  )
  throw new Error(`${source} is not right: ${wrong.join('; ')}`)
}
