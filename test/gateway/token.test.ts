import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../harness/processes.ts'

const run = (args: readonly string[]): { stdout: string; stderr: string; status: number | null } =>
  spawnSync(process.execPath, [join(ROOT, 'gateway/token.ts'), ...args], {
    env: { PATH: process.env.PATH, TOKEN_SECRET: 's'.repeat(32) },
    encoding: 'utf8',
  })

test('standard output holds the token alone', () => {
  expect(run(['--shopper', 'alice'])).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/),
    stderr: '',
  })
})

test('what is wrong is on standard error, and the exit says so', () => {
  expect(run([])).toMatchObject({
    status: 1,
    stdout: '',
    stderr: 'token: expected --shopper <id>, --operator <name> or --partner <name>; see --help\n',
  })
})

test("of a partner's key the gateway's entry is on standard error, without the key", () => {
  const { stdout, stderr, status } = run(['--partner', 'acme'])
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^spk_[\w-]{43}\n$/)])
  expect(stderr).toContain('"client":"acme"')
  expect(stderr).not.toContain(stdout.trim())
})
