import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { costCommand } from './cost/cost-command.ts'
import { plannedCost } from './operations/planned-cost.ts'

const read = (path: string): Promise<string> => (path === '-' ? text(process.stdin) : readFile(path, 'utf8'))

/** `npm run cost`: prints what an operation costs. */
costCommand(process.argv.slice(2), { read, planned: plannedCost }).then(
  explanation => process.stdout.write(explanation),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`cost: ${message.replace(/\s+/g, ' ')}\n`)
    process.exitCode = 1
  },
)
