import { tokenCommand } from './identity/token-command.ts'

/** `npm run token`: prints a development token and nothing else. */
tokenCommand(process.argv.slice(2), process.env).then(
  text => process.stdout.write(text),
  (error: unknown) => {
    process.stderr.write(`token: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  },
)
