import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { NO_ROLLOUT } from '../../../gateway/execution/plan.ts'
import { type AdhocText, createAdhocOperations } from '../../../gateway/operations/adhoc.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { TINY_SUPERGRAPH } from '../../harness/tiny-graph.ts'

const supergraph = loadSupergraph(TINY_SUPERGRAPH)
const adhoc = (text: string, operationName?: string): AdhocText => ({
  text,
  operationName,
  document: parse(text),
})

test('those who ask for the same text share one compilation; another name is another operation', async () => {
  const operations = createAdhocOperations(supergraph)
  const two = 'query A { who } query B { me { id } }'
  const [first, again, other] = [adhoc(two, 'A'), adhoc(two, 'A'), adhoc(two, 'B')].map(text =>
    operations.operationOf(text),
  )
  expect(again).toBe(first)
  expect(other).not.toBe(first)
  expect((await first)!.compiled.name).toBe('A')
  expect((await other)!.compiled.name).toBe('B')
  expect(operations.kept).toBe(2)
})

test('no more are kept than allowed, least recently used goes first', async () => {
  const operations = createAdhocOperations(supergraph, undefined, 2)
  const [a, b, c] = ['{ a: who }', '{ b: who }', '{ c: who }'].map(text => adhoc(text)) as [
    AdhocText,
    AdhocText,
    AdhocText,
  ]
  const kept = [
    operations.operationOf(a),
    operations.operationOf(b),
    operations.operationOf(a),
    operations.operationOf(c),
  ]
  expect(operations.kept).toBe(2)
  expect(operations.operationOf(a)).toBe(kept[0])
  expect(operations.operationOf(b)).not.toBe(kept[1])
  await Promise.all(kept)
})

test('what is kept stays within its selections, those of shapes asked for later included', async () => {
  const operations = createAdhocOperations(supergraph, undefined, 10, 6)
  const shaped = adhoc('query ($a: Boolean!) { who @skip(if: $a) me { id } }')
  const first = operations.operationOf(shaped)
  const { compiled } = await first
  expect(compiled.selectionCount).toBe(0)
  await compiled.plan({ a: false })
  expect(compiled.selectionCount).toBe(3)
  // 3 and 1 of `{ who }`, then 3 more of the second shape.
  await operations.operationOf(adhoc('{ who }'))
  expect(operations.kept).toBe(2)
  await compiled.plan({ a: true })
  expect(compiled.selectionCount).toBe(6)
  expect(operations.operationOf(shaped)).toBe(first)
  expect(operations.kept).toBe(1)
  expect(operations.find(adhoc('{ who }'))).toBeUndefined()
})

test('what has been compiled is found by its text, its name and its bucket', async () => {
  const rollouts = [NO_ROLLOUT, { labels: new Set<string>(), percentage: 50 }]
  const operations = createAdhocOperations(supergraph, rollouts)
  const two = adhoc('query A { who } query B { me { id } }', 'A')
  const making = operations.operationOf(two)
  expect(operations.find(two)).toBeUndefined()
  const made = await making
  expect(operations.find({ text: two.text, operationName: 'A' })).toBe(made)
  expect(operations.find({ text: two.text, operationName: 'B' })).toBeUndefined()
  expect(operations.find({ text: two.text, operationName: undefined })).toBeUndefined()
  expect(operations.find({ text: `A ${two.text}`, operationName: undefined })).toBeUndefined()
  expect(operations.find(two, 1)).toBeUndefined()
})

test('what fails to compile is not kept, nor is a text that is too long', async () => {
  const operations = createAdhocOperations(supergraph)
  await expect(operations.operationOf(adhoc('subscription { who }'))).rejects.toMatchObject({
    code: 'OPERATION_NOT_SUPPORTED',
  })
  const long = `{ who } # ${'x'.repeat(40_000)}`
  expect((await operations.operationOf(adhoc(long))).name).toBe('adhoc')
  expect(operations.kept).toBe(0)
})
