import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** The repository's text files by path, with "/" between folders. */
export type Tree = ReadonlyMap<string, string>

const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', '.git', '.data', 'coverage', 'results'])
const TEXT = /\.(ts|json|graphql|sql|md|ya?ml|sh|lua|html|css|txt)$|\/?(\.[\w.]+|Dockerfile|LICENSE|run)$/

/** Reads the tree below `root`, without what is installed or made by running. */
export function readTree(root: string): Tree {
  const tree = new Map<string, string>()
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name)
      if (LEFT_OUT.has(entry.name)) continue
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile() && TEXT.test(path)) tree.set(path, readFileSync(join(root, path), 'utf8'))
    }
  }
  walk('')
  return tree
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
