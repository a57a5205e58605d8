import { HELP, readOptions } from './options.ts'
import { replay } from './replay.ts'

/** `npm run replay`: the drop, replayed against a running stack. */

const EXITS = { kept: 0, broken: 1, notReplayed: 2, interrupted: 130 } as const

const ending = new AbortController()
process.on('SIGINT', () => {
  // A second time is meant: the stack of the replay stops with its parent.
  if (ending.signal.aborted) process.exit(EXITS.interrupted)
  process.stderr.write('\nends, and reports what was seen; once more to leave at once, without a report\n')
  ending.abort()
})
process.on('SIGTERM', () => ending.abort())

const argv = process.argv.slice(2)
if (argv.includes('--help') || argv.includes('-h')) {
  process.stdout.write(HELP)
} else {
  try {
    const isKept = await replay(readOptions(argv, process.env), {
      signal: ending.signal,
      screen: process.stderr,
      print: text => process.stdout.write(text),
    })
    process.exitCode = isKept ? EXITS.kept : EXITS.broken
  } catch (error) {
    process.stderr.write(`replay: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = EXITS.notReplayed
  }
}
