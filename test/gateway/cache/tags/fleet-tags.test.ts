import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type FleetTags, openFleetTags } from '../../../../gateway/cache/tags/fleet-tags.ts'
import { connectRedis, disconnectRedis } from '../../../../gateway/redis/redis-connection.ts'
import { nowMs } from '../../../../protocol/deadline.ts'
import { silent, until } from '../../../harness/postgres.ts'
import { startRedis, startRedisCluster, type TestRedis } from '../../../harness/redis.ts'
import { carrying, fleetGateway, heard, listening } from './fleet-gateways.ts'

const ORDER = '{spillway:cache}:invalidated'

const closing: AsyncDisposable[] = []

afterEach(async () => {
  for (const gateway of closing.splice(0)) await gateway[Symbol.asyncDispose]()
})

async function gateway(...[url, options]: Parameters<typeof fleetGateway>): Promise<FleetTags> {
  const opened = await fleetGateway(url, options)
  closing.push(opened)
  return opened.tags
}

const killSubscriptions = (server: TestRedis): Promise<string> =>
  server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')

describe('the tags of a fleet', () => {
  it('void at every gateway what one invalidates', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    expect([here.isListening, there.isListening]).toEqual([true, true])
    const entries = (tags: FleetTags) =>
      [['Product', 'Product:1'], ['Product', 'Product:*'], ['Product', 'Product:2'], ['Shop']].map(carried =>
        carrying(tags.now(), ...carried),
      )
    const [mine, theirs] = [entries(here), entries(there)]
    const sent = here.invalidate(['Product:1'])
    expect(mine.map(entry => here.holds(entry))).toEqual([false, false, true, true])
    expect(await sent).toBe('fleet')
    await until('the invalidation', () => there.counts.heard === 1)
    expect(theirs.map(entry => there.holds(entry))).toEqual([false, false, true, true])
    expect(mine.map(entry => there.holdsAnywhere(entry))).toEqual([false, false, true, true])
    expect(theirs.map(entry => here.holdsAnywhere(entry))).toEqual([false, false, true, true])
  })

  it('know what is younger than what was heard, before any beat', async () => {
    await using server = await startRedis()
    const options = { beatMs: 3_600_000 }
    const [here, there] = [await gateway(server.url, options), await gateway(server.url, options)]
    await here.invalidate(['Product'])
    await until('the invalidation', () => there.counts.heard === 1)
    expect(here.holdsAnywhere(carrying(there.now(), 'Product'))).toBe(true)
  })

  it('do not void a second time what has been asked for since, when their own invalidation comes back', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    const sent = here.invalidate(['Product'])
    const younger = carrying(here.now(), 'Product')
    await sent
    await heard(there, here)
    expect(here.holds(younger)).toBe(true)
    expect(here.counts.heard).toBe(1)
  })

  it('void everything everywhere', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    const entry = carrying(there.now(), 'Shop')
    expect(await here.invalidate(['*'])).toBe('fleet')
    await until('the invalidation', () => !there.holds(entry))
    expect(there.holdsAnywhere(entry)).toBe(false)
    expect(there.holds(carrying(there.now(), 'Shop'))).toBe(true)
  })

  it('void more at once than one call tells', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    const keys = Array.from({ length: 2_500 }, (_, id) => `Product:${id}`)
    const entries = keys.map(key => carrying(there.now(), 'Product', key))
    const other = carrying(there.now(), 'Product', 'Product:2500')
    expect(await here.invalidate(keys)).toBe('fleet')
    await until('the invalidation', () => !there.holds(entries.at(-1)!))
    expect(entries.some(entry => there.holds(entry))).toBe(false)
    expect(there.holds(other)).toBe(true)
  })

  it('ask Redis about an entry that is older than what this gateway has heard', async () => {
    await using server = await startRedis()
    const here = await gateway(server.url)
    const carried = [['Product', 'Product:1'], ['Product', 'Product:2'], ['Product', 'Product:*'], ['Shop']]
    const entries = carried.map(tags => carrying(here.now(), ...tags))
    await here.invalidate(['Product:1'])
    const later = await gateway(server.url)
    const holds = (tags: FleetTags) => Promise.all(entries.map(entry => tags.holdsAnywhere(entry)))
    expect(later.holdsAnywhere(entries[1]!)).toBeInstanceOf(Promise)
    expect(await holds(later)).toEqual([false, true, false, true])
    await here.invalidate(['*'])
    expect(await holds(later)).toEqual([false, false, false, false])
    // Of what is younger than that nothing has to be asked.
    await heard(here, later)
    expect(later.holdsAnywhere(carrying(here.now(), 'Product'))).toBe(true)
  })

  it('void what is in memory when the subscription alone breaks', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    const before = carrying(there.now(), 'Shop')
    await killSubscriptions(server)
    await until('a break', () => there.counts.breaks === 1)
    expect(there.holds(before)).toBe(false)
    await listening(here, there)
    const after = carrying(there.now(), 'Shop')
    await heard(here, there)
    expect(there.holds(after)).toBe(true)
  })

  it('void what was kept while they were deaf, once they listen', async () => {
    await using server = await startRedis()
    const here = await gateway(server.url)
    await server.kill()
    await until('a break', () => here.counts.breaks === 1)
    const between = carrying(here.now(), 'Shop')
    expect(here.holds(between)).toBe(true)
    await server.restart()
    await listening(here)
    expect(here.holds(between)).toBe(false)
  })

  it('hear of what was invalidated while they were deaf', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    const entry = carrying(there.now(), 'Product', 'Product:1')
    await killSubscriptions(server)
    const sent = here.invalidate(['Product:1'])
    await until('a break', () => there.counts.breaks === 1)
    expect(await sent).toBe('fleet')
    await listening(there)
    expect([there.holds(entry), await there.holdsAnywhere(entry)]).toEqual([false, false])
  })

  it('do not take what was asked before they subscribed for how things stand', async () => {
    await using server = await startRedis()
    const sockets: { client: Socket; isOpen: Promise<void> }[] = []
    let mayConnect = Promise.resolve()
    const path = createServer(async client => {
      const own = { client, isOpen: Promise.resolve() }
      sockets.push(own)
      await mayConnect
      const redis = connect(server.port, '127.0.0.1')
      for (const end of [client, redis])
        end.on('error', () => {}).on('close', () => [client, redis].map(other => other.destroy()))
      client.pipe(redis)
      redis.on('data', async chunk => {
        await own.isOpen
        client.write(chunk)
      })
    })
    await once(path.listen(0, '127.0.0.1'), 'listening')
    const options = { beatMs: 3_600_000, waitMsMax: 20_000 }
    const here = await gateway(`redis://127.0.0.1:${(path.address() as AddressInfo).port}`, options)
    const there = await gateway(server.url, options)
    await heard(there, here)
    const entry = carrying(there.now(), 'Product')
    // The answer to what is asked now comes late, and so does the next subscription.
    const [answers, subscription] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    sockets[0]!.isOpen = answers.promise
    mayConnect = subscription.promise
    const calls = async () =>
      /cmdstat_evalsha:calls=(\d+)/.exec(await server.ask('INFO', 'commandstats'))?.[1] ?? ''
    const before = await calls()
    sockets[1]!.client.destroy()
    await until('the question', async () => (await calls()) !== before)
    expect(await there.invalidate(['Product'])).toBe('fleet')
    subscription.resolve()
    const { heard: heardBefore } = here.counts
    await until('a subscription', async () => {
      await there.invalidate(['Shop'])
      return here.counts.heard > heardBefore
    })
    answers.resolve()
    await listening(here)
    expect(await here.holdsAnywhere(entry)).toBe(false)
    path.close()
  })

  it('that may not listen look each beat whether anything was invalidated', async () => {
    await using server = await startRedis()
    await server.ask('ACL', 'SETUSER', 'deaf', 'on', '>secret', '~*', '+@all', 'resetchannels')
    const here = await gateway(server.url)
    const deaf = await gateway(server.url.replace('//', '//deaf:secret@'))
    expect([deaf.isListening, deaf.scope]).toEqual([false, 'fleet'])
    const entry = carrying(deaf.now(), 'Shop')
    await here.invalidate(['Product'])
    await until('news', () => !deaf.holds(entry))
    expect(deaf.isListening).toBe(false)
  })

  it('keep what was invalidated while Redis was gone, and tell it before anything else', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    const entry = carrying(here.now(), 'Product', 'Product:1')
    const other = carrying(here.now(), 'Shop')
    await server.kill()
    await until('gateways that have noticed', () => here.scope === 'process' && !here.isListening)
    expect(await here.invalidate(['Product:1'])).toBe('process')
    expect(here.counts.waiting).toBeGreaterThan(0)
    expect([here.holds(entry), here.holdsAnywhere(entry), here.holdsAnywhere(other)]).toEqual([
      false,
      false,
      false,
    ])
    await server.restart()
    await listening(here, there)
    await until('what was invalidated', () => here.scope === 'fleet')
    await heard(here, there)
    expect(await there.holdsAnywhere(entry)).toBe(false)
    // Its order is lost, and so nothing is known of what is older than that.
    expect(await there.holdsAnywhere(other)).toBe(false)
    const younger = carrying(here.now(), 'Product', 'Product:1')
    expect(await there.holdsAnywhere(younger)).toBe(true)
  })

  it('begin without Redis, and join the fleet when it is there', async () => {
    await using server = await startRedis()
    await server.kill()
    const here = await gateway(server.url)
    expect([here.isListening, here.scope]).toEqual([false, 'process'])
    expect(await here.invalidate(['Product'])).toBe('process')
    await server.restart()
    const there = await gateway(server.url)
    const entry = carrying(there.now(), 'Product')
    await listening(here, there)
    await heard(here, there)
    expect(await there.holdsAnywhere(entry)).toBe(false)
  })

  it('do not go back in their order when Redis comes back empty', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    await here.invalidate(['Product'])
    await heard(here, there)
    const entry = carrying(here.now(), 'Shop')
    const { version } = entry.born
    await server.ask('FLUSHALL')
    await until('the new order', () => here.now().version > version && there.now().version > version)
    // What was heard without a break says more than an order that was lost.
    expect([here.holds(entry), there.holdsAnywhere(entry)]).toEqual([true, true])
    const later = await gateway(server.url)
    expect(await later.holdsAnywhere(entry)).toBe(false)
    await heard(there, here)
    expect(here.holds(entry)).toBe(true)
    expect(later.holdsAnywhere(carrying(later.now(), 'Shop'))).toBe(true)
  })

  it('void memory when a subscription is silent, and wait for no stalled Redis', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url, { waitMsMax: 50 }), await gateway(server.url)]
    const entry = carrying(here.now(), 'Product')
    server.stall()
    expect(await here.invalidate(['Product'])).toBe('process')
    const between = carrying(here.now(), 'Shop')
    expect([here.holds(between), here.holdsAnywhere(between)]).toEqual([true, true])
    await until('a break', () => !here.isListening && !there.isListening)
    expect([here.holds(between), await here.holdsAnywhere(between)]).toEqual([false, false])
    server.resume()
    await listening(here, there)
    await heard(here, there)
    expect(await there.holdsAnywhere(entry)).toBe(false)
  })

  it('tell what was invalidated again while it was being told', async () => {
    await using server = await startRedis()
    const here = await gateway(server.url, { beatMs: 3_600_000 })
    server.stall()
    const first = here.invalidate(['Product'])
    await new Promise(setImmediate)
    const second = here.invalidate(['Product'])
    server.resume()
    expect([await first, await second]).toEqual(['fleet', 'fleet'])
    const { version } = here.now()
    const holds = (than: number) => here.holdsAnywhere(carrying({ ...here.now(), version: than }, 'Product'))
    expect([await holds(version - 1), await holds(version)]).toEqual([false, true])
  })

  it('tell what waits as soon as a Redis that was slow answers again', async () => {
    await using server = await startRedis()
    const here = await gateway(server.url, { beatMs: 3_600_000, waitMsMax: 50 })
    server.stall()
    expect(await here.invalidate(['Product'])).toBe('process')
    await until('a call that has failed', () => here.counts.errors > 0)
    server.resume()
    await until('that the fleet is told', () => here.scope === 'fleet' && here.counts.waiting === 0)
    expect(await server.ask('ZSCORE', ORDER, 'Product')).not.toBe('')
  })

  it('notice an invalidation that was told and not heard', async () => {
    await using server = await startRedis()
    const here = await gateway(server.url)
    const entry = carrying(here.now(), 'Product')
    // As a Cluster's bus may lose it: the order has it, and no gateway was told.
    const version = (nowMs() + 2_000_000_000_000) * 1_000
    await server.ask('ZADD', ORDER, version.toFixed(0), 'Product')
    await until('a break', () => here.counts.breaks === 1)
    expect(here.holds(entry)).toBe(false)
    await listening(here)
    expect(here.now().version).toBeGreaterThanOrEqual(Math.floor(version))
  })

  it('notice an invalidation that was told and not heard when the next one comes, before any beat', async () => {
    await using server = await startRedis()
    const options = { beatMs: 3_600_000 }
    const [here, there] = [await gateway(server.url, options), await gateway(server.url, options)]
    const entry = carrying(there.now(), 'Product')
    await server.ask('ZADD', ORDER, `${(Date.now() + 10) * 1_000}`, 'Product')
    expect(await here.invalidate(['Shop'])).toBe('fleet')
    await until('a break', () => there.counts.breaks === 1)
    expect(there.holds(entry)).toBe(false)
    await listening(there)
  })

  it('listen anew, maybe to another node, when one stays silent', async () => {
    await using server = await startRedis()
    const here = await gateway(server.url)
    const listener = async () =>
      /id=\d+/.exec(await server.ask('CLIENT', 'LIST', 'TYPE', 'pubsub'))?.[0] ?? 'none'
    const before = await listener()
    await server.ask('ZADD', ORDER, `${(Date.now() + 10) * 1_000}`, 'Product')
    await until('a break', () => here.counts.breaks === 1)
    await listening(here)
    expect([before, await listener()]).not.toContain('none')
    expect(await listener()).not.toBe(before)
  })

  it('void everything once their order went back, as with a failover or an old snapshot', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(server.url), await gateway(server.url)]
    await here.invalidate(['Shop'])
    await server.ask('COPY', ORDER, 'before')
    const entry = carrying(here.now(), 'Product')
    expect(await here.invalidate(['Product'])).toBe('fleet')
    await heard(here, there)
    const younger = carrying(there.now(), 'Shop')
    await server.ask('COPY', 'before', ORDER, 'REPLACE')
    await until('the order of before, made void', async () => await server.ask('ZSCORE', ORDER, '*'))
    const later = await gateway(server.url)
    expect(await later.holdsAnywhere(entry)).toBe(false)
    await until('everything void', () => !there.holds(younger))
    // Once: what is kept from now on holds.
    const kept = carrying(there.now(), 'Shop')
    await heard(here, there)
    await heard(there, later)
    expect([there.holds(kept), there.counts.breaks]).toEqual([true, 0])
  })

  it('are of one database', async () => {
    await using server = await startRedis()
    const [here, there] = [await gateway(`${server.url}/0`), await gateway(`${server.url}/1`)]
    const alike = await gateway(`${server.url}/1`)
    const entry = carrying(there.now(), 'Product')
    await here.invalidate(['Product'])
    await heard(alike, there)
    expect(there.holds(entry)).toBe(true)
    await alike.invalidate(['Product'])
    await until('its own database', () => !there.holds(entry))
  })

  it('take a message that they cannot read for something missed', async () => {
    await using server = await startRedis()
    const here = await gateway(server.url)
    const entry = carrying(here.now(), 'Product')
    await server.ask('PUBLISH', 'spillway:cache:invalidated:0', 'another release')
    await until('a break', () => here.counts.breaks === 1)
    expect(here.holds(entry)).toBe(false)
    await listening(here)
  })

  it('say one time in all processes, whatever their clocks say', async () => {
    await using server = await startRedis()
    const [slow, fast] = [
      await gateway(server.url, { clock: () => nowMs() - 5_000 }),
      await gateway(server.url, { clock: () => nowMs() + 5_000 }),
    ]
    const startedMs = Date.now()
    const [slowMs, fastMs] = [slow, fast].map(tags => tags.toFleetMs(tags.now().atMs)) as [number, number]
    const endedMs = Date.now()
    // Half a round trip each, and this process is the server's only neighbour.
    expect(slowMs).toBeGreaterThan(startedMs - 1_000)
    expect(fastMs).toBeLessThan(endedMs + 1_000)
    expect(Math.abs(slowMs - fastMs)).toBeLessThan(1_000)
    expect(fast.fromFleetMs(fast.toFleetMs(1_234))).toBeCloseTo(1_234, 2)
  })

  it('find the time again when a process’s clock stood still', async () => {
    await using server = await startRedis()
    let stoodMs = 0
    const here = await gateway(server.url, { clock: () => nowMs() - stoodMs })
    const isRight = () => Math.abs(here.toFleetMs(here.now().atMs) - Date.now()) < 1_000
    expect(isRight()).toBe(true)
    stoodMs = 60_000
    expect(isRight()).toBe(false)
    await until('the right time', isRight)
  })

  it('leave nothing running that was opened, and the given connection alone', async () => {
    await using server = await startRedis()
    const redis = connectRedis(server.url)
    const tags = await openFleetTags({ redis, logger: silent })
    const entry = carrying(tags.now(), 'Product')
    await tags.close()
    expect(await redis.ping()).toBe('PONG')
    await until(
      'no subscription',
      async () => (await server.ask('PUBSUB', 'NUMSUB', 'spillway:cache:invalidated:0')) !== '',
    )
    await until('one connection', async () => {
      const clients = await server.ask('CLIENT', 'LIST')
      return clients.split('\n').filter(line => line.includes('name=spillway')).length === 1
    })
    expect(await tags.invalidate(['Product'])).toBe('process')
    expect([tags.holds(entry), tags.isListening]).toEqual([false, false])
    await disconnectRedis(redis)
  })
})

describe('the tags of a fleet on a Redis Cluster', () => {
  it('void at every gateway what one invalidates, whichever node it listens to, and when that is lost', async () => {
    await using cluster = await startRedisCluster()
    const [here, there] = [await gateway(cluster.url), await gateway(cluster.url)]
    await listening(here, there)
    const entry = carrying(there.now(), 'Product', 'Product:1')
    const foreign = carrying(here.now(), 'Product', 'Product:1')
    expect(await here.invalidate(['Product:1'])).toBe('fleet')
    await until('the invalidation', () => !there.holds(entry))
    expect(await there.holdsAnywhere(foreign)).toBe(false)
    const before = carrying(there.now(), 'Shop')
    for (const node of cluster.nodes) await killSubscriptions(node)
    await until('a break', () => there.counts.breaks > 0)
    expect(there.holds(before)).toBe(false)
    await listening(here, there)
    await heard(here, there)
  })

  it('wait for the node that keeps their order, and tell it what it missed', async () => {
    await using cluster = await startRedisCluster()
    const [here, there] = [await gateway(cluster.url), await gateway(cluster.url)]
    await heard(here, there)
    const entry = carrying(there.now(), 'Product')
    const slot = Number(await cluster.nodes[0]!.ask('CLUSTER', 'KEYSLOT', ORDER))
    const owner = cluster.nodes[Math.floor((slot * cluster.nodes.length) / 16_384)]!
    await owner.kill()
    await until('a call that fails', async () => (await here.invalidate(['Product'])) === 'process')
    await owner.restart()
    await until('what was invalidated', () => here.scope === 'fleet' && here.counts.waiting === 0)
    await heard(here, there)
    expect([there.holds(entry), await there.holdsAnywhere(entry)]).toEqual([false, false])
  })
})
