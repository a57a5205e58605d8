import { posix } from 'node:path'
import { lineAt, type Tree, withoutComments } from './tree.ts'

/** A rule of the house: what breaks it, a line each; empty when it holds. */
export type HouseRule = (tree: Tree) => string[]

const SUBGRAPH_FOLDER = /^subgraphs\/(\w[\w-]*)\//
const SUBGRAPH_FILES = [
  'README.md',
  'schema.graphql',
  'schema.generated.ts',
  'subgraph.ts',
  'resolvers.ts',
  'loaders.ts',
  'store.ts',
  'migrations/',
]

/** Knowing one subgraph is knowing all: each folder holds the same files. */
export const subgraphsIsomorphic: HouseRule = tree => {
  const folders = new Set([...tree.keys()].flatMap(path => SUBGRAPH_FOLDER.exec(path)?.[1] ?? []))
  return [...folders].sort().flatMap(folder =>
    SUBGRAPH_FILES.filter(file => {
      const path = `subgraphs/${folder}/${file}`
      return file.endsWith('/') ? ![...tree.keys()].some(other => other.startsWith(path)) : !tree.has(path)
    }).map(file => `subgraphs/${folder} has no ${file}`),
  )
}

/** Where SQL may be written: a subgraph's stores, and what runs the database itself. */
const SQL_HOMES =
  /^(test\/|subgraphs\/[\w-]+\/((?:[\w-]+-)?store\.ts$|migrations\/)|subgraphs\/(database|migrations|jobs|embedded-postgres|postgres-[\w-]+)\.ts$)/
const SQL =
  /\b(SELECT\b[^'"]*\bFROM\b|INSERT INTO\b|UPDATE [\w.]+ (?:AS \w+ )?SET\b|DELETE FROM\b|(?:CREATE|ALTER|DROP) (?:TABLE|INDEX|SCHEMA|FUNCTION)\b|TRUNCATE \w)/

export const sqlAtHome: HouseRule = tree =>
  eachMatch(
    tree,
    path => path.endsWith('.ts') && !SQL_HOMES.test(path),
    SQL,
    (where, text) => `${where} SQL belongs in store.ts: ${text}`,
  )

/** The files that are started, by people or as a planner's process: they alone know of a process around them. */
const ENTRIES =
  /^(start|gateway\/main|gateway\/token|gateway\/explain-cost|gateway\/execution\/plan-child|subgraphs\/main)\.ts$/

export const entriesOwnTheProcess: HouseRule = tree => [
  ...eachMatch(
    tree,
    path => isProduct(path) && !ENTRIES.test(path),
    /\bprocess\.(?:env\b|on\(|once\(|exit\(|kill\(process)|\bprocess\[|\bconsole\.\w+\(/,
    (where, text) => `${where} ${text} belongs in start.ts or a main.ts`,
  ),
  // `listen` may be defined anywhere by delegating to a server's; calling it on one that was built is for entries.
  ...eachMatch(
    tree,
    path => isProduct(path) && !ENTRIES.test(path) && !LISTENERS.has(path),
    /\.listen\(/,
    where => `${where} listening belongs in start.ts or a main.ts`,
  ),
]

/** They offer `listen` to an entry, or ask the system for a free port. */
const LISTENERS: ReadonlySet<string> = new Set([
  'gateway/gateway.ts',
  'subgraphs/http.ts',
  'subgraphs/postgres-process.ts',
])

export const foldersSayWhat: HouseRule = tree =>
  [...tree.keys()]
    .filter(path =>
      path.split('/').some(part => /^(utils?|commons?|helpers?|lib|misc|shared)(\.ts)?$/i.test(part)),
    )
    .map(path => `${path}: name it for what it is about`)

export const testsRun: HouseRule = tree =>
  eachMatch(
    tree,
    path => path.endsWith('.test.ts'),
    /\b(?:describe|it|test|suite)(?:\.\w+)*\.(?:only|skip|todo|skipIf|fails)(?=\s*[(<`.])|\b[xf](?:it|describe)\(/,
    (where, text) => `${where} ${text}: every test runs`,
  )

const LEFTOVER = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`)

export const nothingLeftOver: HouseRule = tree =>
  eachMatch(
    tree,
    path => path !== 'package-lock.json',
    LEFTOVER,
    (where, text) => `${where} ${text}: do it or drop it`,
    text => text,
  )

const TEST_KINDS = ['contract', 'stack', 'fault', 'harness', 'bench', 'replay', 'browser', 'deploy']

/**
 * test/<folder>/<file>.test.ts mirrors <folder>/<file>.ts, or the folder when it is called as the folder is;
 * <file>.<aspect>.test.ts is a further file of its tests.
 */
export const testsMirror: HouseRule = tree =>
  [...tree.keys()].flatMap(path => {
    const match = /^test\/(.+)\/([\w-]+)(?:\.[\w-]+)?\.test\.ts$/.exec(path)
    if (match === null || TEST_KINDS.includes(path.split('/')[1]!)) return []
    const [, folder = '', subject = ''] = match
    const isOfFolder =
      posix.basename(folder) === subject && [...tree.keys()].some(other => other.startsWith(`${folder}/`))
    return isOfFolder || tree.has(`${folder}/${subject}.ts`)
      ? []
      : [`${path} tests ${folder}/${subject}.ts, which does not exist`]
  })

export const versionsExact: HouseRule = tree => {
  const manifest = JSON.parse(tree.get('package.json') ?? '{}')
  return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap(kind =>
    Object.entries<string>(manifest[kind] ?? {})
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `package.json ${kind}.${name}: expected an exact version, got ${version}`),
  )
}

export const readmeNamesScripts: HouseRule = tree => {
  const readme = tree.get('README.md') ?? ''
  const scripts = Object.keys(JSON.parse(tree.get('package.json') ?? '{}').scripts ?? {})
  return scripts
    .filter(name => !new RegExp(`npm (?:run )?${name}(?![\\w:-])`).test(readme))
    .map(name => `README.md does not mention npm run ${name}`)
}

const isProduct = (path: string): boolean => /^(start\.ts|(gateway|subgraphs|protocol)\/.*\.ts)$/.test(path)

/** Asks about each line of each chosen file. */
function eachMatch(
  tree: Tree,
  chosen: (path: string) => boolean,
  pattern: RegExp,
  say: (where: string, text: string) => string,
  read: (text: string) => string = withoutComments,
): string[] {
  const all = new RegExp(pattern, 'g')
  return [...tree].flatMap(([path, text]) => {
    if (!chosen(path)) return []
    const code = read(text)
    return [...code.matchAll(all)].map(match =>
      say(`${path}:${lineAt(code, match.index)}`, match[0].split('\n')[0]!.slice(0, 60)),
    )
  })
}
