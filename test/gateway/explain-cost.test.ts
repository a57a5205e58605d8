import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../harness/processes.ts'

const run = (
  args: readonly string[],
  input = '',
): { stdout: string; stderr: string; status: number | null } =>
  spawnSync(process.execPath, [join(ROOT, 'gateway/explain-cost.ts'), ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
    input,
  })

test('standard output holds the explanation alone, of an operation on standard input', () => {
  const args = ['--schema', 'schema/api.graphql', '--operation', '-', '--json']
  const { status, stdout, stderr } = run(args, '{ __typename }')
  expect([status, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toEqual({ estimated: 0, planned: null, actual: null, fields: { __typename: 0 } })
})

test('what is wrong is one line on standard error, and the exit says so', () => {
  expect(run([])).toMatchObject({
    status: 1,
    stdout: '',
    stderr: 'cost: expected --schema <file> and --operation <file>; see --help\n',
  })
})
