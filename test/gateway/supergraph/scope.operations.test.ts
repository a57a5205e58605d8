import { readFileSync } from 'node:fs'
import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { compileOperation } from '../../../gateway/execution/operation.ts'
import { readManifest } from '../../../gateway/operations/manifest.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'

test('of our operations, those that show everybody the same are shared by everybody, and no other', () => {
  const supergraph = loadSupergraph(readFileSync('schema/supergraph.graphql', 'utf8'))
  const manifest = readManifest(readFileSync('schema/operations.json', 'utf8'), 'schema/operations.json')
  const shared = manifest
    .map(({ body }) => compileOperation(supergraph, parse(body)))
    .filter(({ scope }) => scope === 'PUBLIC')
  expect(shared.map(({ name }) => name).sort()).toEqual([
    'CampaignHome',
    'IssuanceStatus',
    'ProductDetail',
    'SearchProducts',
  ])
})
