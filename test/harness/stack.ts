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

export interface ServicesStack extends Stack {
  /** SIGKILL; resolves with the program when it is gone. */
  kill9(name: ServiceName): Promise<RunningProgram>
  /** Again after `kill9`; resolves when it listens. */
  start(name: ServiceName): Promise<void>
  /** A further gateway with the same settings; its address. */
  addGateway(): Promise<string>
}

/** Those that are called before their callers. */
const SERVICES = ['coupon', 'catalog', 'campaign', 'payment', 'gateway'] as const
export type ServiceName = (typeof SERVICES)[number]

const READY = /ready at (http:\/\/\S+)/
const LISTENS = /"port":(\d+).*(?:gateway listens|is ready)/

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

/**
 * Gateway and four subgraph services, processes of their own over HTTP, on the given external PostgreSQL. One that was
 * killed is started again with the same settings and on the same port.
 * @param options `gateway`: further settings of gateways.
 */
export async function startServices(
  database: { readonly url: string; readonly connection: PostgresConnection },
  options: { readonly gateway?: Readonly<Record<string, string>> } = {},
): Promise<ServicesStack> {
  const identityKey = 'services-identity-key-0123456789abcdef'
  const secret = 'services-token-secret-0123456789abcdefghij'
  const running = new Map<ServiceName, RunningProgram>()
  const ports = new Map<ServiceName, string>()
  const urls: Record<string, string> = {}
  const launch = (name: ServiceName): RunningProgram => {
    const shared = { PORT: ports.get(name) ?? '0', IDENTITY_KEY: identityKey, ...urls }
    return name === 'gateway'
      ? runProgram('gateway/main.ts', [], { ...shared, TOKEN_SECRET: secret, ...options.gateway })
      : runProgram('subgraphs/main.ts', [name], { ...shared, DATABASE_URL: database.url, SEED: 'true' })
  }
  const start = async (name: ServiceName): Promise<void> => {
    const program = launch(name)
    running.set(name, program)
    const [, port] = await program.says(LISTENS)
    ports.set(name, port as string)
    if (name !== 'gateway') urls[`SUBGRAPH_URL_${name.toUpperCase()}`] = `http://127.0.0.1:${port}/graphql`
  }
  const further: RunningProgram[] = []
  const programs = (): RunningProgram[] => [...running.values(), ...further].toReversed()
  const close = async (): Promise<void> => {
    // Callers before those they call.
    for (const program of programs()) await program.stop()
  }
  try {
    for (const name of SERVICES) await start(name)
    return {
      get programs() {
        return programs()
      },
      database: database.connection,
      kill9: async name => {
        const program = running.get(name) as RunningProgram
        program.kill('SIGKILL')
        await program.exited
        return program
      },
      start,
      async addGateway() {
        const settings = { PORT: '0', IDENTITY_KEY: identityKey, TOKEN_SECRET: secret, ...urls }
        const program = runProgram('gateway/main.ts', [], { ...settings, ...options.gateway })
        further.push(program)
        const [, port] = await program.says(LISTENS)
        return `http://127.0.0.1:${port}`
      },
      ...clientsOf(`http://127.0.0.1:${ports.get('gateway')}`, secret),
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
