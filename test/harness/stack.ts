import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresConnection } from '../../subgraphs/embedded-postgres.ts'
import { readPostmasterFile } from '../../subgraphs/postgres-process.ts'
import { Graph } from './graph.ts'
import { testFolder } from './postgres.ts'
import { type RunningProgram, runProgram } from './processes.ts'
import { type TokenClaims, tokenFor } from './tokens.ts'

/** A running Spillway as its users meet it: over HTTP, in processes of its own. */
export interface Stack extends AsyncDisposable {
  readonly url: string
  readonly secret: string
  /** The programs, the gateway's (or the only one) first. */
  readonly programs: readonly RunningProgram[]
  /** For SQL that asserts; the product does not use it. */
  readonly database: PostgresConnection
  shopper(id: string, claims?: Partial<TokenClaims>): Graph
  operator(): Graph
  anonymous(): Graph
}

export interface EmbeddedStack extends Stack {
  readonly dataDir: string
  postgresPid(): Promise<number>
}

const SERVICES = ['coupon', 'catalog', 'campaign', 'payment'] as const
const READY = /ready at (http:\/\/\S+)/
const GATEWAY_READY = /"port":(\d+).*gateway listens/
const SERVICE_READY = /"url":"(http:[^"]+)"/

/** `npm start` on a data folder of its own, or on `dataDir`, which then stays. */
export async function startEmbedded(
  options: { readonly dataDir?: string; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<EmbeddedStack> {
  const folder = options.dataDir === undefined ? await testFolder() : undefined
  const dataDir = options.dataDir ?? join(folder as string, 'data')
  const program = runProgram('start.ts', [], { DATA_DIR: dataDir, PORT: '0', ...options.environment })
  const close = async (): Promise<void> => {
    await program.stop()
    if (folder !== undefined)
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
  try {
    const [, url] = await program.says(READY)
    const secret = readFileSync(join(dataDir, 'token-secret'), 'utf8').trim()
    const postmaster = await readPostmasterFile(join(dataDir, 'postgres'))
    if (postmaster === undefined) throw new Error('expected a running PostgreSQL')
    return {
      dataDir,
      programs: [program],
      database: { host: postmaster.socketDir, port: postmaster.port, user: 'postgres', database: 'spillway' },
      postgresPid: async () => {
        const now = await readPostmasterFile(join(dataDir, 'postgres'))
        if (now === undefined) throw new Error('PostgreSQL does not run')
        return now.pid
      },
      ...clientsOf(url as string, secret),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Gateway and four subgraph services, processes of their own over HTTP, on the given external PostgreSQL. */
export async function startServices(database: {
  readonly url: string
  readonly connection: PostgresConnection
}): Promise<Stack> {
  const identityKey = 'services-identity-key-0123456789abcdef'
  const secret = 'services-token-secret-0123456789abcdefghij'
  const programs: RunningProgram[] = []
  const close = async (): Promise<void> => {
    // Callers before those they call.
    for (const program of programs.toReversed()) await program.stop()
  }
  try {
    const urls: Record<string, string> = {}
    for (const name of SERVICES) {
      const program = runProgram('subgraphs/main.ts', [name], {
        DATABASE_URL: database.url,
        IDENTITY_KEY: identityKey,
        SEED: 'true',
        ...urls,
      })
      programs.push(program)
      const [, url] = await program.says(SERVICE_READY)
      urls[`SUBGRAPH_URL_${name.toUpperCase()}`] = url as string
    }
    const gateway = runProgram('gateway/main.ts', [], {
      PORT: '0',
      IDENTITY_KEY: identityKey,
      TOKEN_SECRET: secret,
      ...urls,
    })
    programs.push(gateway)
    const [, port] = await gateway.says(GATEWAY_READY)
    return {
      programs: programs.toReversed(),
      database: database.connection,
      ...clientsOf(`http://127.0.0.1:${port}`, secret),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function clientsOf(
  url: string,
  secret: string,
): Pick<Stack, 'url' | 'secret' | 'shopper' | 'operator' | 'anonymous'> {
  return {
    url,
    secret,
    shopper: (id, claims = {}) => new Graph(url, tokenFor(secret, { sub: id, ...claims })),
    operator: () => new Graph(url, tokenFor(secret, { sub: 'operator', kind: 'operator' })),
    anonymous: () => new Graph(url),
  }
}
