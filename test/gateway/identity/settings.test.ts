import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readTokenSettings } from '../../../gateway/identity/settings.ts'

const SECRET = 's'.repeat(32)
const URL = 'https://id.example/jwks.json'

test('secret or published keys, with what else must match', () => {
  expect(readTokenSettings({ TOKEN_SECRET: SECRET })).toEqual({ kind: 'secret', secret: SECRET })
  expect(readTokenSettings({ TOKEN_JWKS_URL: URL, TOKEN_ISSUER: 'i', TOKEN_AUDIENCE: 'a' })).toEqual({
    kind: 'jwks',
    url: URL,
    issuer: 'i',
    audience: 'a',
  })
})

test('neither: a data folder makes one, nothing means anonymous callers only', () => {
  expect(readTokenSettings({})).toBeUndefined()
  expect(readTokenSettings({ TOKEN_SECRET: '' })).toBeUndefined()
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'settings-'))
  const made = readTokenSettings({ DATA_DIR })
  expect(made).toMatchObject({ kind: 'secret' })
  expect(readTokenSettings({ DATA_DIR })).toEqual(made)
  rmSync(DATA_DIR, { recursive: true })
})

test.each([
  [{ TOKEN_SECRET: SECRET, TOKEN_JWKS_URL: URL }, /expected one of them, got both/],
  [{ TOKEN_SECRET: 'hunter2' }, /^TOKEN_SECRET: expected at least 32 characters$/],
  [{ TOKEN_JWKS_URL: 'file:///etc/passwd' }, /^TOKEN_JWKS_URL: expected an http or https URL$/],
  [{ NODE_ENV: 'production' }, /TOKEN_JWKS_URL: expected in production/],
  [{ NODE_ENV: 'production', DATA_DIR: '.data' }, /TOKEN_JWKS_URL: expected in production/],
])('%o is refused', (environment, message) => {
  expect(() => readTokenSettings(environment)).toThrow(message)
})
