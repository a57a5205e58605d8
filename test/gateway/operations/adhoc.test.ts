import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { type AdhocText, createAdhocOperations } from '../../../gateway/operations/adhoc.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { hashOf, TINY_SUPERGRAPH } from '../../harness/tiny-graph.ts'

const supergraph = loadSupergraph(TINY_SUPERGRAPH)
const adhoc = (text: string, operationName?: string): AdhocText => ({
  text,
  hash: hashOf(text),
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
  const operations = createAdhocOperations(supergraph, 2)
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

test('what fails to compile is not kept, nor is a text that is too long', async () => {
  const operations = createAdhocOperations(supergraph)
  await expect(operations.operationOf(adhoc('subscription { who }'))).rejects.toMatchObject({
    code: 'OPERATION_NOT_SUPPORTED',
  })
  const long = `{ who } # ${'x'.repeat(40_000)}`
  expect((await operations.operationOf(adhoc(long))).name).toBe('adhoc')
  expect(operations.kept).toBe(0)
})
