import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ROOT } from '../../schema/generate.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'spillway-ci-'))
  cpSync(join(ROOT, '.ci'), join(root, '.ci'), { recursive: true })
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true })
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'))
})
afterEach(() => rmSync(root, { recursive: true }))

interface Outcome {
  readonly ci?: number
  readonly check?: number
  readonly test?: number
  /** What vitest writes; absent: it died before. */
  readonly report?: {
    passed: number
    failed: number
    files?: { status: string; assertionResults: { status: string }[] }[]
  }
}

/** Runs the real script with an npm whose every step ends as told. */
function run({ ci = 0, check = 0, test = 0, report }: Outcome): {
  code: number | null
  last: string
  output: string
} {
  const npm = [
    '#!/bin/sh',
    `case "$1 $2" in`,
    `"ci "*) exit ${ci} ;;`,
    `"run check") exit ${check} ;;`,
    `"test "*)`,
    `  for word in "$@"; do case "$word" in --outputFile.json=*) file="\${word#*=}" ;; esac; done`,
    ...(report === undefined
      ? []
      : [
          `  cat > "$file" <<'JSON'`,
          JSON.stringify({
            numPassedTests: report.passed,
            numFailedTests: report.failed,
            testResults: report.files ?? [],
          }),
          'JSON',
        ]),
    `  exit ${test} ;;`,
    'esac',
    'exit 99',
  ].join('\n')
  mkdirSync(join(root, 'bin'), { recursive: true })
  writeFileSync(join(root, 'bin/npm'), npm)
  chmodSync(join(root, 'bin/npm'), 0o755)
  const { status, stdout, stderr } = spawnSync(join(root, '.ci/run'), {
    encoding: 'utf8',
    env: { PATH: [join(root, 'bin'), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter) },
    cwd: tmpdir(),
  })
  return { code: status, last: stdout.trimEnd().split('\n').at(-1) ?? '', output: stdout + stderr }
}

describe('.ci/run', () => {
  it.each<[string, Outcome, number, string]>([
    ['all is well', { report: { passed: 12, failed: 0 } }, 0, '12 passed, 0 failed'],
    ['tests fail', { test: 1, report: { passed: 10, failed: 2 } }, 1, '10 passed, 2 failed'],
    [
      'a check fails and tests pass',
      { check: 1, report: { passed: 12, failed: 0 } },
      1,
      '12 passed, 1 failed',
    ],
    [
      'a test file cannot be loaded',
      { test: 1, report: { passed: 12, failed: 0, files: [{ status: 'failed', assertionResults: [] }] } },
      1,
      '12 passed, 1 failed',
    ],
    [
      'the run fails outside its tests',
      { test: 1, report: { passed: 12, failed: 0 } },
      1,
      '12 passed, 1 failed',
    ],
    ['no test ran', { report: { passed: 0, failed: 0 } }, 1, '0 passed, 1 failed'],
    ['the run wrote nothing', { test: 1 }, 1, '0 passed, 1 failed'],
    ['the installation fails', { ci: 1, report: { passed: 12, failed: 0 } }, 1, '0 passed, 1 failed'],
  ])('when %s, says so by its last line and exit code', (_, outcome, code, last) => {
    const result = run(outcome)
    expect(result, result.output).toMatchObject({ code, last })
  })

  it('runs the Node that was installed, not the machine’s', () =>
    expect(run({ report: { passed: 1, failed: 0 } }).output).toContain(`Node ${process.version}`))
})
