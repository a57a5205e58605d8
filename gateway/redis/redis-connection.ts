import { isIP, type Socket } from 'node:net'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Logger } from 'pino'
import { within } from './within.ts'

export type RedisClient = Redis | Cluster

/** A silent connection is given up after this long with commands under way. */
const SILENCE_MS_MAX = 2_000
const CONNECT_MS_MAX = 1_000
const RETRY_MS_MAX = 1_000
const SLOTS_REFRESH_MS = 2_000

/**
 * A client that connects when it is first used or told to, goes on trying for ever, and never keeps a command for later:
 * without a connection a command is rejected at once. Commands of one turn of the event loop travel together, except
 * `eval` and `ping`, which wait for nothing. Errors of the connection are logged at debug level: whoever uses it knows
 * what they mean to it.
 * @param url `redis://` or `rediss://`, with user and password where wanted; several with commas between: nodes of a
 * Redis Cluster.
 * @throws Error for another URL, without showing it: it may hold a password.
 */
export function connectRedis(url: string, { logger }: { readonly logger?: Logger } = {}): RedisClient {
  const urls = url.split(',').map(part => parse(part.trim()))
  const client = urls.length === 1 ? createSingle(urls[0]!) : createCluster(urls)
  // Without a listener ioredis writes to the console.
  client.on('error', (error: unknown) => logger?.debug({ err: error }, 'redis connection'))
  return client
}

/** Withdraws from the server if that answers within `waitMsMax`, else just goes. Never rejects. */
export async function disconnectRedis(redis: RedisClient, waitMsMax = 200): Promise<void> {
  if (redis.status === 'end') return
  // A lost connection has nobody to say goodbye to.
  if (redis.status === 'ready') await within(waitMsMax, 'QUIT', redis.quit()).catch(() => {})
  dropRedis(redis)
}

/** Just goes. */
export function dropRedis(redis: RedisClient): void {
  const sockets = [redis, ...(redis instanceof Cluster ? redis.nodes() : [])].map(socketOf)
  redis.disconnect()
  // That says goodbye too, and then waits for the server's.
  for (const socket of sockets) socket?.destroy()
}

const socketOf = (client: RedisClient): Socket | undefined => (client as { stream?: Socket }).stream

const SHARED = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableAutoPipelining: true,
  autoPipeliningIgnoredCommands: ['eval', 'ping'],
}

const NODE = {
  connectTimeout: CONNECT_MS_MAX,
  socketTimeout: SILENCE_MS_MAX,
  // What was under way when a connection broke fails at once, and is not sent again: it may have been carried out.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // After a failover the address may be another server's by now, and the one before stays connected.
  reconnectOnError: ({ message }) => message.startsWith('READONLY'),
  connectionName: 'spillway',
} satisfies RedisOptions

/** How long to wait before trying again. Spread, so that a fleet does not come back in one moment. */
export const retryMs = (times: number): number =>
  Math.ceil(Math.min(RETRY_MS_MAX, 25 * 2 ** Math.min(times, 10)) * (0.5 + Math.random() / 2))

const createSingle = (url: URL): Redis =>
  new Redis({
    ...SHARED,
    ...NODE,
    ...accountOf(url),
    ...addressOf(url),
    db: databaseOf(url),
    retryStrategy: retryMs,
  })

const createCluster = (urls: readonly URL[]): Cluster =>
  new Cluster(urls.map(addressOf), {
    ...SHARED,
    clusterRetryStrategy: retryMs,
    // A master that was restarted without a failover is found again.
    clusterNodeRetryStrategy: retryMs,
    maxRedirections: 4,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: CONNECT_MS_MAX,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    redisOptions: { ...NODE, ...accountOf(urls[0]!) },
  })

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.hostname && (url.protocol === 'redis:' || url.protocol === 'rediss:')) return url
  const got = url === undefined || url.hostname === '' ? 'no URL with a host' : `one of ${url.protocol}//`
  throw new Error(`expected redis://host:port, or several with commas between, got ${got}`)
}

const addressOf = ({ hostname, port }: URL): { host: string; port: number } => ({
  // IPv6 comes in brackets.
  host: hostname.replace(/^\[|\]$/g, ''),
  port: port === '' ? 6_379 : Number(port),
})

function accountOf(url: URL): Pick<RedisOptions, 'username' | 'password' | 'tls'> {
  const { protocol, username, password } = url
  const { host } = addressOf(url)
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    // A certificate's name is asked for by name, never by address.
    ...(protocol === 'rediss:' ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
  }
}

function databaseOf({ pathname }: URL): number {
  const text = pathname.replace(/^\//, '')
  if (/^\d*$/.test(text)) return Number(text)
  throw new Error(`expected the number of a database after redis://host:port/, got ${text}`)
}
