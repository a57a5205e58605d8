import { Fault } from '../../protocol/fault.ts'
import type { SubgraphAnswer } from '../../protocol/subgraph-client.ts'
import { checked, type Fetch } from './fetch.ts'
import type { FetchCache, SendFetch } from './fetch-cache.ts'
import type { Run } from './run.ts'

/** The answer to a fetch of root fields. A mutation is answered when what it has changed is void. */
export async function askRootOf(cache: FetchCache, fetch: Fetch, run: Run): Promise<SubgraphAnswer> {
  const variables = fetch.addVariables(run, {})
  if (fetch.kind === 'query') return cache.root(fetch, run, variables, sendingOf(fetch, run))
  let answer: SubgraphAnswer
  try {
    answer = checked(await fetch.send(run, variables, run.deadlineMs), fetch.service)
  } catch (reason) {
    if (mayHaveRun(reason)) await cache.mutated(fetch, run, variables, undefined)
    throw reason
  }
  await cache.mutated(fetch, run, variables, answer)
  return answer
}

/** As the cache sends a fetch, in whatever parts. */
export function sendingOf(fetch: Fetch, run: Run): SendFetch {
  return async (variables, deadlineMs, isFresh) =>
    checked(await fetch.send(run, variables, deadlineMs, isFresh), fetch.service)
}

/** Of a mutation that has no answer: these two say that it certainly did not. */
function mayHaveRun(reason: unknown): boolean {
  const code = reason instanceof Fault ? reason.code : undefined
  return code !== 'SUBGRAPH_UNREACHABLE' && code !== 'SUBGRAPH_OVERLOADED'
}
