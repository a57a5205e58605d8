import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connectRedis, disconnectRedis } from '../../../gateway/redis/redis-connection.ts'
import { startRedis } from '../../harness/redis.ts'

describe('a connection to Redis', () => {
  it('signs in and chooses a database as its URL says', async () => {
    await using server = await startRedis(['--requirepass', 'p@ss:word'])
    const redis = connectRedis(
      `redis://default:${encodeURIComponent('p@ss:word')}@127.0.0.1:${server.port}/3`,
    )
    await redis.connect()
    expect(await redis.client('INFO')).toMatch(/ db=3 .*name=spillway|name=spillway .*db=3 /)
    await disconnectRedis(redis)
  })

  it('keeps nothing for later: without a connection a command fails at once', async () => {
    await using server = await startRedis()
    const redis = connectRedis(server.url)
    await redis.connect()
    await server.kill()
    await expect(redis.ping()).rejects.toThrow()
    await expect(redis.ping()).rejects.toThrow()
    await server.restart()
    await expect.poll(() => redis.ping().catch(() => 'not yet'), { timeout: 30_000 }).toBe('PONG')
    await disconnectRedis(redis)
  })

  it('fails what was under way when the server falls silent', async () => {
    await using server = await startRedis()
    const redis = connectRedis(server.url)
    await redis.connect()
    server.stall()
    await expect(redis.get('a')).rejects.toThrow()
    await disconnectRedis(redis)
  })

  it('looks for another server at its address when this one may no longer be written to', async () => {
    await using before = await startRedis()
    await using after = await startRedis()
    let { port } = before
    const address = createServer(socket => {
      const server = connect(port, '127.0.0.1')
      for (const end of [socket, server])
        end.on('error', () => {}).on('close', () => [socket, server].map(other => other.destroy()))
      socket.pipe(server).pipe(socket)
    })
    await once(address.listen(0, '127.0.0.1'), 'listening')
    const redis = connectRedis(`redis://127.0.0.1:${(address.address() as AddressInfo).port}`)
    await redis.connect()
    await redis.set('a', '1')
    port = after.port
    await before.ask('REPLICAOF', '127.0.0.1', `${after.port}`)
    await expect.poll(() => redis.set('a', '2').catch(() => 'not yet'), { timeout: 30_000 }).toBe('OK')
    expect(await after.ask('GET', 'a')).toBe('2')
    await disconnectRedis(redis)
    address.close()
  })

  it('is given up when the server says no goodbye', async () => {
    await using server = await startRedis()
    const redis = connectRedis(server.url)
    await redis.connect()
    server.stall()
    await disconnectRedis(redis)
    await expect.poll(() => redis.status).toBe('end')
    await disconnectRedis(redis)
  })

  it.each([
    ['http://secret@localhost', 'one of http://'],
    ['redis://', 'no URL with a host'],
    ['secret', 'no URL with a host'],
    ['', 'no URL with a host'],
    ['redis://a:1,secret', 'no URL with a host'],
  ])('refuses %j without repeating it', (url, got) => {
    expect(() => connectRedis(url)).toThrow(
      new Error(`expected redis://host:port, or several with commas between, got ${got}`),
    )
  })

  it('refuses a database that is no number', () => {
    expect(() => connectRedis('redis://localhost/cache')).toThrow(
      'expected the number of a database after redis://host:port/, got cache',
    )
  })
})
