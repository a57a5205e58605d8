import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type GeneratedFile, generate, SourceError } from '../../schema/generate.ts'

let root: string
let printed: string[]
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'spillway-generate-'))
  printed = []
})
afterEach(() => rm(root, { recursive: true }))

const run = (argv: string[], make: () => GeneratedFile[] = () => [{ path: 'made.txt', text: 'new\n' }]) =>
  generate({ help: 'what it does', argv, make, root, print: line => printed.push(line) })

describe('generate', () => {
  it('writes what is missing or stale and leaves what is fresh', async () => {
    expect(await run([])).toBe(0)
    expect(await readFile(join(root, 'made.txt'), 'utf8')).toBe('new\n')
    expect(printed).toEqual(['wrote made.txt'])
    expect(await run([])).toBe(0)
    expect(printed).toHaveLength(1)
  })

  it('--check exits 0 in silence when the file is fresh', async () => {
    await writeFile(join(root, 'made.txt'), 'new\n')
    expect(await run(['--check'])).toBe(0)
    expect(printed).toEqual([])
  })

  it('--check exits 1, shows the difference and writes nothing when the file is stale', async () => {
    await writeFile(join(root, 'made.txt'), 'old\n')
    expect(await run(['--check'])).toBe(1)
    expect(printed).toEqual([
      'made.txt is stale: run `npm run schema` and commit the result',
      '  -1 old',
      '  +1 new',
    ])
    expect(await readFile(join(root, 'made.txt'), 'utf8')).toBe('old\n')
  })

  it('--check exits 1 when the file is missing', async () => {
    expect(await run(['--check'])).toBe(1)
    expect(printed[0]).toBe('made.txt is missing: run `npm run schema` and commit the result')
  })

  it('exits 1 with a line a problem when a source is wrong, and writes nothing', async () => {
    const wrong = () => {
      throw new SourceError(['a.graphql:3 one', 'b.graphql:4 two'])
    }
    expect(await run([], wrong)).toBe(1)
    expect(printed).toEqual(['a.graphql:3 one', 'b.graphql:4 two'])
  })

  it('exits 2 on an argument it does not know', async () => {
    expect(await run(['--chek'])).toBe(2)
    expect(printed).toEqual(['expected --check, --help or nothing, got --chek'])
  })

  it('--help says what it does', async () => {
    expect(await run(['--help'])).toBe(0)
    expect(printed.join('\n')).toMatch(/^what it does\n.*--check/s)
  })
})
