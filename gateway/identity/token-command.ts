import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Scope, SHOPPER_ID, type Tier } from '../../protocol/caller.ts'
import { createApiKeys, mintApiKey, type PartnerKey, sha256Of } from './api-keys.ts'
import { mintToken } from './mint.ts'
import { readTokenSettings } from './settings.ts'

const USAGE = `npm run token -- --shopper <id> [options]
npm run token -- --operator <name> [options]
npm run token -- --partner <name> [--tier <tier>] [--scope <a,b>] [--ttl <time>]

Prints a development token (HS256) signed with TOKEN_SECRET, or with the secret of DATA_DIR (default .data); for a
partner an API key, and on standard error what the gateway's CONFIG is to hold of it.

  --shopper <id>         for a shopper: 1 to 64 of A-Z a-z 0-9 _ . : -
  --operator <name>      for an operator
  --partner <name>       an API key, for the header x-api-key
  --scope <a,b>          default coupon:claim,order:place,order:pay; for an operator campaign:operate,catalog:write;
                         for a partner none
  --client <name>        the program that speaks; default qwen
  --tier <tier>          shopper, partner, chatbot or developer; default shopper, for a partner partner
  --ttl <time>           such as 90s, 15m, 24h or 7d; default 24h, for a partner for ever
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
const CLIENT_DEFAULT = 'qwen'
const TTL_DEFAULT = '24h'
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 }
const TTL_SECONDS_MAX = 366 * SECONDS.d

/**
 * What `npm run token` prints: a token, a partner's key, or its usage.
 * @param say told what a person should know and a program should not read: that a secret had to be made, and where; what
 * of a partner's key goes to the gateway.
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
  if (values.tier !== undefined && !TIERS.includes(values.tier))
    throw new Error(`--tier expects one of ${TIERS.join(', ')}, got ${values.tier}`)
  if (kind === 'partner') return partnerKey(values, say)
  const scopes = scopesOf(values.scope, say) ?? DEFAULT_SCOPES[kind]
  const ttlSeconds = secondsOf(values.ttl ?? TTL_DEFAULT)
  const amountMaxFen = amountOf(values['amount-max-fen'])
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
    client: values.client ?? CLIENT_DEFAULT,
    scopes,
    ttlSeconds,
    ...(values.tier === undefined ? {} : { tier: values.tier }),
    ...(amountMaxFen === undefined ? {} : { amountMaxFen }),
  })
  return `${token}\n`
}

/** The key alone is printed: nobody can make it out of the entry, which is for the gateway. */
function partnerKey(values: Values, say: (line: string) => void): string {
  for (const option of ['client', 'amount-max-fen'] as const)
    if (values[option] !== undefined) throw new Error(`--${option} does not go with --partner`)
  const key = mintApiKey()
  const entry: PartnerKey = {
    client: values.partner!.trim(),
    keySha256: sha256Of(key),
    tier: (values.tier as Tier | undefined) ?? 'partner',
    ...(values.scope === undefined ? {} : { scopes: scopesOf(values.scope, say) }),
    ...(values.ttl === undefined
      ? {}
      : { expiresAt: new Date(Date.now() + secondsOf(values.ttl) * 1_000).toISOString() }),
  }
  // What the gateway would refuse to start with is refused here.
  createApiKeys([entry])
  say('the key is shown this once; its entry for "partners" in the file that CONFIG names:')
  say(JSON.stringify(entry))
  return `${key}\n`
}

const OPTIONS = {
  shopper: { type: 'string' },
  operator: { type: 'string' },
  partner: { type: 'string' },
  scope: { type: 'string' },
  client: { type: 'string' },
  tier: { type: 'string' },
  ttl: { type: 'string' },
  'amount-max-fen': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parseArgs<{ args: string[]; options: typeof OPTIONS }>>['values']

function parsed(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values
  } catch (error) {
    // Node's first sentence names the option; those after it are about how to write positional arguments.
    throw new Error(`${(error as Error).message.split('. ', 1)[0]!.replace(/\.$/, '')}; see --help`)
  }
}

/** As the file that CONFIG names takes it. */
const PARTNER = /^[\x20-\x7e]{1,128}$/
const KINDS = ['shopper', 'operator', 'partner'] as const

function kindOf(values: Values): (typeof KINDS)[number] {
  const given = KINDS.filter(kind => values[kind] !== undefined)
  const [kind] = given
  if (kind === undefined)
    throw new Error('expected --shopper <id>, --operator <name> or --partner <name>; see --help')
  if (given.length > 1)
    throw new Error(`expected one of --shopper, --operator and --partner, got ${given.length}`)
  if (values[kind]!.trim() === '') throw new Error(`expected --${kind} to be given a name, got nothing`)
  if (kind === 'shopper' && !SHOPPER_ID.test(values.shopper!.trim()))
    throw new Error(`--shopper expects 1 to 64 of A-Z a-z 0-9 _ . : -, got ${values.shopper!.slice(0, 80)}`)
  if (kind === 'partner' && !PARTNER.test(values.partner!.trim()))
    throw new Error(
      `--partner expects 1 to 128 characters of visible ASCII, got ${values.partner!.slice(0, 80)}`,
    )
  return kind
}

/** RFC 6749, section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/

/** Another graph has scopes of its own, and every graph may have policies (`policy:<name>`): they are only said to be none of ours. */
function scopesOf(text: string | undefined, say: (line: string) => void): readonly string[] | undefined {
  const scopes = text
    ?.split(',')
    .map(scope => scope.trim())
    .filter(Boolean)
  const malformed = scopes?.filter(scope => !SCOPE.test(scope)) ?? []
  if (malformed.length > 0)
    throw new Error(`--scope expects words of visible ASCII, got ${malformed.join(', ')}`)
  const foreign = scopes?.filter(scope => !SCOPES.includes(scope) && !scope.startsWith('policy:')) ?? []
  if (foreign.length > 0)
    say(`none of this graph's scopes, which are ${SCOPES.join(', ')}: ${foreign.join(', ')}`)
  return scopes
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
