import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { EXPIRES_IN_SECONDS, signIdentity, verifyIdentity } from '../../protocol/identity.ts'

const KEY = 'current-key-of-32-characters-abcd'
const PREVIOUS = 'previous-key-of-32-characters-abc'
const BODY = '{"query":"{ me { id } }"}'
const NOW_MS = Date.UTC(2026, 1, 17, 12)
const clock = (): number => NOW_MS
const ALICE: Caller = {
  kind: 'shopper',
  shopperId: 'alice',
  client: 'qwen',
  scopes: ['coupon:claim'],
  tier: 'chatbot',
  amountMaxFen: 20_000,
}
const HEADER = signIdentity(BODY, ALICE, KEY, clock)

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')
const claims = (own: object = {}): object => ({
  caller: ALICE,
  exp: NOW_MS / 1_000 + 10,
  bodySha256: sha256(BODY),
  ...own,
})
/** A header that somebody else makes, by default with the right key. */
const forge = (payload: unknown, { version = 'v1', key = KEY, hash = 'sha256' } = {}): string => {
  const signed = `${version}.${b64(payload)}`
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`
}
const refusal = (header: string | undefined, { body = BODY, keys = [KEY], at = clock } = {}): unknown => {
  try {
    return verifyIdentity(header, body, keys, at)
  } catch (error) {
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED' })
    return (error as { extensions: { reason: string } }).extensions.reason
  }
}

describe('a signed identity', () => {
  it('is read back as the caller that was signed', () => {
    expect(verifyIdentity(HEADER, BODY, [KEY], clock)).toEqual(ALICE)
    expect(verifyIdentity(HEADER, Buffer.from(BODY), [KEY], clock)).toEqual(ALICE)
    expect(verifyIdentity(signIdentity('', ANONYMOUS, KEY, clock), '', [KEY], clock)).toEqual(ANONYMOUS)
  })

  it('has the documented form, so that another language can make one', () => {
    expect(verifyIdentity(forge(claims()), BODY, [KEY], clock)).toEqual(ALICE)
  })

  it('is accepted under the previous key while keys are changed, in either order', () => {
    expect(verifyIdentity(signIdentity(BODY, ALICE, PREVIOUS, clock), BODY, [KEY, PREVIOUS], clock)).toEqual(
      ALICE,
    )
    expect(verifyIdentity(HEADER, BODY, [PREVIOUS, KEY], clock)).toEqual(ALICE)
  })

  it('lasts its 20 seconds to the millisecond, and bears a clock 10 s behind', () => {
    const at = (offsetMs: number) => () => NOW_MS + offsetMs
    expect(refusal(HEADER, { at: at(EXPIRES_IN_SECONDS * 1_000 - 1) })).toEqual(ALICE)
    expect(refusal(HEADER, { at: at(EXPIRES_IN_SECONDS * 1_000) })).toBe('expired')
    expect(refusal(HEADER, { at: at(-10_000) })).toEqual(ALICE)
    expect(refusal(HEADER, { at: at(-10_001) })).toBe('expiry')
  })
})

describe('refuses', () => {
  const [, payload, signature] = HEADER.split('.') as [string, string, string]
  it.each([
    ['no header', undefined, 'missing'],
    ['an empty header', '', 'missing'],
    ['one part', payload, 'malformed'],
    ['no signature', `v1.${payload}.`, 'signature'],
    ['an unsigned tail', `${HEADER}.x`, 'malformed'],
    ['a truncated signature', HEADER.slice(0, -3), 'signature'],
    ['a padded signature', `${HEADER}=`, 'malformed'],
    ['a truncated payload', `v1.${payload.slice(0, -4)}.${signature}`, 'signature'],
    ['another version', forge(claims(), { version: 'v2' }), 'version'],
    ['a version swapped after signing', HEADER.replace('v1', 'v2'), 'version'],
    ['a JWT that needs no signature', `${b64({ alg: 'none' })}.${b64(claims())}.`, 'version'],
    ['another algorithm', forge(claims(), { hash: 'sha512' }), 'signature'],
    ['a key we do not know', forge(claims(), { key: PREVIOUS }), 'signature'],
    ['a payload changed after signing', `v1.${b64(claims({ exp: 9e9 }))}.${signature}`, 'signature'],
    ['an expiry further than 30 s', forge(claims({ exp: NOW_MS / 1_000 + 31 })), 'expiry'],
    ['an expiry that is no number', forge(claims({ exp: '9' })), 'expiry'],
    ['no expiry', forge(claims({ exp: undefined })), 'expiry'],
    ['a payload that is no object', forge('text'), 'malformed'],
    ['no body hash', forge(claims({ bodySha256: undefined })), 'body'],
    ['a caller of an unknown kind', forge(claims({ caller: { ...ALICE, kind: 'root' } })), 'caller'],
    ['a shopper without an id', forge(claims({ caller: { ...ALICE, shopperId: undefined } })), 'caller'],
    ['an operator with a shopper id', forge(claims({ caller: { ...ALICE, kind: 'operator' } })), 'caller'],
    ['a shopper id out of its alphabet', forge(claims({ caller: { ...ALICE, shopperId: 'a b' } })), 'caller'],
    ['a negative ceiling', forge(claims({ caller: { ...ALICE, amountMaxFen: -1 } })), 'caller'],
    ['a header over its bound', `v1.${'a'.repeat(20_000)}.${signature}`, 'malformed'],
  ])('%s', (_, header, reason) => {
    expect(refusal(header)).toBe(reason)
  })

  it('another body', () => {
    expect(refusal(HEADER, { body: `${BODY} ` })).toBe('body')
  })

  it('everything when it has no key', () => {
    expect(refusal(HEADER, { keys: [] })).toBe('signature')
  })

  it('to sign with a key that is no secret', () => {
    expect(() => signIdentity(BODY, ALICE, '')).toThrow(
      'expected an identity key of at least 32 characters, got 0',
    )
  })
})
