import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runningCampaign } from '../harness/campaigns.ts'
import { ask, usedTestFolder } from '../harness/postgres.ts'
import { type RunningProgram, runProgram } from '../harness/processes.ts'
import { startEmbedded } from '../harness/stack.ts'
import { REPORT_FILES } from './report.ts'

/** A guard against a hang on a machine that does other things. */
const HANGS_MS = 300_000

const replay = (...args: (string | number)[]): RunningProgram =>
  runProgram('test/replay/main.ts', args.map(String), {})

test('a coupon that was issued and is gone is found, and the command fails', {
  timeout: HANGS_MS,
}, async () => {
  await using folder = await usedTestFolder()
  await using stack = await startEmbedded()
  const campaignId = await runningCampaign(stack, 100)
  await stack.shopper('robbed').persisted('ClaimCoupon', { input: { campaignId } })
  const gone = await ask(stack.database, "DELETE FROM coupon.coupon WHERE shopper_id = 'robbed' RETURNING 1")
  expect(gone).toHaveLength(1)

  const { host, port, user, database } = stack.database
  await using program = replay(
    ...['--url', stack.url, '--secret', stack.secret, '--campaign', campaignId],
    ...['--database-url', `postgres://${user}@localhost:${port}/${database}?host=${host}`],
    ...['--orders', 10, '--mix', 'order=1', '--out', folder.path],
  )
  const { code } = await program.exited
  expect(program.output).toContain('10 coupons, 11 counted as issued, 100 in the budget')
  expect(program.output).toContain('BROKEN: I1, I4')
  expect(code).toBe(1)
})

test('a database that is gone after the load costs its checks and not the report, and the command fails', {
  timeout: HANGS_MS,
}, async () => {
  await using folder = await usedTestFolder()
  await using stack = await startEmbedded()
  const { host, port, user, database } = stack.database
  let connections = 0
  // The first connection is the look before the load.
  const proxy = createServer(socket => {
    socket.on('error', () => {})
    if (connections++ > 0) socket.destroy()
    else socket.pipe(connect(join(String(host), `.s.PGSQL.${port}`))).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const proxied = (proxy.address() as AddressInfo).port
  await using program = replay(
    ...['--url', stack.url, '--secret', stack.secret, '--orders', 10, '--mix', 'order=1'],
    ...['--database-url', `postgres://${user}@127.0.0.1:${proxied}/${database}`, '--out', folder.path],
  )
  const { code } = await program.exited
  proxy.close()
  expect(program.output).toContain('not checked: the books could not be read')
  expect(program.output).toContain('Chart and tables')
  expect(code).toBe(2)
  expect(JSON.parse(await readFile(join(folder.path, REPORT_FILES.json), 'utf8'))).toMatchObject({
    orders: 10,
  })
})

test('what the end needs is missed before anybody comes: the database, the folder of the report', {
  timeout: HANGS_MS,
}, async () => {
  await using folder = await usedTestFolder()
  await using stack = await startEmbedded()
  const against = ['--url', stack.url, '--secret', stack.secret, '--orders', 10]
  await using bookless = replay(
    ...against,
    '--database-url',
    'postgres://a@127.0.0.1:1/b',
    '--out',
    folder.path,
  )
  expect((await bookless.exited).code).toBe(2)
  expect(bookless.output).toContain('expected a database with the books of the stack: connect ECONNREFUSED')
  await using unwritable = replay(...against, '--out', join(import.meta.filename, 'out'))
  expect((await unwritable.exited).code).toBe(2)
  expect(unwritable.output).toContain('ENOTDIR')
  expect(await ask(stack.database, 'SELECT FROM campaign.campaign WHERE name_en = $1', ['Replay'])).toEqual(
    [],
  )
})

test('Ctrl-C ends the load with a report of what was seen, and before anybody has come without one', {
  timeout: HANGS_MS,
}, async () => {
  await using folder = await usedTestFolder()
  const slow = ['--orders', 100_000, '--rate', 5, '--limit', 5, '--out', folder.path]
  await using early = replay(...slow)
  await early.says(/starts a stack/)
  early.kill('SIGINT')
  expect((await early.exited).code).toBe(2)
  expect(early.output).toContain('ended before anybody had come')
  expect(await readdir(folder.path)).toEqual([])

  await using midway = replay(...slow)
  await midway.says(/req\/s/)
  midway.kill('SIGINT')
  expect((await midway.exited).code).toBe(0)
  expect(midway.output).toMatch(/[1-7] of 7 promises checked and kept/)
  expect((await readdir(folder.path)).toSorted()).toEqual(Object.values(REPORT_FILES).toSorted())
})
