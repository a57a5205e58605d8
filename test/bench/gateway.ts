import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ROOT } from '../harness/processes.ts'
import { type Chosen, readArguments, usageOf } from './gateway/arguments.ts'
import type { LatencyOptions } from './gateway/latency.ts'
import { measure, type Sample } from './gateway/measure.ts'
import { growth, type MemoryGrowth } from './gateway/memory.ts'
import { installPeers } from './gateway/peers.ts'
import { pinSelf, startPinned } from './gateway/pinned.ts'
import { GATEWAY_CORE, LOAD_CORE } from './gateway/processor.ts'
import type { Latency } from './gateway/program.ts'
import { askOnce, requestText } from './gateway/question.ts'
import type { LatencySample, PlanSample, Results } from './gateway/results.ts'
import { compose, stand } from './gateway/stand.ts'
import { markdown } from './gateway/table.ts'
import { type Variant, WORKLOADS, type Workload } from './gateway/variants.ts'
import { inTurn, timingOf } from './gateway/window.ts'
import { WORLDS, type WorldName } from './gateway/worlds.ts'
import { loadTool } from './gateway/wrk.ts'

/** The gateway beside its peers: throughput, latency at a moderate rate, the price of a new text, memory. */

const LATENCY_PER_SECOND = 300
const TEXTS = 100_000
/** A peer takes minutes for as many; whether it keeps growing shows earlier. */
const PEER_TEXTS = 20_000

export async function run(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help')) return console.info(usageOf('gateway'))
  const chosen = readArguments(argv)
  await installPeers(say)
  const tool = await loadTool()
  pinSelf(LOAD_CORE)
  const workloads = WORKLOADS.filter(({ name }) => chosen.only.has(name)).map(workload => ({
    ...workload,
    variants: workload.variants.filter(({ name }) => name.toLowerCase().includes(chosen.variant)),
  }))
  const answers = await answersAlike(workloads)
  const results: Results = {
    at: new Date().toISOString(),
    node: process.version,
    processor: `${cpus().length} × ${cpus()[0]?.model ?? 'an unknown processor'}`,
    tool,
    rounds: chosen.rounds,
    samples: await throughput(tool, workloads, answers, chosen),
    latencies: chosen.only.has('latency') ? await latencies(chosen) : [],
    plans: chosen.only.has('plan') ? await plans(chosen) : [],
    memory: chosen.only.has('memory') ? await memory(chosen) : [],
  }
  const folder = join(ROOT, 'test/bench/results')
  mkdirSync(folder, { recursive: true })
  const raw = join(folder, `gateway-${results.at.replaceAll(':', '-')}.json`)
  writeFileSync(raw, JSON.stringify(results, null, 2))
  const text = markdown(results, WORKLOADS)
  console.info(text)
  console.info(`raw results: ${raw}`)
  // What is published is a whole run, never a part or a rehearsal.
  if (!chosen.isWhole) return
  writeFileSync(join(folder, 'gateway.md'), text)
}

/** @returns each world's answer. @throws Error when two variants answer differently: then there is nothing to compare. */
async function answersAlike(workloads: readonly Workload[]): Promise<ReadonlyMap<WorldName, string>> {
  const answers = new Map<WorldName, { readonly variant: string; readonly data: unknown }>()
  for (const workload of workloads) {
    for (const variant of workload.variants) {
      if (variant.program === 'bare.ts') continue
      say(`${workload.name}  does ${variant.name} answer as the others?`)
      await using stood = await stand(variant, workload.world)
      const answer = await askOnce(variant, WORLDS[workload.world], stood.port)
      const first = answers.get(workload.world)
      if (first === undefined) answers.set(workload.world, { variant: variant.name, data: answer })
      else if (!isDeepStrictEqual(answer, first.data)) {
        const shown = (value: unknown): string => JSON.stringify(value).slice(0, 500)
        throw new Error(
          `${workload.name}: expected ${variant.name} to answer as ${first.variant}, ${shown(first.data)}, got ${shown(answer)}`,
        )
      }
    }
  }
  return new Map([...answers].map(([world, { data }]) => [world, JSON.stringify(data)]))
}

async function throughput(
  tool: 'wrk' | 'autocannon',
  workloads: readonly Workload[],
  answers: ReadonlyMap<WorldName, string>,
  { rounds, isQuick, isProfiled }: Chosen,
): Promise<readonly Sample[]> {
  const timing = timingOf(isQuick)
  const samples: Sample[] = []
  for (const workload of workloads) {
    for (let round = 1; round <= rounds; round++) {
      for (const variant of inTurn(workload.variants, round)) {
        const answer = answers.get(workload.world) ?? '{}'
        const sample = await measure({ tool, workload, variant, round, timing, answer, isProfiled })
        samples.push(sample)
        const { perSecond, cpuUs, voidReason } = sample
        say(
          `${workload.name}  round ${round}  ${variant.name.padEnd(28)} ${perSecond.toFixed(0).padStart(6)}/s ${(cpuUs?.toFixed(0) ?? '?').padStart(6)} µs${voidReason === undefined ? '' : `  void: ${voidReason}`}`,
        )
      }
    }
  }
  return samples
}

async function latencies({ rounds, isQuick }: Chosen): Promise<readonly LatencySample[]> {
  const { variants, world } = workloadOf('P1')
  const samples: LatencySample[] = []
  for (let round = 1; round <= rounds; round++) {
    for (const variant of inTurn(gatewaysOf(variants), round)) {
      await using stood = await stand(variant, world)
      await askOnce(variant, WORLDS[world], stood.port)
      const atRate = async (seconds: number, firstId: number): Promise<Latency> => {
        const options: LatencyOptions = {
          port: stood.port,
          text: requestText(variant, WORLDS[world]),
          perSecond: LATENCY_PER_SECOND,
          seconds,
          firstId,
        }
        await using client = await startPinned(LOAD_CORE, 'latency.ts', options)
        return client.ready.latency!
      }
      await atRate(isQuick ? 2 : 8, 1)
      const latency = await atRate(isQuick ? 2 : 10, 100_000_000)
      samples.push({ variant: variant.name, round, perSecond: LATENCY_PER_SECOND, latency })
      say(
        `latency  round ${round}  ${variant.name.padEnd(28)} p50 ${latency.p50Ms.toFixed(2)} p99 ${latency.p99Ms.toFixed(2)} ms`,
      )
    }
  }
  return samples
}

async function plans({ rounds, isQuick }: Chosen): Promise<readonly PlanSample[]> {
  const times = isQuick ? 50 : 300
  const samples: PlanSample[] = []
  for (let round = 1; round <= rounds; round++) {
    for (const workload of [workloadOf('P1'), workloadOf('P3')]) {
      const world = WORLDS[workload.world]
      const planners = [
        ['Spillway: planned and compiled', 'plan.ts', { world: workload.world, times }],
        [
          '@apollo/query-planner: planned',
          '../peers/plan.ts',
          { supergraphSdl: compose(world, {}), query: world.query, times },
        ],
      ] as const
      for (const [planner, script, settings] of inTurn(planners, round)) {
        await using program = await startPinned(GATEWAY_CORE, script, settings)
        const timed = program.ready.plan!
        samples.push({ world: workload.world, workload: workload.name, planner, round, timed })
        say(
          `plan  round ${round}  ${workload.name} ${planner.padEnd(32)} ${timed.medianUs.toFixed(0).padStart(6)} µs`,
        )
      }
    }
  }
  return samples
}

async function memory({ isQuick }: Chosen): Promise<readonly MemoryGrowth[]> {
  const growths: MemoryGrowth[] = []
  for (const variant of gatewaysOf(workloadOf('P2').variants)) {
    if (variant.leanFetcher) continue
    const texts = variant.program === 'ours.ts' ? TEXTS : PEER_TEXTS
    say(`memory  ${variant.name}: ${texts} texts …`)
    growths.push(await growth(variant, isQuick ? texts / 20 : texts))
  }
  return growths
}

/** Each gateway once, as it is best. */
const gatewaysOf = (variants: readonly Variant[]): readonly Variant[] =>
  variants.filter(({ program, envelope }) => program !== 'bare.ts' && (program !== 'ours.ts' || envelope))

const workloadOf = (name: string): Workload => WORKLOADS.find(workload => workload.name === name)!

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}
