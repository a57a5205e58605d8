import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { expect, it } from 'vitest'
import { readPostmasterFile } from '../../subgraphs/postgres-process.ts'
import { until, usedTestFolder } from '../harness/postgres.ts'
import { type RunningProgram, runCommand } from '../harness/processes.ts'
import { openStack } from './stack.ts'

const SECRET = 'a-secret-of-thirty-two-characters'

/** Opens a stack and keeps it, as a replay does. */
const PROGRAM = `
  import { openStack } from './test/replay/stack.ts'
  const stack = await openStack({ log: line => console.log(line) })
  console.log('opened', stack.url)
  await new Promise(resolve => setTimeout(resolve, 600_000))
`

interface Left {
  readonly folder: string
  readonly url: string
  readonly postgresPid: number
}

async function opened(program: RunningProgram): Promise<Left> {
  const [, folder] = await program.says(/data at (\S+)/)
  const [, url] = await program.says(/opened (\S+)/)
  const postmaster = await readPostmasterFile(join(folder as string, 'postgres'))
  return { folder: folder as string, url: url as string, postgresPid: postmaster!.pid }
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)

async function nothingLeft({ folder, url, postgresPid }: Left): Promise<void> {
  await until('the folder to be gone', async () => !existsSync(folder))
  expect(isAlive(postgresPid)).toBe(false)
  await expect(fetch(url)).rejects.toThrow()
}

it('leaves nothing running when the replay is killed', async () => {
  await using program = runCommand(process.execPath, ['--input-type=module', '-e', PROGRAM], {})
  const left = await opened(program)
  program.kill('SIGKILL')
  await program.exited
  await nothingLeft(left)
})

it('outlives a Ctrl-C, so that the books can still be read, and goes with the replay', async () => {
  await using program = runCommand(
    process.execPath,
    ['--input-type=module', '-e', `process.on('SIGINT', () => console.log('heard it')); ${PROGRAM}`],
    {},
  )
  const left = await opened(program)
  // The terminal sends it to the whole group of processes.
  process.kill(-program.pid, 'SIGINT')
  await program.says(/heard it/)
  expect((await fetch(`${left.url}/health/ready`)).status).toBe(200)
  program.kill('SIGTERM')
  await nothingLeft(left)
})

it('opens a stack whose tokens hold and whose database can be read, and stops it', async () => {
  const lines: string[] = []
  await using stack = await openStack({ log: line => lines.push(line) })
  const answer = await fetch(`${stack.url}/control/limits`, {
    headers: { authorization: `Bearer ${stack.operatorToken}` },
  })
  expect(answer.status).toBe(200)
  await answer.body?.cancel()
  const client = new pg.Client(stack.database)
  await client.connect()
  const { rows } = await client.query('SELECT count(*)::int AS campaigns FROM campaign.campaign')
  await client.end()
  expect(rows[0].campaigns).toBeGreaterThan(0)
  const folder = lines.find(line => line.startsWith('data at '))?.slice('data at '.length) as string
  expect(existsSync(folder)).toBe(true)
  await stack.stop()
  expect(existsSync(folder)).toBe(false)
  await expect(fetch(stack.url)).rejects.toThrow()
})

it('says why a stack cannot be taken', async () => {
  await using folder = await usedTestFolder()
  await expect(openStack({ url: 'localhost:4000', secret: SECRET })).rejects.toThrow(
    'expected the address of a gateway such as http://localhost:4000, got localhost:4000',
  )
  await expect(openStack({ url: 'http://127.0.0.1:1', secret: SECRET })).rejects.toThrow(
    'expected a gateway at http://127.0.0.1:1: connect ECONNREFUSED',
  )
  await expect(openStack({ url: 'http://127.0.0.1:1', secret: 'short' })).rejects.toThrow(
    '32 characters, got 5',
  )
  await expect(openStack({ url: 'http://127.0.0.1:1' })).rejects.toThrow('expected the secret')
  await expect(openStack({ url: 'http://127.0.0.1:1', dataDir: folder.path })).rejects.toThrow(
    `expected the token secret in ${folder.path}/token-secret`,
  )
})

it('takes no gateway that is not ready', async () => {
  const server = createServer((_, response) => response.writeHead(503).end())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    await expect(openStack({ url, secret: SECRET })).rejects.toThrow(
      `expected ${url}/health/ready to answer 200, got 503`,
    )
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

it('says what the stack said when it does not start', async () => {
  // A file where its folder should be.
  await expect(openStack({ dataDir: join(import.meta.filename, 'data') })).rejects.toThrow(
    /the embedded stack did not start \(exit 1\):\n[\s\S]*spillway: /,
  )
})
