import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Hs256 } from '../../../gateway/identity/hs256.ts'
import { createTokenVerifier, type TokenVerifier } from '../../../gateway/identity/tokens.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const NOW = Date.UTC(2027, 1, 6) / 1_000
const ISSUER = 'https://issuer.test'
const AUDIENCE = 'spillway'

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

function signed(header: unknown, payload: unknown, secret = SECRET): string {
  const text = `${encode(header)}.${encode(payload)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

const HEADER = { alg: 'HS256', typ: 'JWT' }
const GOOD = { sub: 'alice', exp: NOW + 60, iss: ISSUER, aud: AUDIENCE }

const verifier = (): TokenVerifier =>
  createTokenVerifier({
    settings: { kind: 'secret', secret: SECRET, issuer: ISSUER, audience: AUDIENCE },
    clock: () => NOW * 1_000,
  })

const seconds = fc.oneof(
  fc.integer({ min: NOW - 8, max: NOW + 8 }),
  fc.double({ min: NOW - 8, max: NOW + 8, noNaN: true }),
  fc.constantFrom<unknown>(String(NOW + 60), null, true, [NOW + 60], -1, 1e300),
)
const claims = fc.record(
  {
    sub: fc.constantFrom<unknown>('alice', 'bob', '', 7, null),
    exp: seconds,
    nbf: seconds,
    iat: seconds,
    iss: fc.constantFrom<unknown>(ISSUER, 'https://other.test', [ISSUER], 1),
    aud: fc.constantFrom<unknown>(AUDIENCE, 'other', [AUDIENCE], ['other', AUDIENCE], []),
    kind: fc.constantFrom<unknown>('shopper', 'operator', 'service'),
  },
  { requiredKeys: [] },
)
const payloads = fc.oneof(
  { weight: 8, arbitrary: claims.map((some): unknown => ({ ...GOOD, ...some })) },
  { weight: 2, arbitrary: claims.map((some): unknown => some) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>('', '{', 'null', '[]', '"text"', '7', '{"sub":"alice"') },
)
const headers = fc.constantFrom<unknown>(
  HEADER,
  { alg: 'HS256' },
  { alg: 'HS512' },
  { alg: 'none' },
  { alg: 'HS256', crit: ['b64'], b64: false },
  { alg: 'HS256', typ: 'other' },
)
/** What is done to a token's characters on its way. */
const changes = fc.oneof(
  { weight: 3, arbitrary: fc.constant((text: string) => text) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(400), fc.constantFrom('A', 'B', '.', '=', '+', '/', ' ', 'Ł', '\n'))
      .map(([at, char]) => (text: string): string => {
        const place = at % (text.length + 1)
        return text.slice(0, place) + char + text.slice(place + 1)
      }),
  },
  {
    weight: 1,
    arbitrary: fc.nat(400).map(
      at =>
        (text: string): string =>
          text.slice(0, at % (text.length + 1)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      (text: string) => `${text}=`,
      (text: string) => `${text}.`,
    ),
  },
)

test('whoever is verified at once is whoever jose accepts, and all others hear the same of jose', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(headers, payloads, changes), { minLength: 1, maxLength: 8 }),
      async tokens => {
        const warm = verifier()
        // So that tokens with these first parts are verified at once, where jose accepts them.
        for (const header of [HEADER, { alg: 'HS256' }, { alg: 'HS256', typ: 'other' }])
          await warm.verify(signed(header, { ...GOOD, sub: 'first' }))
        for (const [header, payload, change] of tokens) {
          const token = change(signed(header, payload))
          const byJose = await verifier().verify(token)
          const found = await warm.verify(token)
          expect({ ...found, message: (found as Error).message }).toEqual({
            ...byJose,
            message: (byJose as Error).message,
          })
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('a token like one that was accepted is verified at once, and one that is not signed is not', async () => {
  const one = verifier()
  expect(one.verify(signed(HEADER, GOOD))).toBeInstanceOf(Promise)
  await one.verify(signed(HEADER, GOOD))
  expect(one.verify(signed(HEADER, { ...GOOD, sub: 'bob' }))).toMatchObject({ shopperId: 'bob' })
  expect(one.remembered).toBe(2)
  expect(one.verify(signed(HEADER, { ...GOOD, sub: 'eve' }, `${SECRET}!`))).toBeInstanceOf(Promise)
  expect(one.verify(signed({ alg: 'HS256' }, { ...GOOD, sub: 'eve' }))).toBeInstanceOf(Promise)
})

test('first parts that are known are bounded', () => {
  const hs256 = new Hs256(SECRET, {})
  const tokens = Array.from({ length: 20 }, (_, number) => signed({ ...HEADER, kid: `${number}` }, GOOD))
  for (const token of tokens) hs256.learn(token)
  const known = tokens.filter(token => hs256.verify(token, NOW * 1_000) !== undefined)
  expect(known).toEqual(tokens.slice(0, 16))
})
