import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { diffLines } from './diff.ts'

/** The repository's folder, absolute. */
export const ROOT: string = resolve(import.meta.dirname, '..')

/** A committed file that is made from others. `path` is relative to the repository's folder. */
export interface GeneratedFile {
  readonly path: string
  readonly text: string
}

/** What is wrong with a source, one line each, as `file:line CODE what was expected and what was got`. */
export class SourceError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'SourceError'
    this.problems = problems
  }
}

export interface GenerateCommand {
  /** What `--help` says after the usage line. */
  readonly help: string
  readonly argv: readonly string[]
  /** @throws SourceError */
  make(): Promise<readonly GeneratedFile[]> | readonly GeneratedFile[]
  readonly root?: string
  print?(line: string): void
}

/**
 * Writes what `make` returns, or with `--check` compares it with the committed files and shows how they differ.
 * Resolves with the exit code: 0 fresh or written, 1 stale or a source is wrong, 2 misused.
 */
export async function generate(command: GenerateCommand): Promise<number> {
  const { argv, help, root = ROOT, print = line => process.stdout.write(`${line}\n`) } = command
  if (argv.includes('--help')) {
    print(help)
    print(
      '\n  --check  write nothing; exit 1 and show the difference when a committed file is stale\n  --help   this text',
    )
    return 0
  }
  const unknown = argv.find(argument => argument !== '--check')
  if (unknown !== undefined) {
    print(`expected --check, --help or nothing, got ${unknown}`)
    return 2
  }
  let files: readonly GeneratedFile[]
  try {
    files = await command.make()
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    for (const problem of error.problems) print(problem)
    return 1
  }
  let stale = 0
  for (const { path, text } of files) {
    const committed = await readIfThere(join(root, path))
    if (committed === text) continue
    if (!argv.includes('--check')) {
      await writeFile(join(root, path), text)
      print(`wrote ${path}`)
      continue
    }
    stale++
    print(
      `${path} is ${committed === undefined ? 'missing' : 'stale'}: run \`npm run schema\` and commit the result`,
    )
    for (const line of diffLines(committed ?? '', text)) print(`  ${line}`)
  }
  return stale === 0 ? 0 : 1
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
