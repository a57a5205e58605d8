import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runningCampaign } from '../harness/campaigns.ts'
import { crowd, outcomes } from '../harness/crowd.ts'
import { ROOT } from '../harness/processes.ts'
import { startEmbedded } from '../harness/stack.ts'

/** How long an operator waits for a pause to be acknowledged while 512 shoppers claim at once. */

const ROUNDS = 5
const CLAIMERS = 512

export async function run(): Promise<void> {
  const stack = await startEmbedded({ environment: { LOG_LEVEL: 'fatal' } })
  try {
    const campaignId = await runningCampaign(stack, 1_000_000)
    const rounds: { readonly acknowledgedMs: number; readonly outcomes: Readonly<Record<string, number>> }[] =
      []
    for (let round = 0; round < ROUNDS; round++) {
      const claimers = crowd(stack, {
        campaignId,
        prefix: `round-${round}`,
        shoppers: 10_000,
        connections: CLAIMERS,
      })
      await claimers.answered(2_000)
      const sentMs = performance.now()
      const input = { campaignId, reason: 'bench', noticeZh: '稍后再来', noticeEn: 'Come back later' }
      const paused = await stack.operator().persisted('PauseIssuance', { input })
      const acknowledgedMs = performance.now() - sentMs
      if (paused.body.data?.pauseIssuance?.__typename !== 'CampaignChanged')
        throw new Error(JSON.stringify(paused.body))
      rounds.push({ acknowledgedMs, outcomes: outcomes(await claimers.done) })
      await stack.operator().persisted('ResumeIssuance', { input: { campaignId } })
    }
    const folder = join(ROOT, 'test/bench/results')
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `pause-${new Date().toISOString().replaceAll(':', '-')}.json`)
    writeFileSync(
      file,
      JSON.stringify({ at: new Date(), node: process.version, claimers: CLAIMERS, rounds }, null, 2),
    )
    console.table(
      rounds.map(round => ({ 'acknowledged after ms': round.acknowledgedMs.toFixed(0), ...round.outcomes })),
    )
    console.info(`raw results: ${file}`)
  } finally {
    await stack[Symbol.asyncDispose]()
  }
}
