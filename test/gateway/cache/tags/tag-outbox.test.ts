import { describe, expect, it } from 'vitest'
import { TagOutbox } from '../../../../gateway/cache/tags/tag-outbox.ts'

/** Calls that a test answers one by one, in their order. */
function outbox(waitingMax?: number) {
  const calls: { marks: readonly string[]; resolve: (n: number) => void; reject: (error: Error) => void }[] =
    []
  const box = new TagOutbox<number>({
    tell: marks => new Promise((resolve, reject) => void calls.push({ marks, resolve, reject })),
    ...(waitingMax === undefined ? {} : { waitingMax }),
  })
  return { box, calls, told: () => calls.map(({ marks }) => marks) }
}

/** Everything that follows from what has settled. */
const settled = () => new Promise(resolve => setImmediate(resolve))

describe('an outbox', () => {
  it('tells of what comes in one turn in one call, and of what comes meanwhile in the next', async () => {
    const { box, calls, told } = outbox()
    box.add(['a'])
    const first = box.send()
    box.add(['b', 'a'])
    expect(box.send()).toBe(first)
    await settled()
    expect(told()).toEqual([['a', 'b']])
    box.add(['c'])
    const second = box.send()
    box.add(['d'])
    expect(box.send()).toBe(second)
    await settled()
    expect(told()).toEqual([['a', 'b']])
    calls[0]!.resolve(1)
    expect(await first).toBe(1)
    await settled()
    expect(told()).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    calls[1]!.resolve(2)
    expect(await second).toBe(2)
    expect(box.size).toBe(0)
  })

  it('calls also when nothing waits', async () => {
    const { box, calls, told } = outbox()
    const sent = box.send()
    await settled()
    expect(told()).toEqual([[]])
    calls[0]!.resolve(1)
    expect(await sent).toBe(1)
  })

  it('tells again what a failed call was to tell, with what has come since', async () => {
    const { box, calls, told } = outbox()
    box.add(['a'])
    const first = box.send()
    await settled()
    box.add(['b'])
    calls[0]!.reject(new Error('gone'))
    await expect(first).rejects.toThrow('gone')
    expect(box.size).toBe(2)
    const second = box.send()
    await settled()
    calls[1]!.resolve(2)
    await second
    expect(new Set(told()[1])).toEqual(new Set(['a', 'b']))
    expect(box.size).toBe(0)
  })

  it('makes everything of more than there is room for', async () => {
    const { box, calls, told } = outbox(2)
    box.add(['a', 'b'])
    expect(box.size).toBe(2)
    box.add(['c'])
    box.add(['d'])
    expect(box.size).toBe(1)
    void box.send()
    await settled()
    expect(told()).toEqual([['*']])
    calls[0]!.resolve(1)
    await box.settled()
  })

  it('is settled when no call is under way or waits', async () => {
    const { box, calls } = outbox()
    void box.send()
    await settled()
    void box.send().catch(() => {})
    let isSettled = false
    const all = box.settled().then(() => {
      isSettled = true
    })
    calls[0]!.resolve(1)
    await settled()
    expect(isSettled).toBe(false)
    calls[1]!.reject(new Error('gone'))
    await all
    await box.settled()
  })
})
