import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTokenVerifier, type TokenVerifier } from '../../../gateway/identity/tokens.ts'
import { Fault } from '../../../protocol/fault.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const NOW = Date.UTC(2027, 1, 6) / 1_000

const encode = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Written by hand, so that what no library would sign can be sent. */
function token(
  claims: object,
  { header = { alg: 'HS256' } as object, key = SECRET, hash = 'sha256' } = {},
): string {
  const signed = `${encode(header)}.${encode({ sub: 'alice', exp: NOW + 60, ...claims })}`
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`
}

let nowMs = NOW * 1_000
const clock = (): number => nowMs
const bySecret = (options: object = {}): TokenVerifier =>
  createTokenVerifier({ settings: { kind: 'secret', secret: SECRET, ...options }, clock })

async function refusal(verifier: TokenVerifier, text: string): Promise<string> {
  const fault = await verifier.verify(text)
  expect(fault).toBeInstanceOf(Fault)
  const { code, message } = fault as Fault
  expect(message).not.toContain(text)
  return `${code}: ${message.replace('the bearer token is refused: ', '')}`
}

describe('a token that is refused', () => {
  const good = token({})
  const [header, payload, signature] = good.split('.') as [string, string, string]
  const swapped = encode({ sub: 'bob', exp: NOW + 60 })

  test.each([
    ['nothing like a token', 'hello', 'it is malformed'],
    ['of two parts', `${header}.${payload}`, 'it is malformed'],
    ['of five parts', `${good}.a.b`, 'it is malformed'],
    ['truncated', good.slice(0, -4), 'its signature does not verify'],
    ['without its signature', `${header}.${payload}.`, 'its signature does not verify'],
    [
      'with a flipped bit',
      `${header}.${payload}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`,
      'its signature does not verify',
    ],
    ['with other claims', `${header}.${swapped}.${signature}`, 'its signature does not verify'],
    [
      'with claims that are no JSON',
      `${header}.${encode('{')}.${signature}`,
      'its signature does not verify',
    ],
    ['of algorithm none', `${encode({ alg: 'none' })}.${payload}.`, 'its algorithm is not accepted'],
    ['of algorithm None', `${encode({ alg: 'None' })}.${payload}.`, 'its algorithm is not accepted'],
    [
      'of a longer hash',
      token({}, { header: { alg: 'HS512' }, hash: 'sha512' }),
      'its algorithm is not accepted',
    ],
    ['that claims a public key', token({}, { header: { alg: 'RS256' } }), 'its algorithm is not accepted'],
    [
      'that brings its own key',
      token({}, { header: { alg: 'HS256', jwk: { kty: 'oct', k: encode('other') } }, key: 'other' }),
      'its signature does not verify',
    ],
    [
      'with an unknown critical header',
      token({}, { header: { alg: 'HS256', crit: ['x'], x: 1 } }),
      'it is malformed',
    ],
    [
      'signed by another',
      token({}, { key: 'another secret, of more than 32 characters' }),
      'its signature does not verify',
    ],
    ['expired', token({ exp: NOW - 6 }), 'it has expired'],
    ['not valid yet', token({ nbf: NOW + 6 }), '"nbf" claim timestamp check failed'],
    ['without an end', token({ exp: undefined }), 'missing required "exp" claim'],
    ['with an end that is no number', token({ exp: 'tomorrow' }), '"exp" claim must be a number'],
    ['of nobody', token({ sub: undefined }), 'missing required "sub" claim'],
    [
      'of an impossible shopper',
      token({ sub: 'alice smith' }),
      expect.stringContaining('expected caller.shopperId'),
    ],
    [
      'of a service',
      token({ kind: 'service' }),
      'expected the claim kind to be shopper or operator, got "service"',
    ],
    [
      'of an anonymous caller',
      token({ kind: 'anonymous' }),
      'expected the claim kind to be shopper or operator, got "anonymous"',
    ],
    [
      'with scopes in a list',
      token({ scope: ['a'] }),
      'expected the claim scope to be words separated by spaces, got ["a"]',
    ],
    ['of an unknown tier', token({ tier: 'king' }), expect.stringContaining('expected caller.tier')],
    [
      'with a broken ceiling',
      token({ amountMaxFen: 1.5 }),
      expect.stringContaining('expected caller.amountMaxFen'),
    ],
    [
      'with a negative ceiling',
      token({ amountMaxFen: -1 }),
      expect.stringContaining('expected caller.amountMaxFen'),
    ],
    [
      'longer than is read',
      `${header}.${'A'.repeat(9_000)}.${signature}`,
      'it is longer than 8192 characters',
    ],
  ])('%s', async (_, text, reason) => {
    const verifier = bySecret()
    const said = await refusal(verifier, text)
    expect(said.slice('UNAUTHENTICATED: '.length)).toEqual(reason)
    expect(said).toMatch(/^UNAUTHENTICATED: /)
    expect(verifier.remembered).toBe(0)
  })

  test('of another issuer or audience', async () => {
    const verifier = bySecret({ issuer: 'https://id.example', audience: 'spillway' })
    expect(await refusal(verifier, token({ iss: 'https://other', aud: 'spillway' }))).toContain('"iss"')
    expect(await refusal(verifier, token({ iss: 'https://id.example' }))).toContain('"aud"')
    expect(await verifier.verify(token({ iss: 'https://id.example', aud: ['a', 'spillway'] }))).toMatchObject(
      {
        shopperId: 'alice',
      },
    )
  })
})

describe('a token that is good', () => {
  test('becomes its caller, and nothing that it does not say', async () => {
    const claims = {
      client: 'qwen',
      scope: 'coupon:claim  order:pay',
      tier: 'chatbot',
      amountMaxFen: 500,
      admin: true,
    }
    expect(await bySecret().verify(token(claims))).toEqual({
      kind: 'shopper',
      shopperId: 'alice',
      client: 'qwen',
      scopes: ['coupon:claim', 'order:pay'],
      tier: 'chatbot',
      amountMaxFen: 500,
    })
    expect(
      await bySecret().verify(token({ sub: 'ops', kind: 'operator', scope: 'campaign:operate' })),
    ).toEqual({
      kind: 'operator',
      client: 'ops',
      scopes: ['campaign:operate'],
      tier: 'shopper',
    })
  })

  test('is remembered until it expires, and refused from then on', async () => {
    nowMs = NOW * 1_000
    const verifier = bySecret()
    const text = token({ exp: NOW + 60 })
    const first = await verifier.verify(text)
    // At once and the same: no second verification.
    expect(verifier.verify(text)).toBe(first)
    nowMs = (NOW + 59) * 1_000
    expect(verifier.verify(text)).toBe(first)
    nowMs = (NOW + 66) * 1_000
    expect(await refusal(verifier, text)).toContain('it has expired')
    expect(verifier.remembered).toBe(0)
    nowMs = NOW * 1_000
  })

  test('is forgotten when more are remembered than allowed, least recently used first', async () => {
    const verifier = createTokenVerifier({
      settings: { kind: 'secret', secret: SECRET },
      rememberedMax: 2,
      clock,
    })
    const [a, b, c] = ['a', 'b', 'c'].map(sub => token({ sub })) as [string, string, string]
    const callers = [await verifier.verify(a), await verifier.verify(b)]
    await verifier.verify(a)
    callers.push(await verifier.verify(c))
    expect(verifier.remembered).toBe(2)
    // The same object: not verified again.
    expect(verifier.verify(a)).toBe(callers[0])
    expect(verifier.verify(c)).toBe(callers[2])
    expect(await verifier.verify(b)).not.toBe(callers[1])
  })

  test('is not evicted by forgeries', async () => {
    const verifier = createTokenVerifier({
      settings: { kind: 'secret', secret: SECRET },
      rememberedMax: 1,
      clock,
    })
    const text = token({})
    const first = await verifier.verify(text)
    for (let i = 0; i < 5; i++)
      await verifier.verify(token({ sub: `s${i}` }, { key: 'no secret of ours, in 32 characters' }))
    expect(verifier.verify(text)).toBe(first)
  })
})

describe('keys that an issuer publishes', () => {
  const eddsa = generateKeyPairSync('ed25519')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const stranger = generateKeyPairSync('ed25519')
  let server: Server
  let url: string
  beforeAll(async () => {
    const keys = [
      { ...(await exportJWK(eddsa.publicKey)), kid: 'ed', alg: 'EdDSA' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'rs', alg: 'RS256' },
    ]
    server = createServer((_, response) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys })),
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const signed = (alg: string, kid: string, key: KeyObject): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader({ alg, kid })
      .setSubject('alice')
      .setExpirationTime(NOW + 60)
      .sign(key)
  const byJwks = (): TokenVerifier => createTokenVerifier({ settings: { kind: 'jwks', url }, clock })

  test('EdDSA and RS256 verify', async () => {
    const verifier = byJwks()
    expect(await verifier.verify(await signed('EdDSA', 'ed', eddsa.privateKey))).toMatchObject({
      shopperId: 'alice',
    })
    expect(await verifier.verify(await signed('RS256', 'rs', rsa.privateKey))).toMatchObject({
      shopperId: 'alice',
    })
  })

  test("a stranger's key, an unknown one and a published one used as a secret do not", async () => {
    const verifier = byJwks()
    expect(await refusal(verifier, await signed('EdDSA', 'ed', stranger.privateKey))).toContain(
      'signature does not verify',
    )
    expect(await refusal(verifier, await signed('EdDSA', 'unknown', stranger.privateKey))).toContain(
      'no key of its issuer matches',
    )
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string
    const confused = token({}, { header: { alg: 'HS256', kid: 'rs' }, key: pem })
    expect(await refusal(verifier, confused)).toContain('its algorithm is not accepted')
    expect(await refusal(verifier, await signed('RS512', 'rs', rsa.privateKey))).toContain(
      'its algorithm is not accepted',
    )
  })

  test('keys that cannot be read make no token bad: asking again may succeed', async () => {
    const closed = createServer()
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise(resolve => closed.close(resolve))
    const verifier = createTokenVerifier({
      settings: { kind: 'jwks', url: `http://127.0.0.1:${port}/jwks.json` },
      clock,
    })
    const fault = (await verifier.verify(await signed('EdDSA', 'ed', eddsa.privateKey))) as Fault
    expect([fault.code, fault.extensions.retryAfterMs]).toEqual(['TOKEN_KEYS_UNREACHABLE', 1_000])
  })
})

test('a secret too short to be one is refused, unseen', () => {
  expect(() => createTokenVerifier({ settings: { kind: 'secret', secret: 'short' } })).toThrow(
    'expected a token secret of at least 32 characters, got 5',
  )
})
