import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { type Pinned, startPinned } from './pinned.ts'
import { type Busy, busyBetween, GATEWAY_CORE, LOAD_CORE, read, voidReason } from './processor.ts'
import type { GatewaySettings, Variant, Workload } from './variants.ts'
import { WORLDS, type World, type WorldName } from './worlds.ts'
import { type LoadResult, load, type RequestText } from './wrk.ts'

/** A gateway over its subgraphs, all of it fresh processes. */
export interface Stand extends AsyncDisposable {
  readonly gateway: Pinned
  readonly port: number
}

export interface Sample {
  readonly workload: string
  readonly variant: string
  readonly round: number
  readonly perSecond: number
  /**
   * Processor time of the gateway's process a request; `undefined` when none was answered. Unlike the rate, it can be
   * read on a busy machine.
   */
  readonly cpuUs: number | undefined
  readonly load: LoadResult
  readonly busy: Busy
  /** Why the rate says nothing, if so. */
  readonly voidReason: string | undefined
}

export interface Timing {
  /** A warm-up lasts at least so long, and until the gateway has had its processor time or the longest time is over. */
  readonly warmUpSeconds: number
  readonly warmUpCpuSeconds: number
  readonly warmUpSecondsMax: number
  readonly windowSeconds: number
}

/** Starts what a variant needs. */
export async function stand(
  variant: Variant,
  worldName: WorldName,
  { answer = '', isProfiled = false }: { readonly answer?: string; readonly isProfiled?: boolean } = {},
): Promise<Stand> {
  const world = WORLDS[worldName]
  const stack = new AsyncDisposableStack()
  try {
    const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'bench-')))
    const supergraphPath = join(folder.path, 'supergraph.graphql')
    let settings: object = { answer }
    if (variant.program !== 'bare.ts') {
      const subgraphs = stack.use(
        await startPinned(LOAD_CORE, 'subgraphs.ts', { world: worldName, envelope: variant.envelope }),
      )
      writeFileSync(supergraphPath, compose(world, subgraphs.ready.ports!))
      settings = {
        supergraphPath,
        query: world.query,
        queryId: idOf(world.query),
        sharing: variant.sharing,
        rustPlanner: variant.rustPlanner,
        leanFetcher: variant.leanFetcher,
      } satisfies GatewaySettings
    }
    const gateway = stack.use(
      await startPinned(GATEWAY_CORE, variant.program, settings, isProfiled ? PROFILE_FLAGS : []),
    )
    const owned = stack.move()
    return { gateway, port: gateway.ready.port!, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

/** One answer, to an id that every variant is asked for. */
export async function askOnce(variant: Variant, world: World, port: number): Promise<unknown> {
  // Apollo Server learns a hash from a request that sends the text with it.
  if (variant.sends === 'hash' && variant.program === '../peers/apollo.ts') {
    await post(port, JSON.stringify({ query: world.query, ...JSON.parse(bodyOf(variant, world)) }))
  }
  return await ask(variant, world, port)
}

const ask = (variant: Variant, world: World, port: number): Promise<unknown> =>
  post(port, bodyOf(variant, world))

function bodyOf(variant: Variant, world: World): string {
  const { before, after } = requestText(variant, world)
  return after === undefined ? before : `${before}p000000007${after}`
}

async function post(port: number, body: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body,
  })
  return await response.json()
}

const CHECKS_MAX = 8
/** More than any gateway answers a second. */
const FIRST_IDS_APART = 1_000_000

export interface Measurement {
  readonly tool: 'wrk' | 'autocannon'
  readonly workload: Workload
  readonly variant: Variant
  readonly round: number
  readonly timing: Timing
  /** What a bare server answers. */
  readonly answer: string
  readonly isProfiled: boolean
}

/** A fresh stand, warmed up, then measured. */
export async function measure(measurement: Measurement): Promise<Sample> {
  const { tool, workload, variant, round, timing, answer, isProfiled } = measurement
  const world = WORLDS[workload.world]
  await using stood = await stand(variant, workload.world, { answer, isProfiled })
  const expected = await askOnce(variant, world, stood.port)
  const text = requestText(variant, world)
  const options = { port: stood.port, connections: workload.connections, text }
  const cold = read(stood.gateway.pid)
  for (let warmedSeconds = 0; warmedSeconds < timing.warmUpSecondsMax; ) {
    await load(tool, { ...options, seconds: timing.warmUpSeconds, firstId: warmedSeconds * FIRST_IDS_APART })
    warmedSeconds += timing.warmUpSeconds
    if (read(stood.gateway.pid).gatewaySeconds - cold.gatewaySeconds >= timing.warmUpCpuSeconds) break
  }
  const before = read(stood.gateway.pid)
  let isOver = false
  const [{ result, busy }, checks] = await Promise.all([
    load(tool, { ...options, seconds: timing.windowSeconds, firstId: 500_000_000 }).then(result => {
      isOver = true
      return { result, busy: busyBetween(before, read(stood.gateway.pid)) }
    }),
    checkWhile(
      () => !isOver,
      timing.windowSeconds,
      async () => isDeepStrictEqual(await ask(variant, world, stood.port), expected),
    ),
  ])
  const requests = result.requests + checks.asked
  return {
    workload: workload.name,
    variant: variant.name,
    round,
    perSecond: requests / result.seconds,
    cpuUs: result.requests === 0 ? undefined : (busy.gatewaySeconds * 1e6) / requests,
    load: result,
    busy,
    voidReason:
      checks.wrong > 0
        ? `${checks.wrong} of ${checks.asked} answers looked at were wrong`
        : voidReason(busy, result),
  }
}

/** Looks at answers while the load runs, whose own nobody reads: a gateway could be fast at refusing. */
async function checkWhile(
  isUnderWay: () => boolean,
  seconds: number,
  isRight: () => Promise<boolean>,
): Promise<{ readonly asked: number; readonly wrong: number }> {
  let asked = 0
  let wrong = 0
  while (isUnderWay() && asked < CHECKS_MAX) {
    asked++
    if (!(await isRight().catch(() => false))) wrong++
    await delay((seconds * 1_000) / CHECKS_MAX)
  }
  return { asked, wrong }
}

export function requestText(variant: Variant, world: World): RequestText {
  const named =
    variant.sends === 'text'
      ? { query: world.query }
      : { extensions: { persistedQuery: { version: 1, sha256Hash: idOf(world.query) } } }
  if (!world.takesId) return { before: JSON.stringify(named), after: undefined }
  const [before, after] = JSON.stringify({ ...named, variables: { id: '~' } }).split('~')
  return { before: before!, after }
}

export function compose(world: World, ports: Readonly<Record<string, number>>): string {
  const composed = composeServices(
    world.subgraphs.map(({ name, sdl }) => ({
      name,
      typeDefs: parse(sdl),
      url: `http://127.0.0.1:${ports[name]}/graphql`,
    })),
  )
  if (composed.errors !== undefined) throw new Error(composed.errors.map(error => error.message).join('; '))
  return composed.supergraphSdl
}

const PROFILE_FLAGS = [
  '--cpu-prof',
  `--cpu-prof-dir=${fileURLToPath(new URL('../results/profiles/', import.meta.url))}`,
]

const idOf = (query: string): string => createHash('sha256').update(query).digest('hex')
