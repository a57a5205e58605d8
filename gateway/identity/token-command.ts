import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Scope, SHOPPER_ID, type Tier } from '../../protocol/caller.ts'
import { mintToken } from './mint.ts'
import { readTokenSettings } from './settings.ts'

const USAGE = `npm run token -- --shopper <id> [options]
npm run token -- --operator <name> [options]

Prints a development token (HS256) signed with TOKEN_SECRET, or with the secret of DATA_DIR (default .data).

  --shopper <id>         for a shopper: 1 to 64 of A-Z a-z 0-9 _ . : -
  --operator <name>      for an operator
  --scope <a,b>          default coupon:claim,order:place,order:pay; for an operator campaign:operate,catalog:write
  --client <name>        the program that speaks; default qwen
  --tier <tier>          shopper, partner, chatbot or developer; default shopper
  --ttl <time>           such as 90s, 15m, 24h or 7d; default 24h
  --amount-max-fen <n>   the most that one payment may spend
  --help
`

const DEFAULT_SCOPES = {
  shopper: ['coupon:claim', 'order:place', 'order:pay'],
  operator: ['campaign:operate', 'catalog:write'],
} satisfies Record<string, readonly Scope[]>
const SCOPES = Object.keys({
  'coupon:claim': true,
  'order:place': true,
  'order:pay': true,
  'campaign:operate': true,
  'catalog:write': true,
} satisfies Record<Scope, true>)
const TIERS = Object.keys({
  shopper: true,
  partner: true,
  chatbot: true,
  developer: true,
} satisfies Record<Tier, true>)
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 }
const TTL_SECONDS_MAX = 366 * SECONDS.d

/**
 * What `npm run token` prints: a token, or its usage.
 * @param say told what a person should know and a program should not read: that a secret had to be made, and where.
 * @throws Error that says which argument was expected to be what.
 */
export async function tokenCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void = () => {},
): Promise<string> {
  const values = parsed(args)
  if (values.help) return USAGE
  // Everything that may be wrong comes first, so that a mistyped command leaves no secret behind.
  const kind = kindOf(values)
  const scopes = scopesOf(values.scope) ?? DEFAULT_SCOPES[kind]
  const ttlSeconds = secondsOf(values.ttl)
  const amountMaxFen = amountOf(values['amount-max-fen'])
  if (values.tier !== undefined && !TIERS.includes(values.tier))
    throw new Error(`--tier expects one of ${TIERS.join(', ')}, got ${values.tier}`)
  const settings = readTokenSettings({ DATA_DIR: '.data', ...environment }, path =>
    say(
      `made a new secret, ${resolve(path)}: only a gateway started on that DATA_DIR believes this token; one that runs already does not`,
    ),
  )
  if (settings?.kind !== 'secret')
    throw new Error(
      'tokens of this environment come from the issuer at TOKEN_JWKS_URL; unset it, or set TOKEN_SECRET',
    )
  const token = await mintToken({
    ...settings,
    kind,
    subject: (values[kind] as string).trim(),
    client: values.client,
    scopes,
    ttlSeconds,
    ...(values.tier === undefined ? {} : { tier: values.tier }),
    ...(amountMaxFen === undefined ? {} : { amountMaxFen }),
  })
  return `${token}\n`
}

const OPTIONS = {
  shopper: { type: 'string' },
  operator: { type: 'string' },
  scope: { type: 'string' },
  client: { type: 'string', default: 'qwen' },
  tier: { type: 'string' },
  ttl: { type: 'string', default: '24h' },
  'amount-max-fen': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

function parsed(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ args: string[]; options: typeof OPTIONS }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values
  } catch (error) {
    // Node's first sentence names the option; those after it are about how to write positional arguments.
    throw new Error(`${(error as Error).message.split('. ', 1)[0]!.replace(/\.$/, '')}; see --help`)
  }
}

function kindOf(values: {
  shopper?: string | undefined
  operator?: string | undefined
}): 'shopper' | 'operator' {
  if (values.shopper !== undefined && values.operator !== undefined)
    throw new Error('expected --shopper or --operator, got both')
  if (values.shopper === undefined && values.operator === undefined)
    throw new Error('expected --shopper <id> or --operator <name>; see --help')
  const kind = values.shopper === undefined ? 'operator' : 'shopper'
  if (values[kind]!.trim() === '') throw new Error(`expected --${kind} to be given a name, got nothing`)
  if (kind === 'shopper' && !SHOPPER_ID.test(values.shopper!.trim()))
    throw new Error(`--shopper expects 1 to 64 of A-Z a-z 0-9 _ . : -, got ${values.shopper!.slice(0, 80)}`)
  return kind
}

function scopesOf(text: string | undefined): readonly string[] | undefined {
  const scopes = text
    ?.split(',')
    .map(scope => scope.trim())
    .filter(Boolean)
  const unknown = scopes?.filter(scope => !SCOPES.includes(scope)) ?? []
  if (unknown.length === 0) return scopes
  throw new Error(`--scope expects some of ${SCOPES.join(', ')}, got ${unknown.join(', ')}`)
}

function secondsOf(text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const seconds = Number(amount) * (SECONDS[unit as keyof typeof SECONDS] ?? Number.NaN)
  if (seconds >= 1 && seconds <= TTL_SECONDS_MAX) return seconds
  throw new Error(`expected --ttl such as 90s, 15m, 24h or 7d, up to 366d, got ${text}`)
}

function amountOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new Error(`expected --amount-max-fen to be a whole number of fen, got ${text}`)
}
