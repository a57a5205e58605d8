import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { type Environment, readConfig } from '../../gateway/config.ts'
import { createConfiguredGateway } from '../../gateway/configured.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import type { TokenSettings } from '../../gateway/identity/tokens.ts'
import { testFolder } from './postgres.ts'
import { hashOf } from './tiny-graph.ts'

export interface ConfiguredOptions {
  readonly supergraphSdl: string
  /** Texts of the operations that are persisted. */
  readonly operations: readonly string[]
  /** The cache's table. */
  readonly policies?: object
  readonly redisUrl?: string
  readonly identityKey?: string
  readonly tokens?: TokenSettings
  /** What `CONFIG` names. */
  readonly file?: object
  /** Further variables, or others. */
  readonly environment?: Environment
}

/** The gateway as `npm run gateway` makes it of files and variables, in this process. */
export interface ConfiguredGateway extends AsyncDisposable {
  readonly gateway: Gateway
  readonly port: number
  /** Lines of its log, from level info on. */
  readonly lines: readonly string[]
  /** The sum of a metric over its labels that contain `labels`; 0 where there is none. */
  metric(name: string, labels?: string): Promise<number>
  close(): Promise<void>
}

export async function configuredGateway(options: ConfiguredOptions): Promise<ConfiguredGateway> {
  const { supergraphSdl, operations, policies = {}, redisUrl, identityKey, file = {} } = options
  const folder = await testFolder()
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, text)
    return path
  }
  const lines: string[] = []
  try {
    const config = readConfig({
      SUPERGRAPH: await write('supergraph.graphql', supergraphSdl),
      OPERATIONS: await write(
        'operations.json',
        JSON.stringify(Object.fromEntries(operations.map(text => [hashOf(text), text]))),
      ),
      CACHE_POLICY: await write('cache.json', JSON.stringify(policies)),
      CONFIG: await write('config.json', JSON.stringify(file)),
      COST_MODE: 'off',
      // A machine that is busy with other tests must not pass for a crowd.
      SURGE: 'off',
      REDIS_URL: redisUrl,
      IDENTITY_KEY: identityKey,
      ...options.environment,
    })
    const logger = pino({ level: 'info' }, { write: line => void lines.push(line) })
    const gateway = await createConfiguredGateway(config, options.tokens, logger)
    const port = await gateway.listen({ port: 0 })
    return {
      gateway,
      port,
      lines,
      async metric(name, labels = '') {
        const { body } = await gateway.app.inject('/metrics')
        let sum = 0
        for (const [, has = '', value] of body.matchAll(new RegExp(`^${name}(?:{(.*)})? (\\S+)$`, 'gm')))
          if (has.includes(labels)) sum += Number(value)
        return sum
      },
      close: () => gateway.close(),
      [Symbol.asyncDispose]: () => gateway.close(),
    }
  } finally {
    // It was read; whoever is to read it anew is given another.
    await rm(folder, { recursive: true, force: true })
  }
}
