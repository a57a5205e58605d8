import { run as cache } from './cache.ts'
import { run as claims } from './claims.ts'
import { run as cost } from './cost.ts'
import { run as gateway } from './gateway.ts'
import { run as manifest } from './manifest.ts'
import { run as overload } from './overload.ts'
import { run as pause } from './pause.ts'
import { run as places } from './places.ts'
import { run as replay } from './replay.ts'

/** `npm run bench [-- name [options]]`: side-by-side figures; raw results under test/bench/results/. */

interface Bench {
  readonly run: (options: readonly string[]) => Promise<void>
  readonly what: string
}

const BENCHES: Readonly<Record<string, Bench>> = {
  gateway: {
    run: gateway,
    what: 'the gateway beside @apollo/gateway and Hive Gateway; --help tells its options',
  },
  cache: {
    run: cache,
    what: 'kept answers beside asked ones, mercurius-cache and bare node:http; --help tells its options',
  },
  claims: {
    run: claims,
    what: 'durable claims over HTTP, by callers and batches, beside the bare SQL function; --help tells its options',
  },
  cost: { run: cost, what: 'what an estimate takes, and a budget, in memory and in Redis' },
  manifest: {
    run: manifest,
    what: 'a manifest of 5,000 operations: how long it takes, and how long others wait meanwhile',
  },
  overload: {
    run: overload,
    what: 'more shoppers than the service can bear, with kept places and without; --help tells its options',
  },
  places: {
    run: places,
    what: 'simulated: kept places beside fixed windows, backoff and people who refresh',
  },
  pause: { run: pause, what: 'how long a pause takes to be acknowledged under 512 claimers' },
  replay: { run: replay, what: 'how fast the load of npm run replay can ask, from one core' },
}

const [name, ...options] = process.argv.slice(2)
const chosen =
  name === undefined ? Object.values(BENCHES) : [BENCHES[name]].filter(bench => bench !== undefined)
if (chosen.length === 0) {
  console.error('Usage: npm run bench [-- name [options]]\n')
  for (const [known, { what }] of Object.entries(BENCHES)) console.error(`  ${known.padEnd(10)} ${what}`)
  process.exit(name === '--help' || name === '-h' ? 0 : 1)
}
for (const { run } of chosen) await run(options)
