import { Cluster } from 'ioredis'
import { connectRedis, type RedisClient } from '../../../gateway/redis/redis-connection.ts'

/** To every master of a cluster: a command that comes while its node is being connected to would be refused. */
export async function connectedRedis(url: string): Promise<RedisClient> {
  const redis = connectRedis(url)
  await redis.connect()
  if (redis instanceof Cluster) await Promise.all(redis.nodes('master').map(node => node.ping()))
  return redis
}
