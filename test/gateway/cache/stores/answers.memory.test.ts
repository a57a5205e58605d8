import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { sizeOf } from '../../../../gateway/cache/fetches/size-of.ts'
import { type AnswerStore, createAnswers } from '../../../../gateway/cache/stores/answers.ts'
import { createLocalTags } from '../../../../gateway/cache/tags/local-tags.ts'
import { DEFAULT_CACHE } from '../../../../gateway/cache-settings.ts'

/** The bound of bytes is one of the heap. */

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapBytes = (): number => {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

const ENTRIES = 4_000
const list = (count: number, item: (i: number) => unknown): unknown =>
  Array.from({ length: count }, (_, i) => item(i))

test.each<[string, (id: number) => unknown, number]>([
  ['one small number', id => ({ stock: id }), 1],
  ['a product', id => ({ name: `Product ${id}`, priceFen: 3e9 + id, tags: [`a ${id}`, `b ${id}`] }), 1],
  ['empty lists', () => list(200, () => []), 1],
  ['empty objects', () => list(200, () => ({})), 1],
  ['fractions', id => list(100, i => ({ x: id + i * 0.37, y: id * 0.11 + i })), 1],
  ['large integers', id => list(100, i => ({ at: 1.7e12 + id + i })), 1],
  ['objects in objects', () => list(50, i => ({ a: null, b: true, c: { d: { e: i } } })), 1],
  ['many tags', id => ({ stock: id }), 64],
])('what is kept of %s takes no more than it is counted for', (_, valueFor, entities) => {
  const tags = createLocalTags()
  const answers: AnswerStore = createAnswers({ bounds: { ...DEFAULT_CACHE, bytesMax: 1e9 }, tags })
  const before = heapBytes()
  for (let id = 0; id < ENTRIES; id++) {
    const value = JSON.parse(JSON.stringify(valueFor(id)))
    const born = tags.now()
    const named = Array.from({ length: entities }, (_, i) => `Product:product_${id}_${i}`)
    answers.set(
      `Product ${'a'.repeat(22)}{"id":"product_${id}"}`,
      {
        value,
        born,
        freshUntilMs: born.atMs + 60_000.5,
        staleUntilMs: born.atMs + 120_000.5,
        stretchedUntilMs: born.atMs + 1_200_000.5,
        tags: ['Product', ...named],
        bytes: sizeOf(value),
      },
      false,
    )
  }
  const grownBytes = heapBytes() - before
  expect(answers.entries).toBe(ENTRIES)
  // The heap grows a little by itself.
  expect(grownBytes / ENTRIES).toBeLessThan((answers.bytes / ENTRIES) * 1.05)
})
