import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Watch, watchFiles } from '../../gateway/watch.ts'

let folder: string
let watch: Watch | undefined
let calls: number
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'))
  calls = 0
})
afterEach(() => {
  watch?.close()
  rmSync(folder, { recursive: true })
})

const path = (name: string): string => join(folder, name)
const start = (paths: readonly string[], options = {}): void => {
  watch = watchFiles(paths, () => void calls++, { everyMs: 20, settleMs: 10, ...options })
}
const told = (times: number): Promise<void> =>
  vi.waitFor(() => expect(calls).toBeGreaterThanOrEqual(times), 10_000)

describe('a change is told, however it is made', () => {
  /** A config map's folder: files are links through a link that is swapped. */
  function configMap(): string {
    mkdirSync(path('v1'))
    mkdirSync(path('v2'))
    writeFileSync(path('v1/graph'), 'one')
    writeFileSync(path('v2/graph'), 'two')
    symlinkSync('v1', path('..data'))
    symlinkSync('..data/graph', path('graph'))
    return path('graph')
  }

  test.each<[string, () => string, () => void]>([
    ['written in place', () => path('graph'), () => writeFileSync(path('graph'), 'two, longer')],
    [
      'another file renamed into its place',
      () => path('graph'),
      () => {
        writeFileSync(path('graph.new'), 'two')
        renameSync(path('graph.new'), path('graph'))
      },
    ],
    [
      'removed and written anew',
      () => path('graph'),
      () => {
        unlinkSync(path('graph'))
        writeFileSync(path('graph'), 'two')
      },
    ],
    [
      'a link on its way pointed elsewhere',
      configMap,
      () => {
        symlinkSync('v2', path('..new'))
        renameSync(path('..new'), path('..data'))
      },
    ],
  ])('%s', async (_, setUp, change) => {
    const file = setUp()
    if (file === path('graph') && _ !== 'a link on its way pointed elsewhere') writeFileSync(file, 'one')
    start([file])
    await told(1)
    change()
    await told(2)
  })

  test('of any of the files, by looking alone, too', async () => {
    mkdirSync(path('a'))
    mkdirSync(path('b'))
    const files = [path('a/graph'), path('b/operations')]
    for (const file of files) writeFileSync(file, 'one')
    start(files)
    await told(1)
    writeFileSync(files[1]!, 'two, longer')
    await told(2)
    // The folder that was watched is gone, and another is there under its name.
    renameSync(path('a'), path('old'))
    mkdirSync(path('a'))
    writeFileSync(files[0]!, 'three, longer still')
    await told(3)
  })
})

test('a busy folder does not put a look off', async () => {
  writeFileSync(path('graph'), 'one')
  start([path('graph')], { settleMs: 50 })
  await told(1)
  writeFileSync(path('graph'), 'two, longer')
  const noise = setInterval(() => writeFileSync(path('noise'), `${Math.random()}`), 5)
  try {
    await told(2)
  } finally {
    clearInterval(noise)
  }
})

test('a file that is away has not changed yet; one that stays as it was is told of once', async () => {
  writeFileSync(path('graph'), 'one')
  start([path('graph'), path('operations')])
  writeFileSync(path('operations'), '{}')
  await told(1)
  unlinkSync(path('operations'))
  writeFileSync(path('operations'), '{"a": 1}')
  await told(2)
  expect(calls).toBe(2)
})

test('nothing is told after it was closed', async () => {
  writeFileSync(path('graph'), 'one')
  start([path('graph')])
  await told(1)
  watch!.close()
  writeFileSync(path('graph'), 'two, longer')
  let looks = 0
  const witness = watchFiles([path('graph')], () => void looks++, { everyMs: 20, settleMs: 10 })
  try {
    await vi.waitFor(() => expect(looks).toBe(1), 10_000)
    expect(calls).toBe(1)
  } finally {
    witness.close()
  }
})
