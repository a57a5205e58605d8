import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SECRET_CHARS_MIN } from './tokens.ts'

/** The file in the data folder; readable by its owner alone. */
export const SECRET_FILE = 'token-secret'

/**
 * The secret that signs development tokens, made once a data folder. Two processes that start together agree on one:
 * it is written beside and linked into place, which only the first can do.
 * @param onMade told the file's path by the one process that makes it.
 * @throws Error when the folder cannot be written or the file holds no secret.
 */
export function developmentSecret(dataDir: string, onMade: (path: string) => void = () => {}): string {
  const path = join(dataDir, SECRET_FILE)
  const known = read(path)
  if (known !== undefined) return known
  mkdirSync(dataDir, { recursive: true })
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(draft, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, path)
    onMade(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return read(path) as string
}

function read(path: string): string | undefined {
  let secret: string
  try {
    secret = readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  if (secret.length >= SECRET_CHARS_MIN) return secret
  throw new Error(
    `expected ${path} to hold a secret of at least ${SECRET_CHARS_MIN} characters, got ${secret.length}; remove it to have a new one made`,
  )
}
