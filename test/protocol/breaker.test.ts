import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Breaker, type BreakerOptions, type Showing } from '../../protocol/breaker.ts'

type Health = Showing['health']

/** A breaker on a clock that tests move. */
function byHand(options: BreakerOptions = {}) {
  let now = 0
  const breaker = new Breaker({ ...options, clock: () => now })
  const ask = async (health: Health): Promise<Health | 'refused'> =>
    (await breaker.run(async () => ({ health })))?.health ?? 'refused'
  return {
    breaker,
    ask,
    wait: (ms: number) => {
      now += ms
    },
    /** Five failures over 400 ms. */
    async open() {
      for (let i = 0; i < 5; i++) {
        await ask('failed')
        now += 100
      }
      expect(breaker.state).toBe('OPEN')
    },
  }
}

/** An exchange that ends when told to. */
function held(breaker: Breaker): { end: (health: Health) => void; ended: Promise<Showing | undefined> } {
  const { promise, resolve } = Promise.withResolvers<Showing>()
  return { end: health => resolve({ health }), ended: breaker.run(() => promise) }
}

describe('a breaker', () => {
  it('opens after five failures in a row, refuses for a second, and closes when the probe works', async () => {
    const { breaker, ask, wait, open } = byHand()
    await open()
    expect(breaker.refusesForMs).toBe(900)
    expect(await ask('worked')).toBe('refused')
    wait(899)
    expect(await ask('worked')).toBe('refused')
    wait(1)
    expect(breaker.refusesForMs).toBe(0)
    expect(await ask('worked')).toBe('worked')
    expect(breaker.state).toBe('CLOSED')
    // Nothing is held against it: five more it takes to open again.
    for (let i = 0; i < 4; i++) {
      await ask('failed')
      wait(100)
    }
    expect(breaker.state).toBe('CLOSED')
  })

  it('stays open twice as long after each probe that fails, ten seconds at most', async () => {
    const { breaker, ask, wait, open } = byHand()
    await open()
    wait(900)
    const waits: number[] = []
    for (let i = 0; i < 5; i++) {
      expect(await ask('failed')).toBe('failed')
      waits.push(breaker.refusesForMs)
      wait(breaker.refusesForMs)
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 10_000, 10_000])
    expect(await ask('worked')).toBe('worked')
    await open()
    expect(breaker.refusesForMs).toBe(900)
  })

  it('lets one probe go at a time, and nobody waits for it', async () => {
    const { breaker, ask, wait, open } = byHand()
    await open()
    wait(900)
    const probe = held(breaker)
    expect(breaker.state).toBe('HALF_OPEN')
    expect(breaker.refusesForMs).toBeGreaterThan(0)
    expect(await ask('worked')).toBe('refused')
    probe.end('worked')
    await probe.ended
    expect(breaker.state).toBe('CLOSED')
  })

  it('takes what failed together for one event', async () => {
    const { breaker, ask } = byHand()
    const exchanges = Array.from({ length: 64 }, () => held(breaker))
    for (const { end } of exchanges) end('failed')
    await Promise.all(exchanges.map(({ ended }) => ended))
    expect(breaker.state).toBe('CLOSED')
    expect(await ask('worked')).toBe('worked')
  })

  it('opens when half of many fail for more than a second, though never five in a row', async () => {
    const { breaker, ask, wait } = byHand()
    let asked = 0
    while (breaker.state === 'CLOSED') {
      await ask(asked++ % 2 === 0 ? 'worked' : 'failed')
      wait(100)
    }
    // Twenty exchanges are the fewest that say something.
    expect(asked).toBe(20)
  })

  it('stays closed while fewer than half fail', async () => {
    const { breaker, ask, wait } = byHand()
    for (let i = 0; i < 300; i++) {
      await ask(i % 3 === 0 ? 'failed' : 'worked')
      wait(50)
    }
    expect(breaker.state).toBe('CLOSED')
  })

  it('does not count what left before it changed', async () => {
    const { breaker, ask, wait, open } = byHand()
    const late = Array.from({ length: 10 }, () => held(breaker))
    await open()
    wait(900)
    await ask('worked')
    for (const { end, ended } of late) {
      end('failed')
      await ended
      wait(100)
    }
    expect(breaker.state).toBe('CLOSED')
  })

  it('passes on what an exchange throws, and counts nothing', async () => {
    const { breaker } = byHand()
    for (let i = 0; i < 10; i++) {
      await expect(breaker.run(() => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug')
    }
    expect(breaker.state).toBe('CLOSED')
  })

  it('is never open for long after the subgraph works, and never refuses while closed', async () => {
    const step = fc.record({
      waitMs: fc.nat(2_000),
      health: fc.constantFrom<Health>('worked', 'failed', 'unclear'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async steps => {
        const { breaker, ask, wait } = byHand()
        for (const { waitMs, health } of steps) {
          const state = breaker.state
          const mayGo = breaker.refusesForMs === 0
          expect(await ask(health)).toBe(mayGo ? health : 'refused')
          if (state === 'CLOSED') expect(mayGo).toBe(true)
          if (!mayGo) expect(breaker.state).toBe(state)
          if (state === 'OPEN' && mayGo) expect(breaker.state).toBe(health === 'failed' ? 'OPEN' : 'CLOSED')
          expect(breaker.refusesForMs).toBeLessThanOrEqual(10_000)
          wait(waitMs)
        }
        wait(10_000)
        expect(await ask('worked')).toBe('worked')
        expect(breaker.state).toBe('CLOSED')
      }),
      { numRuns: 50 },
    )
  })
})
