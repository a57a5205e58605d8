import { writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { IDENTITY } from './identity.ts'
import { type Pinned, startPinned } from './pinned.ts'
import { GATEWAY_CORE, LOAD_CORE } from './processor.ts'
import { queryIdOf } from './question.ts'
import type { GatewaySettings, Variant } from './variants.ts'
import { WORLDS, type World, type WorldName } from './worlds.ts'

/** A gateway over its subgraphs, all of it fresh processes. */
export interface Stand extends AsyncDisposable {
  readonly gateway: Pinned
  readonly port: number
}

const PROFILE_FLAGS = [
  '--cpu-prof',
  `--cpu-prof-dir=${fileURLToPath(new URL('../results/profiles/', import.meta.url))}`,
]

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
        queryId: queryIdOf(world.query),
        sharing: variant.sharing,
        rustPlanner: variant.rustPlanner,
        leanFetcher: variant.leanFetcher,
        ...(variant.identified ? { identity: IDENTITY } : {}),
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

/** The supergraph over subgraphs on these ports, by name. */
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
