import { posix } from 'node:path'
import { lineAt, type Tree, withoutComments } from './tree.ts'

export interface Import {
  readonly from: string
  readonly line: number
  /** The file, from the repository's folder, when it is one of ours. */
  readonly to: string
}

const IMPORT =
  /(?:^|[;}\n])\s*(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])([^'"\n]+)\1|\bimport\s*\(?\s*(['"])([^'"\n]+)\3|\bnew URL\(\s*(['"])(\.[^'"\n]+)\5/g

/** Every import of one of our own files: static, dynamic, for its types, re-exported, or read by `new URL`. */
export function importsOf(tree: Tree): Import[] {
  const imports: Import[] = []
  for (const [from, text] of tree) {
    if (!from.endsWith('.ts')) continue
    const code = withoutComments(text)
    for (const match of code.matchAll(IMPORT)) {
      const specifier = (match[2] ?? match[4] ?? match[6])!
      if (!specifier.startsWith('.')) continue
      const at = match.index + match[0].indexOf(specifier)
      imports.push({ from, line: lineAt(code, at), to: posix.join(posix.dirname(from), specifier) })
    }
  }
  return imports
}

/** A part of the tree and what it may import beside itself; the first pattern that fits a file is its part. */
interface Part {
  readonly name: string
  readonly files: RegExp
  /** Names of parts. */
  readonly may: readonly string[]
}

const SHARED = ['protocol']
const GATEWAY = [...SHARED, 'gateway/errors', 'gateway/request', 'gateway/telemetry']

/** Nothing points back: a part that is not named in `may` is out of reach. */
export const PARTS: readonly Part[] = [
  { name: 'test', files: /^test\//, may: ['*'] },
  {
    name: 'start',
    files: /^start\.ts$/,
    may: [
      ...SHARED,
      'gateway',
      'gateway/identity',
      'gateway/config',
      'gateway/telemetry',
      'subgraphs',
      'subgraphs/registry',
      'subgraphs/entry',
    ],
  },
  { name: 'protocol', files: /^protocol\//, may: [] },
  { name: 'schema', files: /^schema\//, may: [...SHARED, 'gateway/supergraph', 'gateway/cost'] },

  {
    name: 'gateway/main',
    files: /^gateway\/(main|token)\.ts$/,
    may: [...GATEWAY, 'gateway', 'gateway/config', 'gateway/identity'],
  },
  { name: 'gateway/errors', files: /^gateway\/errors\.ts$/, may: SHARED },
  { name: 'gateway/request', files: /^gateway\/request\.ts$/, may: GATEWAY },
  { name: 'gateway/telemetry', files: /^gateway\/telemetry\//, may: [...SHARED, 'gateway/errors'] },
  { name: 'gateway/supergraph', files: /^gateway\/supergraph\//, may: [...GATEWAY, 'gateway/execution'] },
  { name: 'gateway/execution', files: /^gateway\/execution\//, may: [...GATEWAY, 'gateway/supergraph'] },
  { name: 'gateway/cost', files: /^gateway\/cost\//, may: [...GATEWAY, 'gateway/supergraph'] },
  { name: 'gateway/redis', files: /^gateway\/redis\//, may: SHARED },
  { name: 'gateway/surge', files: /^gateway\/surge\//, may: [...GATEWAY, 'gateway/redis'] },
  {
    name: 'gateway/cache',
    files: /^gateway\/cache\//,
    may: [...GATEWAY, 'gateway/supergraph', 'gateway/redis'],
  },
  { name: 'gateway/identity', files: /^gateway\/identity\//, may: GATEWAY },
  {
    name: 'gateway/operations',
    files: /^gateway\/operations\//,
    may: [...GATEWAY, 'gateway/supergraph', 'gateway/execution', 'gateway/cost'],
  },
  {
    name: 'gateway/pipeline',
    files:
      /^gateway\/(pipeline|stages|standing|run-queue|execute-step|executed|outcome|spending|draws|place-turns|place-counts|kept-place|kept-place-words|purse|cost-refusals|address|cached-response|status-operation|status-answer)\.ts$/,
    may: [
      ...GATEWAY,
      'gateway/operations',
      'gateway/cost',
      'gateway/surge',
      'gateway/cache',
      'gateway/execution',
      'gateway/identity',
      'gateway/supergraph',
      'gateway/config',
    ],
  },
  {
    name: 'gateway/mcp',
    files: /^gateway\/mcp\//,
    may: [...GATEWAY, 'gateway/pipeline', 'gateway/operations', 'gateway/supergraph'],
  },
  {
    name: 'gateway/control',
    files: /^gateway\/control\//,
    may: [...GATEWAY, 'gateway/pipeline', 'gateway/redis', 'gateway/surge', 'gateway/cost', 'gateway/config'],
  },
  {
    name: 'gateway/config',
    files: /^gateway\/(config|config-file|limits|line-settings|cost-settings|cache-settings)\.ts$/,
    may: [...GATEWAY, 'gateway/surge'],
  },
  {
    name: 'gateway',
    files: /^gateway\//,
    may: [
      ...GATEWAY,
      'gateway/pipeline',
      'gateway/operations',
      'gateway/cost',
      'gateway/redis',
      'gateway/surge',
      'gateway/cache',
      'gateway/execution',
      'gateway/supergraph',
      'gateway/identity',
      'gateway/mcp',
      'gateway/control',
      'gateway/config',
    ],
  },

  {
    name: 'subgraphs/entry',
    files: /^subgraphs\/(main|in-process|settings)\.ts$/,
    may: [...SHARED, 'subgraphs', 'subgraphs/registry'],
  },
  {
    name: 'subgraphs/registry',
    files: /^subgraphs\/registry\.ts$/,
    may: [
      ...SHARED,
      'subgraphs',
      'subgraphs/campaign',
      'subgraphs/catalog',
      'subgraphs/coupon',
      'subgraphs/payment',
    ],
  },
  { name: 'subgraphs/campaign', files: /^subgraphs\/campaign\//, may: [...SHARED, 'subgraphs'] },
  { name: 'subgraphs/catalog', files: /^subgraphs\/catalog\//, may: [...SHARED, 'subgraphs'] },
  { name: 'subgraphs/coupon', files: /^subgraphs\/coupon\//, may: [...SHARED, 'subgraphs'] },
  { name: 'subgraphs/payment', files: /^subgraphs\/payment\//, may: [...SHARED, 'subgraphs'] },
  { name: 'subgraphs', files: /^subgraphs\//, may: SHARED },

  { name: 'deploy', files: /^deploy\//, may: [] },
  { name: 'tools', files: /^[\w.-]+\.config\.ts$/, may: [] },
]

/** Every import that points against the arrows, and every file that no part covers. */
export function importDirection(tree: Tree, parts: readonly Part[] = PARTS): string[] {
  const partOf = (path: string): Part | undefined => parts.find(({ files }) => files.test(path))
  const homeless = [...tree.keys()]
    .filter(path => path.endsWith('.ts') && partOf(path) === undefined)
    .map(path => `${path} belongs to no part of the import table`)
  const wrong = importsOf(tree).flatMap(({ from, line, to }) => {
    const source = partOf(from)
    const target = partOf(to)
    // What is no TypeScript is read by the folder that holds it, or by a tool.
    if (source === undefined || target === undefined || source === target) return []
    if (source.may.includes(target.name) || source.may.includes('*')) return []
    return [
      `${from}:${line} ${source.name} may not import ${to}: it may import ${source.may.join(', ') || 'nothing'}`,
    ]
  })
  return [...homeless, ...wrong]
}

/** The files of a subgraph's folder that stand above one another; the rest is rules and writes between them. */
const RANKS: Readonly<Record<string, number>> = {
  'subgraph.ts': 4,
  'resolvers.ts': 3,
  'loaders.ts': 2,
  'store.ts': 1,
}
const LOADERS_RANK = 2

/** subgraph → resolvers → loaders → store: nothing imports upwards, and what is not named stands below the resolvers. */
export function subgraphRanks(tree: Tree): string[] {
  return importsOf(tree).flatMap(({ from, line, to }) => {
    const source = /^(subgraphs\/\w+)\/([\w.-]+\.ts)$/.exec(from)
    const target = /^(subgraphs\/\w+)\/([\w.-]+\.ts)$/.exec(to)
    if (source === null || target === null || source[1] !== target[1]) return []
    return (RANKS[target[2]!] ?? 0) > (RANKS[source[2]!] ?? LOADERS_RANK)
      ? [`${from}:${line} may not import ${to}: subgraph → resolvers → loaders → store`]
      : []
  })
}

/** Imports that lead back to where they began, types included: each circle once. */
export function acyclic(tree: Tree): string[] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of importsOf(tree)) targets.set(from, [...(targets.get(from) ?? []), to])
  const circles: string[] = []
  const done = new Set<string>()
  const walk = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path)
    if (start >= 0) circles.push([...way.slice(start), path].join(' → '))
    if (start >= 0 || done.has(path)) return
    for (const next of targets.get(path) ?? []) walk(next, [...way, path])
    done.add(path)
  }
  for (const path of [...targets.keys()].sort()) walk(path, [])
  return circles
}
