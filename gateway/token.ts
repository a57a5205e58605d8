import { tokenCommand } from './identity/token-command.ts'

/** `npm run token`: prints a development token; on standard error what a person should know of it. */
tokenCommand(process.argv.slice(2), process.env, line => process.stderr.write(`token: ${line}\n`)).then(
  text => process.stdout.write(text),
  (error: unknown) => {
    process.stderr.write(`token: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  },
)
