import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isAlive, readPostmasterFile } from '../../subgraphs/postgres-process.ts'
import { testFolder, until } from '../harness/postgres.ts'
import { runCommand, runProgram } from '../harness/processes.ts'
import { type EmbeddedStack, startEmbedded } from '../harness/stack.ts'
import { CAMPAIGN } from '../harness/trip.ts'

const environment = { LOG_LEVEL: 'fatal' }
let folder: string
let dataDir: string
beforeEach(async () => {
  folder = await testFolder()
  dataDir = join(folder, 'data')
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

async function claim(stack: EmbeddedStack, shopper: string): Promise<string> {
  const answer = await stack.shopper(shopper).persisted('ClaimCoupon', { input: { campaignId: CAMPAIGN } })
  return answer.body.data.claimCoupon.coupon.id
}

describe('start and stop', () => {
  test('a first start is seeded and a second start finds what the first left', async () => {
    const first = await startEmbedded({ dataDir, environment })
    const home = await first.anonymous().persisted('CampaignHome', { campaignId: CAMPAIGN })
    expect(home.body.data.campaign).toMatchObject({
      state: 'ACTIVE',
      faceFen: 2_500,
      issuance: { state: 'OPEN', limit: 120_000_000, issued: 0 },
    })
    const coupon = await claim(first, 'stays')
    const postgresPid = await first.postgresPid()
    expect(await first.programs[0]?.stop()).toEqual({ code: 0, signal: null })
    expect(isAlive(postgresPid)).toBe(false)

    const second = await startEmbedded({ dataDir, environment })
    expect(await claim(second, 'stays')).toBe(coupon)
    await second[Symbol.asyncDispose]()
  })

  test('a second start while the first runs says whose data it is, and harms nothing', async () => {
    const first = await startEmbedded({ dataDir, environment })
    const second = runProgram('start.ts', [], { DATA_DIR: dataDir, PORT: '0', ...environment })
    expect(await second.exited).toMatchObject({ code: 1 })
    expect(second.output).toContain(`already running, pid ${first.programs[0]?.pid}`)
    await claim(first, 'unharmed')
    await first[Symbol.asyncDispose]()
  })

  test('stopped while PostgreSQL starts, it leaves nothing running and nothing half made', async () => {
    const program = runProgram('start.ts', [], { DATA_DIR: dataDir, PORT: '0', ...environment })
    await program.says(/Starting PostgreSQL/)
    program.kill('SIGINT')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(await readdir(dataDir)).toEqual(['postgres'])
    expect(await readdir(join(dataDir, 'postgres'))).not.toContain('postmaster.pid')
  })

  test('a port that is taken is said to be, and PostgreSQL does not stay behind', async () => {
    const first = await startEmbedded({ dataDir, environment })
    const port = new URL(first.url).port
    const second = runProgram('start.ts', [], { DATA_DIR: join(folder, 'other'), PORT: port, ...environment })
    expect(await second.exited).toMatchObject({ code: 1 })
    expect(second.output).toMatch(new RegExp(`port ${port} .*in use`))
    await first[Symbol.asyncDispose]()
  })

  test('after kill -9 the next start takes over and loses nothing', async () => {
    const first = await startEmbedded({ dataDir, environment })
    const coupon = await claim(first, 'survivor')
    const orphan = await first.postgresPid()
    first.programs[0]?.kill('SIGKILL')
    await first.programs[0]?.exited
    expect(isAlive(orphan)).toBe(true)

    const second = await startEmbedded({ dataDir, environment })
    expect(isAlive(orphan)).toBe(false)
    expect(await claim(second, 'survivor')).toBe(coupon)
    await second[Symbol.asyncDispose]()
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('%s finishes what is under way', async signal => {
    const stack = await startEmbedded({ dataDir, environment })
    const program = stack.programs[0]
    const holder = new pg.Client(stack.database)
    await holder.connect()
    await holder.query('BEGIN')
    await holder.query('SELECT FROM coupon.bucket FOR UPDATE')
    const claimed = stack.shopper('leaving').persisted('ClaimCoupon', { input: { campaignId: CAMPAIGN } })
    await until('the claim to be under way', async () => {
      // A transaction sees the others as they were at its first look.
      await holder.query('SELECT pg_stat_clear_snapshot()')
      const { rows } = await holder.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'spillway-coupon' AND wait_event_type = 'Lock'`,
      )
      return rows.length > 0
    })
    // Ctrl-C reaches the whole process group; PostgreSQL must not take it for itself.
    const pid = program?.pid as number
    process.kill(signal === 'SIGINT' ? -pid : pid, signal)
    await program?.says(/Stopping/)
    await holder.query('COMMIT')
    await holder.end()

    const answer = await claimed
    expect(answer.status).toBe(200)
    expect(answer.body.data.claimCoupon.__typename).toBe('CouponIssued')
    expect(await program?.exited).toEqual({ code: 0, signal: null })
    expect(program?.output).not.toMatch(/error/i)
  })

  test('npm passes SIGTERM on, and nothing stays behind', async () => {
    const npm = runCommand('npm', ['start'], { DATA_DIR: dataDir, PORT: '0', ...environment })
    await npm.says(/ready at/)
    const postmaster = await readPostmasterFile(join(dataDir, 'postgres'))
    expect(await npm.stop()).toEqual({ code: 0, signal: null })
    expect(npm.output).toMatch(/Stopping/)
    expect(isAlive(postmaster?.pid as number)).toBe(false)
  })

  test('whoever goes on asking a stopping gateway is sent elsewhere, and nobody is left without an answer', async () => {
    const stack = await startEmbedded({ dataDir, environment })
    const graph = stack.shopper('busy')
    const answers: string[] = []
    let stopping = false
    const asking = Array.from({ length: 32 }, async () => {
      for (;;) {
        const { status, body } = await graph.persisted('MyCoupons')
        answers.push(`${status} ${body.errors?.[0].extensions.code ?? body.data.me.id}`)
        if (stopping && status === 503) return
      }
    })
    await until('requests under way', () => answers.length > 100)
    stopping = true
    stack.programs[0]?.kill('SIGTERM')
    await Promise.all(asking)
    expect(new Set(answers)).toEqual(new Set(['200 busy', '503 SHUTTING_DOWN']))
    expect(await stack.programs[0]?.exited).toEqual({ code: 0, signal: null })
  })

  test('PostgreSQL dying underneath is survived', async () => {
    const stack = await startEmbedded({ dataDir, environment })
    const coupon = await claim(stack, 'patient')
    const pid = await stack.postgresPid()
    process.kill(pid, 'SIGKILL')
    await until('another PostgreSQL', async () => {
      const ready = await fetch(`${stack.url}/health/ready`)
      return ready.status === 200 && (await stack.postgresPid().catch(() => pid)) !== pid
    })
    expect(await claim(stack, 'patient')).toBe(coupon)
    await stack[Symbol.asyncDispose]()
  })
})
