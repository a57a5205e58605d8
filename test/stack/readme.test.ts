import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testFolder } from '../harness/postgres.ts'
import { ROOT } from '../harness/processes.ts'
import { type EmbeddedStack, startEmbedded } from '../harness/stack.ts'

/** The README's commands do what it says, as they are printed. */

let folder: string
let stack: EmbeddedStack
beforeAll(async () => {
  folder = await testFolder()
  stack = await startEmbedded({ dataDir: join(folder, '.data'), environment: { LOG_LEVEL: 'fatal' } })
  // The commands run where they find the project's scripts.
  for (const name of ['package.json', 'node_modules', 'gateway', 'protocol', 'schema']) {
    await symlink(join(ROOT, name), join(folder, name))
  }
})
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block as string)

function blockWith(words: string): string {
  const block = blocks.find(text => text.includes(words))
  if (block === undefined) throw new Error(`expected a block with ${words} in README.md`)
  return block
}

async function run(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: {
      ...process.env,
      DATA_DIR: stack.dataDir,
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    },
  })
  return stdout
}

const here = (block: string): string => block.replace('http://localhost:4000', stack.url)

test("the shopper's day, the chatbot's request, the operator's pause and resume work as printed", async () => {
  const day = here(blockWith('COUPON=$(field'))
  const answers = (await run(day))
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(answers).toHaveLength(8)
  const [claimed, wallet, chinese, english, quoted, placed, paid, order] = answers
  expect(claimed.data.claimCoupon.code).toBe('COUPON_ISSUED')
  expect(wallet.data.me.coupons.edges[0].node).toMatchObject({ state: 'ISSUED', faceFen: 2_500 })
  expect(chinese.data.searchProducts.edges[0].node.nameZh).toContain('奶茶')
  expect(english.data.searchProducts.edges[0].node.nameEn).toMatch(/pearl milk tea/i)
  expect(quoted.data.quoteOrder.quote).toMatchObject({
    subtotalFen: 3_600,
    discountFen: 2_500,
    payableFen: 1_100,
  })
  expect(placed.data.placeOrder.order.state).toBe('AWAITING_PAYMENT')
  expect(paid.data.payOrder.code).toBe('ORDER_PAID')
  expect(order.data.order).toEqual({
    state: 'PAID',
    payableFen: 1_100,
    payment: { state: 'TRADE_SUCCESS' },
    coupon: { state: 'REDEEMED' },
  })

  const [first, second] = day.split('\n')
  const chatbot = JSON.parse(await run(`${first}\n${second}\n${blockWith('ID=$(node')}`))
  expect(chatbot.data.me.coupons.edges[0].node.state).toBe('REDEEMED')
  const operated = (await run(`${first}\n${blockWith('OPERATOR=$(')}`)).trim().split('\n')
  const [paused, resumed] = operated.map(line => JSON.parse(line))
  expect(paused.data.pauseIssuance.code).toBe('CAMPAIGN_CHANGED')
  expect(resumed.data.resumeIssuance.code).toBe('CAMPAIGN_CHANGED')
})
