import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../harness/processes.ts'

/** What an npm script tells Node before it names the file: a bench runs a program as its users do. */
export function flagsOf(script: 'gateway'): readonly string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  return scripts[script]!.split(' ').filter(word => word.startsWith('--'))
}
