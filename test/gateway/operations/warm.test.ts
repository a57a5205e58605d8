import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { type AdhocOperations, createAdhocOperations } from '../../../gateway/operations/adhoc.ts'
import { rolloutsOf } from '../../../gateway/operations/rollout.ts'
import { warmTexts } from '../../../gateway/operations/warm.ts'
import { loadSupergraph, type Supergraph } from '../../../gateway/supergraph/supergraph.ts'
import { supergraphOf } from '../../harness/foreign-graph.ts'

const LIMITS = { tokensMax: 50, depthMax: 3, rootFieldsMax: 2 }
interface Side {
  readonly supergraph: Supergraph
  readonly rollouts: ReturnType<typeof rolloutsOf>
  readonly adhoc: AdhocOperations
}

function side(fields: string): Side {
  const supergraph = loadSupergraph(
    supergraphOf({ only: { sdl: `type Query { ${fields} }`, url: 'http://only.invalid' } }),
  )
  const rollouts = rolloutsOf(supergraph, new Set())
  return { supergraph, rollouts, adhoc: createAdhocOperations(supergraph, rollouts.buckets) }
}

async function known(at: Side, ...texts: readonly string[]): Promise<void> {
  for (const text of texts)
    await at.adhoc.operationOf({ text, operationName: undefined, document: parse(text) })
}

const isKnown = (at: Side, text: string): boolean =>
  at.adhoc.find({ text, operationName: undefined }) !== undefined

test('texts that still fit are compiled again; one that does not, or has grown too large, is left', async () => {
  const before = side('a: Int b: Int gone: Int')
  const next = side('a: Int b: Int')
  const large = '{ a b c: a }'
  await known(before, '{ a }', '{ gone }', large, '{ b }')
  await warmTexts(next, before, LIMITS, () => false)
  expect(['{ a }', '{ b }', '{ gone }', large].map(text => isKnown(next, text))).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test('the text used last comes first, and nothing more once it is over', async () => {
  const before = side('a: Int b: Int')
  const next = side('a: Int b: Int')
  await known(before, '{ a }', '{ b }', '{ a b }', '{ a }')
  await warmTexts(next, before, LIMITS, () => next.adhoc.kept === 2)
  expect(['{ a }', '{ a b }', '{ b }'].map(text => isKnown(next, text))).toEqual([true, true, false])
})
