import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ROOT } from '../harness/processes.ts'
import { ask, HOT_ID, requestText } from './cache/question.ts'
import { stand } from './cache/stand.ts'
import { type CacheVariant, type CacheWorkload, WORKLOADS } from './cache/variants.ts'
import { readArguments, usageOf } from './gateway/arguments.ts'
import type { Sample } from './gateway/measure.ts'
import { installPeers } from './gateway/peers.ts'
import { pinSelf } from './gateway/pinned.ts'
import { LOAD_CORE } from './gateway/processor.ts'
import { ofWorkload, VOID_RULES } from './gateway/table.ts'
import { inTurn, measureWindow, timingOf } from './gateway/window.ts'
import { loadTool } from './gateway/wrk.ts'

/** CampaignHome at several hit ratios: what is kept beside what is asked for, mercurius-cache, and bare node:http. */

type Answer = { readonly data?: unknown }

const NAMES = WORKLOADS.map(({ name }) => name)

export async function run(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help')) return console.info(usageOf('cache', NAMES))
  const { rounds, only, variant: part, isQuick, isProfiled, isWhole } = readArguments(argv, NAMES)
  await installPeers(say)
  const tool = await loadTool()
  if (tool !== 'wrk')
    throw new Error('expected wrk (apt-get install wrk), which alone can mix hits and misses')
  pinSelf(LOAD_CORE)
  const workloads = WORKLOADS.filter(({ name }) => only.has(name)).map(workload => ({
    ...workload,
    variants: workload.variants.filter(({ name }) => name.toLowerCase().includes(part)),
  }))
  const answer = await answerOfAll(workloads)
  const timing = timingOf(isQuick)
  const samples: Sample[] = []
  for (const workload of workloads) {
    for (let round = 1; round <= rounds; round++) {
      for (const variant of inTurn(workload.variants, round)) {
        await using stood = await stand(variant, answer, isProfiled)
        const { hotShare } = workload
        const isRight = async (): Promise<boolean> =>
          isDeepStrictEqual(await ask(variant, stood.port), answer)
        if (!(await isRight())) throw new Error(`expected ${variant.name} to answer as the others`)
        const measured = await measureWindow({
          tool,
          pid: stood.measured.pid,
          load: {
            port: stood.port,
            connections: workload.connections,
            text: requestText(variant, workload),
            ...(hotShare === 1 ? {} : { hot: { id: HOT_ID, share: hotShare } }),
          },
          timing,
          isRight,
        })
        samples.push({ workload: workload.name, variant: variant.name, round, ...measured })
        say(lineOf(workload, variant, round, samples.at(-1)!))
      }
    }
  }
  publish({ tool, rounds, samples }, isWhole)
}

/** @throws Error when two variants answer differently: then there is nothing to compare. */
async function answerOfAll(workloads: readonly CacheWorkload[]): Promise<Answer> {
  const [{ variants: every } = { variants: [] }] = WORKLOADS
  const first = every.find(({ keeps }) => keeps === false)!
  await using stood = await stand(first, {})
  const answer = (await ask(first, stood.port)) as Answer
  const others = new Map(workloads.flatMap(({ variants }) => variants).map(one => [one.name, one]))
  for (const other of others.values()) {
    say(`does ${other.name} answer as the others?`)
    await using stood = await stand(other, answer)
    // Twice: what was kept has to be the same, too.
    for (const got of [await ask(other, stood.port), await ask(other, stood.port)]) {
      if (isDeepStrictEqual(got, answer)) continue
      const shown = (value: unknown): string => JSON.stringify(value).slice(0, 1_000)
      throw new Error(
        `expected ${other.name} to answer as ${first.name}, ${shown(answer)}, got ${shown(got)}`,
      )
    }
  }
  return answer
}

interface Results {
  readonly tool: string
  readonly rounds: number
  readonly samples: readonly Sample[]
}

/** Raw results as JSON, and a table; what is published is a whole run, never a part or a rehearsal. */
function publish(results: Results, isWhole: boolean): void {
  const folder = join(ROOT, 'test/bench/results')
  mkdirSync(folder, { recursive: true })
  const at = new Date().toISOString()
  const processor = `${cpus().length} × ${cpus()[0]?.model ?? 'an unknown processor'}`
  const raw = join(folder, `cache-${at.replaceAll(':', '-')}.json`)
  writeFileSync(raw, JSON.stringify({ at, node: process.version, processor, ...results }, null, 2))
  const { rounds, tool, samples } = results
  const text = `${[
    `Medians of ${rounds} round${rounds === 1 ? '' : 's'} on ${processor}, Node ${process.version}, ${tool}; ${at.slice(0, 10)}.`,
    'Made by `npm run bench -- cache`: what is measured on one core, load and subgraphs on the other, a fresh process and a warm-up a variant, alternating order.',
    VOID_RULES,
    ...WORKLOADS.flatMap(workload => ofWorkload(workload, samples)),
  ].join('\n\n')}\n`
  console.info(text)
  console.info(`raw results: ${raw}`)
  if (isWhole) writeFileSync(join(folder, 'cache.md'), text)
}

function lineOf(
  { name }: CacheWorkload,
  variant: CacheVariant,
  round: number,
  { perSecond, cpuUs, voidReason }: Sample,
): string {
  const rate = `${perSecond.toFixed(0).padStart(6)}/s ${(cpuUs?.toFixed(0) ?? '?').padStart(6)} µs`
  const isVoid = voidReason === undefined ? '' : `  void: ${voidReason}`
  return `${name.padEnd(7)} round ${round}  ${variant.name.padEnd(28)} ${rate}${isVoid}`
}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}
