import { parseArgs } from 'node:util'
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
}
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 }
const TTL_SECONDS_MAX = 366 * SECONDS.d

/**
 * What `npm run token` prints: a token, or its usage.
 * @throws Error that says which argument was expected to be what.
 */
export async function tokenCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      shopper: { type: 'string' },
      operator: { type: 'string' },
      scope: { type: 'string' },
      client: { type: 'string', default: 'qwen' },
      tier: { type: 'string' },
      ttl: { type: 'string', default: '24h' },
      'amount-max-fen': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return USAGE
  const kind = kindOf(values)
  const settings = readTokenSettings({ DATA_DIR: '.data', ...environment })
  if (settings?.kind !== 'secret')
    throw new Error(
      'tokens of this environment come from the issuer at TOKEN_JWKS_URL; unset it, or set TOKEN_SECRET',
    )
  const amountMaxFen = amountOf(values['amount-max-fen'])
  const token = await mintToken({
    ...settings,
    kind,
    subject: (values[kind] as string).trim(),
    client: values.client,
    scopes:
      values.scope
        ?.split(',')
        .map(scope => scope.trim())
        .filter(Boolean) ?? DEFAULT_SCOPES[kind],
    ttlSeconds: secondsOf(values.ttl),
    ...(values.tier === undefined ? {} : { tier: values.tier }),
    ...(amountMaxFen === undefined ? {} : { amountMaxFen }),
  })
  return `${token}\n`
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
  return kind
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
