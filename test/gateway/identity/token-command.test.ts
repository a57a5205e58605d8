import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeys, type PartnerKey } from '../../../gateway/identity/api-keys.ts'
import { readTokenSettings } from '../../../gateway/identity/settings.ts'
import { tokenCommand } from '../../../gateway/identity/token-command.ts'
import { createTokenVerifier } from '../../../gateway/identity/tokens.ts'
import { ANONYMOUS } from '../../../protocol/caller.ts'

let dataDir: string
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'token-'))
})
afterAll(() => rmSync(dataDir, { recursive: true }))

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<string> =>
  tokenCommand(args, { DATA_DIR: dataDir, ...env })

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString())

test('prints one token, which the gateway of the same data folder believes', async () => {
  const stdout = await run(['--shopper', 'alice'])
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const verifier = createTokenVerifier({ settings: readTokenSettings({ DATA_DIR: dataDir })! })
  expect(await verifier.verify(stdout.trim())).toEqual({
    kind: 'shopper',
    shopperId: 'alice',
    client: 'qwen',
    scopes: ['coupon:claim', 'order:place', 'order:pay'],
    tier: 'shopper',
  })
  const { exp, iat } = claimsOf(stdout)
  expect((exp as number) - (iat as number)).toBe(24 * 3_600)
})

test('says what it is told to', async () => {
  const args = [
    '--operator',
    'ops',
    '--scope',
    'campaign:operate',
    '--client',
    'cli',
    '--ttl',
    '15m',
    '--tier',
    'developer',
    '--amount-max-fen',
    '5000',
  ]
  const claims = claimsOf(
    await run(args, { TOKEN_SECRET: 's'.repeat(32), TOKEN_ISSUER: 'i', TOKEN_AUDIENCE: 'a' }),
  )
  expect(claims).toMatchObject({
    kind: 'operator',
    sub: 'ops',
    client: 'cli',
    scope: 'campaign:operate',
    tier: 'developer',
    amountMaxFen: 5_000,
    iss: 'i',
    aud: 'a',
  })
  expect((claims.exp as number) - (claims.iat as number)).toBe(900)
})

test('a secret that had to be made is told of, once, and a command that is refused makes none', async () => {
  const folder = join(dataDir, 'fresh')
  const said: string[] = []
  const ask = (scope: string): Promise<string> =>
    tokenCommand(['--shopper', 'a', '--scope', scope], { DATA_DIR: folder }, line => said.push(line))
  await expect(ask('non sense')).rejects.toThrow()
  expect(existsSync(folder)).toBe(false)
  await ask('order:pay')
  await ask('order:pay')
  expect(said).toEqual([
    expect.stringContaining(`${join(folder, 'token-secret')}: only a gateway started on that DATA_DIR`),
  ])
})

test('scopes of other graphs and policies are granted; those that are none of ours are said, they may be mistyped', async () => {
  const said: string[] = []
  const token = await tokenCommand(
    ['--shopper', 'a', '--scope', 'coupon:clam,policy:adults,order:pay'],
    { TOKEN_SECRET: 's'.repeat(32) },
    line => said.push(line),
  )
  expect(decodeJwt(token.trim()).scope).toBe('coupon:clam policy:adults order:pay')
  expect(said).toEqual([expect.stringMatching(/^none of this graph's scopes, .*: coupon:clam$/)])
})

test("of a partner's key the gateway is given the hash, by which it believes the key", async () => {
  const entryOf = async (args: readonly string[]): Promise<[string, PartnerKey]> => {
    const said: string[] = []
    const stdout = await tokenCommand(['--partner', 'acme', ...args], {}, line => said.push(line))
    expect(said).toEqual([
      'the key is shown this once; its entry for "partners" in the file that CONFIG names:',
      expect.not.stringContaining(stdout.trim()),
    ])
    return [stdout, JSON.parse(said[1]!)]
  }
  const [stdout, entry] = await entryOf([])
  expect(stdout).toMatch(/^spk_[\w-]{43}\n$/)
  expect(entry).toEqual({
    client: 'acme',
    keySha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    tier: 'partner',
  })
  expect(createApiKeys([entry]).callerBy(stdout.trim(), ANONYMOUS)).toMatchObject({ client: 'acme' })
  const [, more] = await entryOf(['--tier', 'chatbot', '--scope', 'order:place,coupon:claim', '--ttl', '7d'])
  expect(more).toMatchObject({ tier: 'chatbot', scopes: ['order:place', 'coupon:claim'] })
  expect(Date.parse(more.expiresAt!) - Date.now()).toBeGreaterThan(6 * 86_400_000)
})

test('--help explains every option', async () => {
  const stdout = await run(['--help'])
  for (const option of [
    '--shopper',
    '--operator',
    '--partner',
    '--scope',
    '--client',
    '--tier',
    '--ttl',
    '--amount-max-fen',
  ]) {
    expect(stdout).toContain(option)
  }
})

test.each([
  [[], 'expected --shopper <id>, --operator <name> or --partner <name>; see --help'],
  [['--shopper', 'a', '--operator', 'b'], 'expected one of --shopper, --operator and --partner, got 2'],
  [['--partner', ' '], 'expected --partner to be given a name, got nothing'],
  [['--partner', 'x'.repeat(129)], '--partner expects 1 to 128 characters of visible ASCII, got xxx'],
  [['--partner', '淘宝'], '--partner expects 1 to 128 characters of visible ASCII, got 淘宝'],
  [['--partner', 'a', '--client', 'b'], '--client does not go with --partner'],
  [
    ['--partner', 'a', '--tier', 'king'],
    '--tier expects one of shopper, partner, chatbot, developer, got king',
  ],
  [['--shopper', ''], 'expected --shopper to be given a name'],
  [['--shopper', 'alice smith'], '--shopper expects 1 to 64 of A-Z a-z 0-9 _ . : -, got alice smith'],
  [
    ['--shopper', 'a', '--scope', 'order:pay,coupon claim'],
    '--scope expects words of visible ASCII, got coupon claim',
  ],
  [['--shopper', 'a', '--ttl', '1 day'], 'expected --ttl such as 90s, 15m, 24h or 7d, up to 366d, got 1 day'],
  [['--shopper', 'a', '--ttl', '0s'], 'expected --ttl'],
  [
    ['--shopper', 'a', '--tier', 'king'],
    '--tier expects one of shopper, partner, chatbot, developer, got king',
  ],
  [
    ['--shopper', 'a', '--amount-max-fen', '1.5'],
    'expected --amount-max-fen to be a whole number of fen, got 1.5',
  ],
  [['--nothing'], /^Unknown option '--nothing'; see --help$/],
  [['--shopper'], /'--shopper <value>' argument missing; see --help$/],
  [['alice'], /'alice'.*; see --help$/],
])('%j is refused, and no token printed', async (args, message) => {
  await expect(run(args)).rejects.toThrow(message)
})
