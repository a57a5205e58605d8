import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { linksOf } from '../../../gateway/supergraph/links.ts'
import { withoutOddCosts } from '../../../gateway/supergraph/odd-costs.ts'
import { ROOT } from '../../harness/processes.ts'

const SUPERGRAPH = readFileSync(join(ROOT, 'schema/supergraph.graphql'), 'utf8')

/** Loads it in a process of its own, which the planner may take with it, and plans an operation. */
function loaded(sdl: string): { status: number | null; stdout: string } {
  const program = `
    import { text } from 'node:stream/consumers'
    import { parse } from 'graphql'
    import { compileOperation } from './gateway/execution/operation.ts'
    import { loadSupergraph } from './gateway/supergraph/supergraph.ts'
    compileOperation(loadSupergraph(await text(process.stdin)), parse('{ campaigns { __typename } }'))
    console.log('planned')`
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: ROOT,
    input: sdl,
    encoding: 'utf8',
  })
}

describe('withoutOddCosts', () => {
  it('leaves costs as they are where all are costs', () => {
    const document = parse(SUPERGRAPH)
    expect(withoutOddCosts(document, linksOf(document))).toBe(document)
  })

  it.each([
    ['a negative weight', '@cost(weight: 5)', '@cost(weight: -5)'],
    ['a weight that is a string', '@cost(weight: 5)', '@cost(weight: "5")'],
    ['a weight that is a fraction', '@cost(weight: 5)', '@cost(weight: 0.5)'],
    ['no weight', '@cost(weight: 5)', '@cost'],
    ['a negative size', 'assumedSize: 4', 'assumedSize: -4'],
    ['fields that are none', 'sizedFields: ["edges"]', 'sizedFields: ["edges {"]'],
  ])('spares the planner %s, over which it aborts', (_, plain, odd) => {
    const sdl = SUPERGRAPH.replaceAll(plain, odd)
    expect(sdl).not.toBe(SUPERGRAPH)
    expect(loaded(sdl)).toMatchObject({ status: 0, stdout: 'planned\n' })
  })
})
