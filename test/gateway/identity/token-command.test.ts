import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readTokenSettings } from '../../../gateway/identity/settings.ts'
import { tokenCommand } from '../../../gateway/identity/token-command.ts'
import { createTokenVerifier } from '../../../gateway/identity/tokens.ts'

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
  await expect(ask('nonsense')).rejects.toThrow()
  expect(existsSync(folder)).toBe(false)
  await ask('order:pay')
  await ask('order:pay')
  expect(said).toEqual([
    expect.stringContaining(`${join(folder, 'token-secret')}: only a gateway started on that DATA_DIR`),
  ])
})

test('--help explains every option', async () => {
  const stdout = await run(['--help'])
  for (const option of [
    '--shopper',
    '--operator',
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
  [[], 'expected --shopper <id> or --operator <name>'],
  [['--shopper', 'a', '--operator', 'b'], 'got both'],
  [['--shopper', ''], 'expected --shopper to be given a name'],
  [['--shopper', 'alice smith'], '--shopper expects 1 to 64 of A-Z a-z 0-9 _ . : -, got alice smith'],
  [
    ['--shopper', 'a', '--scope', 'order:pay,coupon:clam'],
    '--scope expects some of coupon:claim, order:place, order:pay, campaign:operate, catalog:write, got coupon:clam',
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
