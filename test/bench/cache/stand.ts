import { fileURLToPath } from 'node:url'
import { IDENTITY } from '../gateway/identity.ts'
import { type Pinned, startPinned } from '../gateway/pinned.ts'
import { GATEWAY_CORE, LOAD_CORE } from '../gateway/processor.ts'
import { queryIdOf } from '../gateway/question.ts'
import { WORLDS } from '../gateway/worlds.ts'
import type { CacheSettings, CacheVariant } from './variants.ts'

/** What is measured, and the subgraphs that it asks, all of it fresh processes. */
export interface CacheStand extends AsyncDisposable {
  readonly measured: Pinned
  readonly port: number
}

const PROFILE_FLAGS = [
  '--cpu-prof',
  `--cpu-prof-dir=${fileURLToPath(new URL('../results/profiles/', import.meta.url))}`,
]

/** @param answer of the operation: what mercurius has as data, and a bare server as bytes. */
export async function stand(
  { program, keeps, identified }: CacheVariant,
  answer: { readonly data?: unknown },
  isProfiled = false,
): Promise<CacheStand> {
  const { query } = WORLDS.home
  const stack = new AsyncDisposableStack()
  try {
    const named = { query, queryId: queryIdOf(query) }
    let settings: CacheSettings = { ...named, data: answer.data, answer: JSON.stringify(answer) }
    if (program === '../cache/ours.ts') {
      const subgraphs = stack.use(
        await startPinned(LOAD_CORE, 'subgraphs.ts', { world: 'home', envelope: true }),
      )
      settings = {
        ...named,
        ports: subgraphs.ready.ports!,
        keeps: keeps === true,
        ...(identified ? { identity: IDENTITY } : {}),
      }
    }
    const measured = stack.use(
      await startPinned(GATEWAY_CORE, program, settings, isProfiled ? PROFILE_FLAGS : []),
    )
    const owned = stack.move()
    return { measured, port: measured.ready.port!, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}
