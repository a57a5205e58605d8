import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'

/** The repository's text files by path, with "/" between folders. */
export type Tree = ReadonlyMap<string, string>

const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', '.git', '.data', 'coverage', 'results'])
const TEXT = /\.(ts|json|graphql|sql|md|ya?ml|sh|lua|html|css|txt)$|\/?(\.[\w.]+|Dockerfile|LICENSE|run)$/

/** Reads the tree below `root`, without what is installed or made by running. */
export function readTree(root: string): Tree {
  const tree = new Map<string, string>()
  for (const path of filesOfGit(root) ?? filesBelow(root, '')) {
    if (!TEXT.test(path) || path.split('/').some(part => LEFT_OUT.has(part))) continue
    if (isInDatabase(root, path) || !statSync(join(root, path), { throwIfNoEntry: false })?.isFile()) continue
    const text = readFileSync(join(root, path), 'utf8')
    if (!text.includes('\0')) tree.set(path, text)
  }
  return tree
}

/** What git keeps or would keep, sorted; `undefined` where there is no repository of ours, as in an unpacked archive. */
function filesOfGit(root: string): readonly string[] | undefined {
  if (!existsSync(join(root, '.git'))) return undefined
  try {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
    const paths = execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return paths.split('\0').filter(Boolean).sort()
  } catch {
    return undefined
  }
}

function filesBelow(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const path = posix.join(folder, entry.name)
    if (LEFT_OUT.has(entry.name)) return []
    return entry.isDirectory() ? filesBelow(root, path) : [path]
  })
}

/** A data folder may have any name; what lies in its database is nobody's writing. */
function isInDatabase(root: string, path: string): boolean {
  for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder))
    if (existsSync(join(root, folder, 'PG_VERSION'))) return true
  return false
}

/**
 * TypeScript without its comments, lines kept. Quotes and templates are known; a regular expression that holds a quote
 * or `//` is not, which at worst leaves a comment in.
 */
export function withoutComments(text: string): string {
  return text.replace(
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    match => (match.startsWith('/') ? match.replace(/[^\n]/g, '') : match),
  )
}

/** The line of `text` at an offset, from 1. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length
