import { pino } from 'pino'
import { expect, test } from 'vitest'
import { openCaching } from '../../gateway/caching.ts'
import type { Supergraph } from '../../gateway/supergraph/supergraph.ts'
import { nowMs } from '../../protocol/deadline.ts'
import { until } from '../harness/postgres.ts'
import { answering, askRoot, fetchOf } from './cache/fetches/scripted-fetch.ts'
import { annotated } from './cache/policy/annotated-graph.ts'

const TOP = fetchOf('{ top }')
const supergraph = annotated({
  shop: 'type Query { top: Int @cacheControl(maxAge: 1, scope: PUBLIC) }',
}) as Supergraph

test.each<[string, number, boolean, number]>([
  ['answers while the level stretches it', 600_000, true, 1],
  ['is asked for where the level does not', 600_000, false, 2],
  ['is asked for where nothing is ever stretched', 1, true, 2],
])('what is past its stale time %s', async (_, staleStretch, isCrowded, top) => {
  const caching = await openCaching({
    cache: { policies: { 'Query.top': { freshMs: 1, staleMs: 1 } }, staleStretch },
    redis: undefined,
    requestMsMax: 1_000,
    isStretched: () => isCrowded,
    logger: pino({ level: 'silent' }),
  })
  const { fetches } = caching.answers!.of(supergraph)
  const { send, sent } = answering(() => ({ data: { top: sent.length } }))
  await askRoot(fetches, TOP, send)
  const untilMs = nowMs() + 3
  await until('its times to pass', () => nowMs() > untilMs)
  expect(await askRoot(fetches, TOP, send)).toEqual({ data: { top } })
  await caching.close()
})
