import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { buildGraph } from '../../gateway/graph.ts'
import { DEFAULT_LIMITS } from '../../gateway/limits.ts'

test('a graph with a negative weight is refused, even where no operation meets it', async () => {
  const sdl = readFileSync('schema/supergraph.graphql', 'utf8')
  const built = buildGraph(
    {
      supergraphSdl: sdl.replace(/(revokeCoupon\([\s\S]*?@cost\(weight: )5/, '$1-5'),
      manifest: [],
    },
    undefined,
    { clients: new Map(), limits: DEFAULT_LIMITS, urlOf: ({ url }) => url, overrideLabels: new Set() },
  )
  await expect(built).rejects.toThrow(
    'Expected the weight in @cost on Mutation.revokeCoupon to be a number of at least 0, got -5',
  )
})
