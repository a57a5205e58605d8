import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { request } from 'undici'
import { SECRET_FILE } from '../../gateway/identity/development-secret.ts'
import { mintToken } from '../../gateway/identity/mint.ts'
import { SECRET_CHARS_MIN } from '../../gateway/identity/tokens.ts'
import { readPostmasterFile } from '../../subgraphs/postgres-process.ts'

export interface StackOptions {
  /** A gateway that runs already. Default: an embedded stack is started, and stopped at the end. */
  readonly url?: string | undefined
  /** The database behind `url`, as `postgres://…`; without it nothing is checked against the books. */
  readonly databaseUrl?: string | undefined
  /** What tokens of `url` are signed with (HS256). Default: that of `dataDir`. */
  readonly secret?: string | undefined
  /** The folder of an embedded stack, which then stays. Default: a temporary one. With `url`: where its secret lies. */
  readonly dataDir?: string | undefined
  /** What the stack says while it starts, and its complaints. */
  readonly log?: ((line: string) => void) | undefined
}

/** A running Spillway to replay against. */
export interface ReplayStack extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string
  /** Signs tokens of shoppers (HS256). */
  readonly secret: string
  /** May change campaigns, limits and stock; good for two days. */
  readonly operatorToken: string
  /** For statements that only read; `undefined`: there is no way to it. */
  readonly database: pg.ClientConfig | undefined
  readonly isEmbedded: boolean
  /** An embedded one is gone when it resolves, its temporary folder with it. May be called twice. */
  stop(): Promise<void>
}

const READY = /ready at (http:\/\/\S+)/
const DATA = /^data at (.+)$/
const OPERATOR_TTL_SECONDS = 2 * 86_400
const LAST_LINES = 20
const HEALTH_MS_MAX = 10_000

/**
 * Starts the embedded stack, or takes the one at `url`.
 * @throws Error that says what was expected: of a secret that is missing or too short, of a stack that does not start or
 *   does not answer.
 */
export async function openStack(options: StackOptions): Promise<ReplayStack> {
  return options.url === undefined
    ? await startStack(options)
    : await takeStack({ ...options, url: options.url })
}

async function takeStack(options: StackOptions & { readonly url: string }): Promise<ReplayStack> {
  const url = options.url.replace(/\/+$/, '')
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new Error(`expected the address of a gateway such as http://localhost:4000, got ${options.url}`)
  const secret = options.secret ?? (await secretIn(options.dataDir))
  if (secret.length < SECRET_CHARS_MIN)
    throw new Error(
      `expected a token secret of at least ${SECRET_CHARS_MIN} characters, got ${secret.length}`,
    )
  await serving(url)
  const stop = async (): Promise<void> => {}
  return {
    url,
    secret,
    operatorToken: await operatorToken(secret),
    database: options.databaseUrl === undefined ? undefined : { connectionString: options.databaseUrl },
    isEmbedded: false,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function secretIn(dataDir: string | undefined): Promise<string> {
  if (dataDir === undefined)
    throw new Error(
      'expected the secret that tokens of this gateway are signed with (--secret), or its data folder (--data-dir, DATA_DIR)',
    )
  const path = join(dataDir, SECRET_FILE)
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    throw new Error(`expected the token secret in ${path}: ${(cause as Error).message}`, { cause })
  }
}

async function serving(url: string): Promise<void> {
  const path = `${url}/health/ready`
  const timeouts = { headersTimeout: HEALTH_MS_MAX, bodyTimeout: HEALTH_MS_MAX }
  const answer = await request(path, timeouts).catch((cause: Error) => {
    throw new Error(`expected a gateway at ${url}: ${cause.message || String(cause)}`, { cause })
  })
  await answer.body.dump()
  if (answer.statusCode !== 200) throw new Error(`expected ${path} to answer 200, got ${answer.statusCode}`)
}

async function startStack({ dataDir, log = () => {} }: StackOptions): Promise<ReplayStack> {
  const keeper = fileURLToPath(new URL('./stack-keeper.ts', import.meta.url))
  const child = spawn(process.execPath, [keeper, ...(dataDir === undefined ? [] : [dataDir])], {
    // Its standard input is our life sign; a session of its own keeps our Ctrl-C from it.
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  child.stdin.on('error', () => {})
  const lastLines: string[] = []
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await gone
  }
  try {
    const { url, folder } = await new Promise<{ url: string; folder: string }>((resolve, reject) => {
      let folder = ''
      const heard = (line: string): void => {
        lastLines.push(line)
        if (lastLines.length > LAST_LINES) lastLines.shift()
        log(line)
        folder = DATA.exec(line)?.[1] ?? folder
        const url = READY.exec(line)?.[1]
        if (url !== undefined) resolve({ url, folder })
      }
      for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', heard)
      child.once('error', reject)
      child.once('close', code =>
        reject(new Error(`the embedded stack did not start (exit ${code}):\n${lastLines.join('\n')}`)),
      )
    })
    const secret = await secretIn(folder)
    const postmaster = await readPostmasterFile(join(folder, 'postgres'))
    if (postmaster === undefined) throw new Error(`expected a running PostgreSQL in ${folder}/postgres`)
    return {
      url,
      secret,
      operatorToken: await operatorToken(secret),
      database: { host: postmaster.socketDir, port: postmaster.port, user: 'postgres', database: 'spillway' },
      isEmbedded: true,
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const operatorToken = (secret: string): Promise<string> =>
  mintToken({
    secret,
    subject: 'replay',
    kind: 'operator',
    client: 'replay',
    scopes: ['campaign:operate', 'catalog:write'],
    ttlSeconds: OPERATOR_TTL_SECONDS,
  })
