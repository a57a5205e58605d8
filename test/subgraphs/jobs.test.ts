import { describe, expect, it } from 'vitest'
import { Sweep } from '../../subgraphs/jobs.ts'
import { silent, until } from '../harness/postgres.ts'

/** A pass that the test ends by hand. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { passed: promise, open: resolve }
}

describe('a sweep', () => {
  it('never runs two passes at once, neither by its timer nor by runNow', async () => {
    let running = 0
    let most = 0
    let passes = 0
    const sweep = new Sweep({
      name: 'overlap',
      everyMs: 1,
      log: silent,
      async run() {
        most = Math.max(most, ++running)
        await new Promise(resolve => setImmediate(resolve))
        running--
        passes++
        return false
      },
    })
    sweep.start()
    await Promise.all([sweep.runNow(), sweep.runNow(), sweep.runNow()])
    await until('passes by the timer too', () => passes > 6)
    await sweep.stop()
    expect(most).toBe(1)
  })

  it('gives runNow a pass that began after the call', async () => {
    const first = gate()
    const began: number[] = []
    let called = 0
    const sweep = new Sweep({
      name: 'fresh',
      everyMs: 60_000,
      log: silent,
      async run() {
        began.push(called)
        if (began.length === 1) await first.passed
        return false
      },
    })
    const one = sweep.runNow()
    await until('the first pass to run', () => sweep.running)
    called = 1
    const two = sweep.runNow()
    first.open()
    await Promise.all([one, two])
    expect(began).toEqual([0, 1])
    await sweep.stop()
  })

  it('runs again at once while more is due', async () => {
    let left = 5
    const sweep = new Sweep({
      name: 'more',
      // Only "more is due" can bring a second pass within the test.
      everyMs: 50,
      log: silent,
      run: async () => --left > 0,
    })
    sweep.start()
    await until('all five passes', () => left === 0)
    await sweep.stop()
    expect(left).toBe(0)
  })

  it('goes on after failures, counts them, and forgets them at the first success', async () => {
    let passes = 0
    const sweep = new Sweep({
      name: 'failing',
      everyMs: 1,
      backoffMsMax: 5,
      log: silent,
      async run() {
        if (++passes < 4) throw new Error('not yet')
        return false
      },
    })
    await expect(sweep.runNow()).rejects.toThrow('not yet')
    expect(sweep.failures).toBe(1)
    sweep.start()
    await until('a success', () => passes >= 4 && sweep.failures === 0)
    await sweep.stop()
  })

  it('survives a run that throws before its first await', async () => {
    let passes = 0
    const sweep = new Sweep({
      name: 'synchronous',
      everyMs: 60_000,
      log: silent,
      run() {
        if (++passes === 1) throw new Error('at once')
        return Promise.resolve(false)
      },
    })
    await expect(sweep.runNow()).rejects.toThrow('at once')
    await sweep.runNow()
    expect(passes).toBe(2)
    await sweep.stop()
  })

  it('tells the pass under way to end, waits for it, and starts no other', async () => {
    const held = gate()
    let aborted = false
    let passes = 0
    const sweep = new Sweep({
      name: 'stopping',
      everyMs: 1,
      log: silent,
      async run(signal) {
        passes++
        await held.passed
        aborted = signal.aborted
        return true
      },
    })
    sweep.start()
    await until('a pass', () => sweep.running)
    let stopped = false
    const stopping = sweep.stop().then(() => {
      stopped = true
    })
    expect(stopped).toBe(false)
    held.open()
    await stopping
    expect({ aborted, passes, running: sweep.running }).toEqual({ aborted: true, passes: 1, running: false })
    await expect(sweep.runNow()).rejects.toThrow('sweep stopping was stopped')
  })
})
