import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { typesFiles } from '../schema/codegen.ts'
import { schemaFiles } from '../schema/compose.ts'
import { generate, ROOT } from '../schema/generate.ts'
import { operationsFiles } from '../schema/persist.ts'
import {
  entriesOwnTheProcess,
  foldersSayWhat,
  type HouseRule,
  nothingLeftOver,
  readmeNamesScripts,
  sqlAtHome,
  subgraphsIsomorphic,
  testsMirror,
  testsRun,
  versionsExact,
} from './harness/house-rules.ts'
import { acyclic, importDirection, importsOf, subgraphRanks } from './harness/import-rules.ts'
import { readTree, type Tree, withoutComments } from './harness/tree.ts'

const ours = readTree(ROOT)

describe('our tree', () => {
  it.each<[string, HouseRule]>([
    ['imports along the arrows only', importDirection],
    ['lets a subgraph’s files import downwards only', subgraphRanks],
    ['has no imports in a circle', acyclic],
    ['has four subgraphs of one shape', subgraphsIsomorphic],
    ['keeps SQL in stores and migrations', sqlAtHome],
    ['reads the environment, listens and handles signals in entry files only', entriesOwnTheProcess],
    ['names folders for what they are about', foldersSayWhat],
    ['runs every test', testsRun],
    ['leaves nothing for later', nothingLeftOver],
    ['keeps a test beside each source it names', testsMirror],
    ['pins every dependency', versionsExact],
    ['explains every script in the README', readmeNamesScripts],
  ])('%s', (_, rule) => expect(rule(ours)).toEqual([]))

  it.each([
    ['schema/supergraph.graphql and schema/api.graphql', schemaFiles],
    ['schema/operations.json', operationsFiles],
    ['schema.generated.ts of each subgraph', typesFiles],
  ])('holds %s as fresh as their sources', async (_, make) => {
    const printed: string[] = []
    await generate({ help: '', argv: ['--check'], make, print: line => printed.push(line) })
    expect(printed).toEqual([])
  })
})

const tree = (files: Record<string, string>): Tree => new Map(Object.entries(files))

/** Shows that a rule can fail: this file alone breaks it, in these words. */
const expectBroken = (rule: HouseRule, path: string, text: string, problem: string): void =>
  expect(rule(tree({ [path]: text }))).toEqual([problem])

const expectHolds = (rule: HouseRule, path: string, text: string): void =>
  expect(rule(tree({ [path]: text }))).toEqual([])

describe('importsOf', () => {
  it('sees every form of import and nothing in a comment', () => {
    const text = [
      "import a from './a.ts'",
      "import type { B } from '../b.ts'",
      'import {',
      '  c,',
      "} from './c.ts'",
      "export * from './d.ts'",
      "import './e.ts'",
      "const f = await import('./f.ts')",
      "const g = new URL('./g.ts', import.meta.url)",
      "// import h from './h.ts'",
      "/* import i from './i.ts' */",
      "import j from 'package'",
    ].join('\n')
    expect(importsOf(tree({ 'x/y.ts': text })).map(({ line, to }) => `${line} ${to}`)).toEqual([
      '1 x/a.ts',
      '2 b.ts',
      '5 x/c.ts',
      '6 x/d.ts',
      '7 x/e.ts',
      '8 x/f.ts',
      '9 x/g.ts',
    ])
  })
})

describe('importDirection', () => {
  it.each([
    ['protocol/a.ts', '../gateway/errors.ts', 'protocol'],
    ['gateway/pipeline.ts', '../subgraphs/subgraph.ts', 'gateway/pipeline'],
    ['subgraphs/main.ts', '../gateway/gateway.ts', 'subgraphs/entry'],
    ['subgraphs/coupon/claims.ts', '../catalog/stock.ts', 'subgraphs/coupon'],
    ['subgraphs/database.ts', './coupon/store.ts', 'subgraphs'],
    ['gateway/cost/estimate.ts', '../surge/level.ts', 'gateway/cost'],
    ['gateway/surge/level.ts', '../cache/policy.ts', 'gateway/surge'],
    ['gateway/execution/execute.ts', '../pipeline.ts', 'gateway/execution'],
    ['gateway/errors.ts', './pipeline.ts', 'gateway/errors'],
    ['gateway/gateway.ts', './main.ts', 'gateway'],
    ['start.ts', './test/harness/tree.ts', 'start'],
    ['schema/compose.ts', '../gateway/pipeline.ts', 'schema'],
  ])('refuses %s → %s', (from, to, part) => {
    const problems = importDirection(tree({ [from]: `\nimport type { A } from '${to}'` }))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(new RegExp(`^${from}:2 ${part} may not import `))
  })

  it.each([
    ['start.ts', './gateway/gateway.ts'],
    ['start.ts', './subgraphs/in-process.ts'],
    ['gateway/pipeline.ts', './cost/estimate.ts'],
    ['gateway/mcp/tools.ts', '../pipeline.ts'],
    ['subgraphs/coupon/claims.ts', '../../protocol/convoy.ts'],
    ['subgraphs/coupon/store.ts', '../database.ts'],
    ['schema/compose.ts', '../gateway/supergraph/api-schema.ts'],
    ['test/x.test.ts', '../start.ts'],
  ])('accepts %s → %s', (from, to) => expectHolds(importDirection, from, `import a from '${to}'`))

  it('refuses a file that no part covers', () =>
    expectBroken(importDirection, 'server/a.ts', '', 'server/a.ts belongs to no part of the import table'))
})

describe('subgraphRanks', () => {
  it.each([
    ['store.ts', 'loaders.ts'],
    ['loaders.ts', 'resolvers.ts'],
    ['claims.ts', 'subgraph.ts'],
  ])('refuses %s → %s', (from, to) =>
    expectBroken(
      subgraphRanks,
      `subgraphs/coupon/${from}`,
      `import './${to}'`,
      `subgraphs/coupon/${from}:1 may not import subgraphs/coupon/${to}: subgraph → resolvers → loaders → store`,
    ),
  )

  it.each([
    ['resolvers.ts', 'claims.ts'],
    ['claims.ts', 'store.ts'],
    ['store.ts', 'coupon.ts'],
  ])('accepts %s → %s', (from, to) =>
    expectHolds(subgraphRanks, `subgraphs/coupon/${from}`, `import './${to}'`),
  )
})

describe('acyclic', () => {
  it('names a circle once, whatever leads into it', () =>
    expect(
      acyclic(
        tree({
          'gateway/a.ts': "import './b.ts'",
          'gateway/b.ts': "import './c.ts'",
          'gateway/c.ts': "import type { B } from './b.ts'",
        }),
      ),
    ).toEqual(['gateway/b.ts → gateway/c.ts → gateway/b.ts']))

  it('accepts two ways to one file', () =>
    expect(
      acyclic(
        tree({
          'gateway/a.ts': "import './b.ts'\nimport './c.ts'",
          'gateway/b.ts': "import './c.ts'",
          'gateway/c.ts': '',
        }),
      ),
    ).toEqual([]))
})

describe('subgraphsIsomorphic', () => {
  it('names what a folder lacks', () => {
    const whole = [
      'README.md',
      'schema.graphql',
      'schema.generated.ts',
      'subgraph.ts',
      'resolvers.ts',
      'loaders.ts',
      'store.ts',
      'migrations/001.sql',
    ]
    const files = Object.fromEntries(
      ['coupon', 'catalog'].flatMap(name => whole.map(file => [`subgraphs/${name}/${file}`, ''])),
    )
    expect(subgraphsIsomorphic(tree(files))).toEqual([])
    delete files['subgraphs/catalog/loaders.ts']
    delete files['subgraphs/coupon/migrations/001.sql']
    expect(subgraphsIsomorphic(tree(files))).toEqual([
      'subgraphs/catalog has no loaders.ts',
      'subgraphs/coupon has no migrations/',
    ])
  })
})

describe('sqlAtHome', () => {
  it.each([
    'SELECT id FROM coupon',
    'INSERT INTO coupon VALUES (1)',
    'UPDATE coupon SET a = 1',
    'DELETE FROM coupon',
    'CREATE TABLE coupon ()',
  ])('refuses `%s` in a resolver', sql =>
    expectBroken(
      sqlAtHome,
      'subgraphs/coupon/claims.ts',
      `const a =\n  \`${sql}\``,
      `subgraphs/coupon/claims.ts:2 SQL belongs in store.ts: ${sql.match(/^SELECT id FROM|^INSERT INTO|^UPDATE coupon SET|^DELETE FROM|^CREATE TABLE/)?.[0]}`,
    ),
  )

  it('accepts it in a store, and in a comment', () => {
    expectHolds(sqlAtHome, 'subgraphs/coupon/store.ts', '`SELECT id FROM coupon`')
    expectHolds(sqlAtHome, 'subgraphs/payment/sandbox-store.ts', '`SELECT id FROM trade`')
    expectHolds(sqlAtHome, 'subgraphs/coupon/claims.ts', '// SELECT id FROM coupon')
  })
})

describe('entriesOwnTheProcess', () => {
  it.each([
    ['process.env.PORT', 'process.env belongs in start.ts or a main.ts'],
    ["process.on('SIGTERM', stop)", 'process.on( belongs in start.ts or a main.ts'],
    ['process.exit(1)', 'process.exit( belongs in start.ts or a main.ts'],
    ['server.listen(80)', 'listening belongs in start.ts or a main.ts'],
    ["console.log('here')", 'console.log( belongs in start.ts or a main.ts'],
  ])('refuses %s outside them', (text, problem) =>
    expectBroken(entriesOwnTheProcess, 'gateway/http.ts', text, `gateway/http.ts:1 ${problem}`),
  )

  it('accepts all of it in them', () =>
    expectHolds(
      entriesOwnTheProcess,
      'subgraphs/main.ts',
      "process.on('SIGINT', stop); server.listen(process.env.PORT)",
    ))
})

describe('foldersSayWhat', () => {
  it.each(['gateway/utils/a.ts', 'protocol/helpers.ts', 'subgraphs/common/a.ts', 'lib/a.ts'])(
    'refuses %s',
    path => expectBroken(foldersSayWhat, path, '', `${path}: name it for what it is about`),
  )
})

describe('testsRun', () => {
  it.each(['it.only', 'describe.skip', 'it.todo', 'test.concurrent.skip', 'it.skipIf'])('refuses %s', word =>
    expectBroken(
      testsRun,
      'test/a.test.ts',
      `${word}('a', () => {})`,
      `test/a.test.ts:1 ${word}: every test runs`,
    ),
  )

  it('accepts tables', () => expectHolds(testsRun, 'test/a.test.ts', "it.each([1])('a', () => {})"))
})

describe('nothingLeftOver', () => {
  const word = ['TO', 'DO'].join('')
  it('refuses it in code, comments and words alike', () => {
    expectBroken(nothingLeftOver, 'README.md', `a\n${word}: b`, `README.md:2 ${word}: do it or drop it`)
    expectBroken(nothingLeftOver, 'gateway/a.ts', `// ${word}`, `gateway/a.ts:1 ${word}: do it or drop it`)
  })
})

describe('testsMirror', () => {
  it('accepts a mirror of a file or of its folder, a further file of it, and kinds that mirror nothing', () =>
    expect(
      testsMirror(
        tree({
          'gateway/http.ts': '',
          'test/gateway/http.test.ts': '',
          'test/gateway/http.misuse.test.ts': '',
          'gateway/cost/estimate.ts': '',
          'test/gateway/cost/cost.test.ts': '',
          'test/gateway/cost/cost.accuracy.test.ts': '',
          'test/stack/trip.test.ts': '',
        }),
      ),
    ).toEqual([]))

  it('refuses a test of nothing', () =>
    expectBroken(
      testsMirror,
      'test/gateway/old.test.ts',
      '',
      'test/gateway/old.test.ts tests gateway/old.ts, which does not exist',
    ))
})

describe('versionsExact', () => {
  it.each(['^1.2.3', '~1.2.3', '1.x', 'latest', '*', '>=1.0.0', 'github:a/b'])('refuses %s', version =>
    expectBroken(
      versionsExact,
      'package.json',
      JSON.stringify({ devDependencies: { a: version } }),
      `package.json devDependencies.a: expected an exact version, got ${version}`,
    ),
  )

  it('accepts 1.2.3 and 1.2.3-beta.4', () =>
    expectHolds(
      versionsExact,
      'package.json',
      JSON.stringify({ dependencies: { a: '1.2.3', b: '1.2.3-beta.4' } }),
    ))
})

describe('readmeNamesScripts', () => {
  it('refuses a script that the README leaves out, even when a longer one is there', () => {
    const manifest = JSON.stringify({ scripts: { test: '', schema: '', 'schema:check': '' } })
    expect(
      readmeNamesScripts(
        tree({ 'package.json': manifest, 'README.md': '`npm test`, `npm run schema:check`' }),
      ),
    ).toEqual(['README.md does not mention npm run schema'])
  })
})

describe('readTree', () => {
  it.each(['a repository', 'an unpacked archive'])('reads in %s what people wrote alone', async kind => {
    await using root = await mkdtempDisposable(join(tmpdir(), 'tree-'))
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(root.path, path)), { recursive: true })
      writeFileSync(join(root.path, path), text)
    }
    if (kind === 'a repository') execFileSync('git', ['init', '--quiet'], { cwd: root.path })
    write('gateway/a.ts', 'a')
    write('README.md', 'b')
    write('picture.ts', 'c\0')
    write('node_modules/d/d.ts', 'd')
    write('.d1/postgres/PG_VERSION', '18')
    write('.d1/postgres/base/1/e.sql', 'e')
    expect([...readTree(root.path)].sort()).toEqual([
      ['README.md', 'b'],
      ['gateway/a.ts', 'a'],
    ])
  })
})

describe('withoutComments', () => {
  it('keeps strings that look like comments, and every line where it was', () =>
    expect(withoutComments("a('//x') // y\n/* z\n */ b(`/* c */`)")).toBe("a('//x') \n\n b(`/* c */`)"))
})
