import type { MemoryBytes } from './gateway/program.ts'

/**
 * One of the product's programs as its users run it, with a channel to the bench that started it:
 * `node test/bench/hosted.ts '<Hosted as JSON>'`. It tells its memory when asked, and stops as on SIGTERM with its parent.
 */
export interface Hosted {
  /** From this folder. */
  readonly script: string
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

if (process.argv[1]?.endsWith('hosted.ts')) {
  const { script, arguments: given, environment } = JSON.parse(process.argv[2] as string) as Hosted
  process.on('message', () => {
    // Twice: what the first leaves to finalisers the second collects.
    globalThis.gc?.()
    globalThis.gc?.()
    const { rss, heapUsed } = process.memoryUsage()
    process.send?.({ rssBytes: rss, heapBytes: heapUsed } satisfies MemoryBytes)
  })
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.send?.({})
  Object.assign(process.env, environment)
  process.argv.splice(1, process.argv.length - 1, script, ...given)
  await import(script)
}
