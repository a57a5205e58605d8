import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { POLICIES } from '../gateway/surge/crowd-policies.ts'
import { CROWD, type CrowdFigures, type Policy, simulate, tableOf } from '../gateway/surge/simulated-crowd.ts'
import { ROOT } from '../harness/processes.ts'

/** Ways to turn a crowd away, side by side on a clock of their own: nothing here depends on the machine. */

export async function run(): Promise<void> {
  const figures = new Map<Policy, CrowdFigures>()
  for (const policy of POLICIES) figures.set(policy, simulate(policy, CROWD))
  const table = tableOf(figures)
  console.table(table)
  const folder = join(ROOT, 'test/bench/results')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'places.md')
  writeFileSync(file, page(table))
  console.info(`written: ${file}`)
}

function page(table: ReturnType<typeof tableOf>): string {
  const columns = Object.keys(Object.values(table)[0]!)
  const { shoppers, withinMs, perSecond, burst, seed } = CROWD
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return `${[
    '# Places beside other ways to turn a crowd away',
    '',
    `Simulated (\`npm run bench -- places\`): ${shoppers.toLocaleString('en')} shoppers come within ${withinMs / 1_000} s,`,
    `each for one point, against ${perSecond.toLocaleString('en')} a second and ${burst.toLocaleString('en')} at once. Buckets`,
    `and lines are those that the gateway keeps in memory; the clock jumps from event to event, seed ${seed}.`,
    '',
    row(['', ...columns]),
    row(['---', ...columns.map(() => '--:')]),
    ...Object.entries(table).map(([name, cells]) => row([name, ...Object.values(cells)])),
    '',
    'The displacement is the mean of |rank admitted − rank arrived| ÷ those admitted: 0 is the order of arrival, a third is',
    'chance. The utilisation is of the points that flowed in until the last admission. Whoever never comes back has left its',
    'points to newcomers for as long as there are any, ten seconds here; after that nobody comes for them.',
    '',
  ].join('\n')}`
}
