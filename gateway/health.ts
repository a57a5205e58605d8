import type { SubgraphClient } from '../protocol/subgraph-client.ts'

/** Why this process cannot serve, by subgraph; empty: it can. */
export type Unready = Readonly<Record<string, string>>

/** How long one look at the subgraphs is good, so that probing them cannot become a load. */
const FRESH_MS = 500
const READY_MS_MAX = 2_000

/** Asks every subgraph whether it can serve; those who ask at once share one look. */
export function createReadiness(clients: () => ReadonlyMap<string, SubgraphClient>): () => Promise<Unready> {
  let look: Promise<Unready> | undefined
  let lookedAtMs = Number.NEGATIVE_INFINITY
  let isUnderWay = false
  return () => {
    if (look !== undefined && (isUnderWay || performance.now() - lookedAtMs < FRESH_MS)) return look
    isUnderWay = true
    look = lookAt(clients()).finally(() => {
      isUnderWay = false
      lookedAtMs = performance.now()
    })
    return look
  }
}

async function lookAt(clients: ReadonlyMap<string, SubgraphClient>): Promise<Unready> {
  const reasons: Record<string, string> = {}
  await Promise.all(
    [...clients].map(async ([name, client]) => {
      const reason = await reasonOf(client)
      if (reason !== undefined) reasons[name] = reason
    }),
  )
  return reasons
}

async function reasonOf(client: SubgraphClient): Promise<string | undefined> {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve(`no answer within ${READY_MS_MAX} ms`), READY_MS_MAX)
  try {
    return await Promise.race([
      client.ready().then(
        () => undefined,
        error => (error instanceof Error ? error.message : String(error)),
      ),
      late.promise,
    ])
  } finally {
    clearTimeout(timer)
  }
}
