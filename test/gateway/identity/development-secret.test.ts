import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { developmentSecret, SECRET_FILE } from '../../../gateway/identity/development-secret.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secret-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('it is made once, for its owner alone, and leaves no draft behind', () => {
  const dataDir = join(folder, 'not', 'there')
  const secret = developmentSecret(dataDir)
  expect(secret.length).toBeGreaterThanOrEqual(43)
  expect(developmentSecret(dataDir)).toBe(secret)
  expect(statSync(join(dataDir, SECRET_FILE)).mode & 0o777).toBe(0o600)
  expect(readdirSync(dataDir)).toEqual([SECRET_FILE])
})

test('a file that is there already is believed, and one that holds no secret is refused', () => {
  writeFileSync(join(folder, SECRET_FILE), `${'s'.repeat(32)}\n`)
  expect(developmentSecret(folder)).toBe('s'.repeat(32))
  writeFileSync(join(folder, SECRET_FILE), '')
  expect(() => developmentSecret(folder)).toThrow(
    /expected .*token-secret to hold a secret .*, got 0; remove it/,
  )
  expect(readFileSync(join(folder, SECRET_FILE), 'utf8')).toBe('')
})
