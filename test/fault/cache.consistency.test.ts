import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { until } from '../harness/postgres.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { type Kind, POLICIES, type VersionGraph, versionGraph } from '../harness/version-graph.ts'

/**
 * Two gateways on one Redis, which fails now and then, answer of what changes all the while, and never tell what they
 * should have forgotten.
 */

const SEED = 20_260_217
const STEPS = 2_000
const AT_ONCE = 16
const PAIR = [0, 1] as const
const IDS = Array.from({ length: 8 }, (_, number) => `${number}`)
const SHOPPERS = ['alice', 'bob', 'carol'] as const
/** What the clocks of two gateways may be apart, each measured over a connection. */
const CLOCKS_MS = 100

const keptMs = ({ freshMs, staleMs }: { readonly freshMs: number; readonly staleMs: number }): number =>
  freshMs + staleMs
const WITHIN_MS: Readonly<Record<Exclude<Kind, 'Mark'>, number>> = {
  Item: keptMs(POLICIES['Query.item']),
  Price: keptMs(POLICIES['Query.price']),
  Note: keptMs(POLICIES['Query.note']),
}

/** What becomes of Redis, or of the subscriptions to it. */
const FAILURES = ['broken once', 'broken on and on', 'flushed', 'stalled', 'restarted'] as const
type Failure = (typeof FAILURES)[number]

const gateway = fc.nat(1)
const id = fc.constantFrom(...IDS)
const shopper = fc.constantFrom(...SHOPPERS)
const steps = fc.oneof(
  {
    weight: 175,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      operation: fc.constantFrom('Item', 'ItemText', 'Both', 'Price', 'Note'),
      gateway,
      id,
      shopper,
    }),
  },
  {
    weight: 25,
    arbitrary: fc.record({
      do: fc.constant('mutate' as const),
      operation: fc.constantFrom('Bump', 'Renew', 'Write'),
      gateway,
      id,
      shopper,
    }),
  },
  // What changes behind the gateways' backs: they are told afterwards, or never.
  { weight: 20, arbitrary: fc.record({ do: fc.constant('reprice' as const), id }) },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('tell' as const),
      kind: fc.constantFrom('Item' as const, 'Note' as const),
      by: fc.constantFrom('tag', 'tag', 'mutation by tag', 'mutation by tag', 'type', 'mutation by type'),
      gateway,
      id,
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('fence' as const), gateway }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('overtake' as const),
      operation: fc.constantFrom('Item', 'ItemText', 'Both'),
      gateway,
      id,
      shopper,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fail' as const), how: fc.constantFrom(...FAILURES) }),
  },
)
type Step = typeof steps extends fc.Arbitrary<infer Value> ? Value : never

/** The least version that a gateway may still tell, by thing. */
class Floors {
  readonly #least = new Map<string, number>()

  of(kind: Kind, thing: string): number {
    return this.#least.get(`${kind}:${thing}`) ?? 0
  }

  raise(kind: Kind, thing: string, version: number): void {
    this.#least.set(`${kind}:${thing}`, Math.max(this.of(kind, thing), version))
  }

  /** To those of another, wherever they are higher. */
  raiseTo(others: ReadonlyMap<string, number>): void {
    for (const [key, version] of others) this.#least.set(key, Math.max(this.#least.get(key) ?? 0, version))
  }

  copy(): ReadonlyMap<string, number> {
    return new Map(this.#least)
  }
}

/** What a gateway has made void itself, and what it has heard of the other. */
interface Known {
  readonly own: Floors
  readonly heard: Floors
}

class Model {
  readonly #graph: VersionGraph
  readonly #known: readonly Known[]
  /** Everything that a gateway has told everybody. */
  readonly #told: readonly Floors[]
  #isFailing = false
  readonly seen = { reads: 0, kept: 0, fences: 0, failures: 0 }

  constructor(graph: VersionGraph) {
    this.#graph = graph
    this.#known = graph.gateways.map(() => ({ own: new Floors(), heard: new Floors() }))
    this.#told = graph.gateways.map(() => new Floors())
  }

  async read(step: Extract<Step, { do: 'read' }>): Promise<void> {
    const { operation, gateway: at, shopper: who } = step
    const { own, heard } = this.#known[at]!
    const kind = operation === 'Price' || operation === 'Note' ? operation : 'Item'
    const { truth, gateways } = this.#graph
    const [least, leastHeard] = [own.of(kind, step.id), heard.of(kind, step.id)]
    const sentMs = performance.now()
    const data = await gateways[at]!.ask(operation, { id: step.id }, who)
    const thing = Object.values(data)[0] as { id: string; version: number; left?: number; caller?: string }
    expect(thing.id).toBe(step.id)
    if (operation === 'Note') expect(thing.caller).toBe(who)
    this.seen.reads++
    for (const version of [thing.version, thing.left ?? thing.version]) {
      const told = `${operation} ${step.id} at gateway ${at}: version ${version}`
      const current = truth.versionOf(kind, step.id)
      expect(version, told).toBeLessThanOrEqual(current)
      if (version < current) this.seen.kept++
      const replacedMs = truth.replacedMs(kind, step.id, version) ?? Number.POSITIVE_INFINITY
      expect(replacedMs, `${told}, too old`).toBeGreaterThan(sentMs - WITHIN_MS[kind] - CLOCKS_MS)
      expect(version, `${told}, void by its own word`).toBeGreaterThanOrEqual(least)
      expect(version, `${told}, void as it has heard`).toBeGreaterThanOrEqual(leastHeard)
    }
  }

  async mutate({
    operation,
    gateway: at,
    id: thing,
    shopper: who,
  }: Extract<Step, { do: 'mutate' }>): Promise<void> {
    const data = await this.#graph.gateways[at]!.ask(operation, { id: thing }, who)
    const kind = operation === 'Write' ? 'Note' : 'Item'
    this.#void(at, kind, thing, operation === 'Renew' ? data.renew.version : data[operation.toLowerCase()])
  }

  async tell({ kind, by, gateway: at, id: thing }: Extract<Step, { do: 'tell' }>): Promise<void> {
    const version = this.#graph.truth.change(kind, thing)
    const what = by.endsWith('tag') ? { tags: [`${kind}:${thing}`] } : { types: [kind] }
    if (by.startsWith('mutation')) await this.#graph.gateways[at]!.ask('Forget', what)
    else await this.#graph.gateways[at]!.invalidate(what)
    this.#void(at, kind, thing, version)
  }

  /** A change, while what was read before it is still on its way: whoever comes after the change gets none of that. */
  async overtake(step: Extract<Step, { do: 'overtake' }>): Promise<void> {
    await this.tell({ ...step, do: 'tell', kind: 'Item', by: 'tag' })
    const before = this.read({ ...step, do: 'read' })
    await this.mutate({ ...step, do: 'mutate', operation: 'Bump' })
    await Promise.all([before, this.read({ ...step, do: 'read' })])
  }

  /**
   * Makes a mark of its own void that the other gateway keeps, and waits until that shows another. If the other has
   * listened all the while it has heard of the mark, and of everything that was told before.
   * @returns whether it has.
   */
  async fence(at: number): Promise<boolean> {
    const { truth, gateways } = this.#graph
    const other = gateways[1 - at]!
    const mark = { id: `of ${at}` }
    const breaks = await this.#breaksOf(1 - at)
    await other.ask('Mark', mark)
    const told = this.#told[at]!.copy()
    const least = truth.change('Mark', mark.id)
    if ((await gateways[at]!.invalidate({ tags: [`mark:${mark.id}`] })) !== 'fleet') return false
    await until('a mark that is heard', async () => (await other.ask('Mark', mark)).mark.version >= least)
    if (!(await this.#isListening(1 - at)) || breaks !== (await this.#breaksOf(1 - at))) return false
    this.#known[1 - at]!.heard.raiseTo(told)
    this.seen.fences++
    return true
  }

  /**
   * Redis fails while something is made void that both gateways keep and hardly anybody else touches. Once they listen
   * again it has to be void, heard or not.
   */
  async fail(how: Failure, redis: TestRedis): Promise<void> {
    if (this.#isFailing) return
    this.#isFailing = true
    const before = await Promise.all(PAIR.map(at => this.#breaksOf(at)))
    const read = { do: 'read', operation: 'Item', id: 'rare', shopper: 'alice' } as const
    const tell = { do: 'tell', kind: 'Item', by: 'tag', id: 'rare' } as const
    for (const at of PAIR) await this.read({ ...read, gateway: at })
    await failWhile(redis, how, async () => {
      for (const at of PAIR) await this.tell({ ...tell, gateway: at })
    })
    // Whoever stalls or is empty need not have been missed.
    const isMissed = how !== 'flushed' && how !== 'stalled'
    for (const at of PAIR)
      await until(
        'a subscription that is whole again',
        async () =>
          (!isMissed || (await this.#breaksOf(at)) > before[at]!) &&
          (await this.#isListening(at)) &&
          (await this.fence(1 - at)),
      )
    for (const at of PAIR) await this.read({ ...read, gateway: at })
    this.seen.failures++
    this.#isFailing = false
  }

  /** Nobody is told of it. */
  reprice(thing: string): void {
    this.#graph.truth.change('Price', thing)
  }

  #void(at: number, kind: Kind, thing: string, version: number): void {
    this.#known[at]!.own.raise(kind, thing, version)
    this.#told[at]!.raise(kind, thing, version)
  }

  #breaksOf(at: number): Promise<number> {
    return this.#graph.gateways[at]!.metric('spillway_cache_breaks_total')
  }

  async #isListening(at: number): Promise<boolean> {
    return (await this.#graph.gateways[at]!.metric('spillway_cache_listening')) === 1
  }
}

async function failWhile(redis: TestRedis, how: Failure, act: () => Promise<void>): Promise<void> {
  const breakAll = (): Promise<string> => redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
  if (how === 'flushed') await redis.ask('FLUSHALL')
  else if (how === 'stalled') redis.stall()
  else if (how === 'restarted') await redis.kill()
  else await breakAll()
  try {
    await act()
    // Whenever they come back for a while.
    if (how === 'broken on and on') for (let broken = 0; broken < 100; broken++) await breakAll()
  } finally {
    if (how === 'stalled') redis.resume()
    if (how === 'restarted') await redis.restart()
  }
}

test('no answer is older than its policy allows, none is void, and none is another caller’s', async () => {
  await using redis = await startRedis()
  const pausesMs = fc.sample(fc.constantFrom(0, 0, 0, 2, 8, 50), { seed: SEED, numRuns: 1_000 })
  let pauses = 0
  const pause = async (): Promise<void> => {
    const ms = pausesMs[pauses++ % pausesMs.length]!
    if (ms > 0) await delay(ms)
  }
  // One shares what is under way before it comes to the cache, the other has the cache alone.
  const files = [{}, { share: { queries: false, fetches: false } }]
  await using graph = await versionGraph({ redisUrl: redis.url, files, pause })
  const model = new Model(graph)
  const todo = fc.sample(steps, { seed: SEED, numRuns: STEPS }).values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const step of todo) {
        if (step.do === 'read') await model.read(step)
        else if (step.do === 'mutate') await model.mutate(step)
        else if (step.do === 'tell') await model.tell(step)
        else if (step.do === 'overtake') await model.overtake(step)
        else if (step.do === 'fence') await model.fence(step.gateway)
        else if (step.do === 'fail') await model.fail(step.how, redis)
        else model.reprice(step.id)
      }
    }),
  )
  // Enough of each has happened for the rest to mean something.
  expect(model.seen.reads).toBeGreaterThan(STEPS / 2)
  expect(model.seen.kept).toBeGreaterThan(0)
  expect(model.seen.fences).toBeGreaterThan(20)
  expect(model.seen.failures).toBeGreaterThan(3)
})
