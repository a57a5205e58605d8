import { mkdtempDisposable, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkOf } from './check-result.ts'
import { REPORT_FILES, type ReportOptions, report, reportJson } from './report.ts'
import { someFigures } from './report-figures.ts'

const KEPT = checkOf('I1', true, 1_000, '1000 coupons | all told')
const BROKEN = checkOf('I12', false, 800, '800 places, 3 inversions')
const UNCHECKED = checkOf('I9', undefined, 0, 'not checked')
const OPTIONS: ReportOptions = {
  budget: {
    ...{ limit: 2_000, issued: 1_000, remaining: 1_000, allottedFen: 5_000_000, availableFen: 2_500_000 },
    ...{ liabilityFen: 1_000_000, expenseFen: 1_250_050, returnedFen: 249_950 },
  },
  limit: { claimPoints: 13, claimsPerSecond: 180, burstClaims: 180, graceMs: 120_000 },
}

async function reported(checks: readonly ReturnType<typeof checkOf>[]) {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'spillway-report-'))
  const outDir = join(folder.path, 'made', 'for', 'it')
  let printed = ''
  const isKept = await report(someFigures(120), checks, outDir, {
    ...OPTIONS,
    print: text => {
      printed += text
    },
  })
  const file = (name: string): Promise<string> => readFile(join(outDir, name), 'utf8')
  return {
    ...{ isKept, printed, files: (await readdir(outDir)).toSorted() },
    ...{ page: await file(REPORT_FILES.page), markdown: await file(REPORT_FILES.markdown) },
    ...{ json: JSON.parse(await file(REPORT_FILES.json)), svg: await file(REPORT_FILES.chart) },
  }
}

it('is true only where nothing was found broken', async () => {
  expect((await reported([KEPT])).isKept).toBe(true)
  expect((await reported([KEPT, UNCHECKED])).isKept).toBe(true)
  expect((await reported([KEPT, BROKEN])).isKept).toBe(false)
})

it('says which promise is broken, and which was not looked into, in every form', async () => {
  const { files, printed, markdown, page, json, svg } = await reported([KEPT, BROKEN, UNCHECKED])
  expect(files).toEqual(Object.values(REPORT_FILES).toSorted())
  expect(printed).toContain('BROKEN: I12; NOT CHECKED: I9')
  for (const text of [markdown, page, svg]) expect(text).toContain('roken: I12; not checked: I9')
  for (const text of [printed, markdown, page]) expect(text).toContain('800 places, 3 inversions')
  expect(json.checks).toEqual(
    [KEPT, BROKEN, { ...UNCHECKED, holds: undefined }].map(check => JSON.parse(JSON.stringify(check))),
  )
})

it('says of a promise that nothing happened to test that it was not kept, but had nothing to look at', async () => {
  const { isKept, printed, page } = await reported([KEPT, checkOf('I10', true, 0, '0 places given')])
  expect(isKept).toBe(true)
  expect(printed).toContain('1 of 2 promises checked and kept; nothing to look at: I10')
  expect(page).toContain('<td>nothing to look at</td>')
})

it('tells people the load, the latency by priority, the lateness, the level, the budget and the outcomes', async () => {
  const { printed, markdown, page } = await reported([KEPT])
  for (const text of [printed, markdown, page]) {
    for (const said of [
      '2.03',
      '58',
      '3,000/s',
      'SURGE',
      '0:00 to 0:30',
      '12,500.5',
      'KeptPlace',
      '140 ms',
      '42 %',
      '777 ms',
    ])
      expect(text).toContain(said)
  }
})

it('keeps lines in columns for a terminal', async () => {
  const { printed } = await reported([KEPT])
  const lines = printed.split('\n')
  const load = lines.slice(lines.indexOf('Load') + 1, lines.indexOf('Load') + 6)
  expect(new Set(load.map(line => line.length)).size).toBe(1)
})

it('writes Markdown whose tables no cell can break, and which shows the chart beside it', async () => {
  const { markdown } = await reported([KEPT])
  expect(markdown).toContain('1000 coupons \\| all told')
  expect(markdown).toContain('![Offered, served and waiting over time](replay.svg)')
})

it('writes a page that runs nothing and needs nothing from elsewhere', async () => {
  const { page } = await reported([KEPT])
  expect(page).toContain('&lt;script&gt;alert(1)')
  expect(page.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/<script|https?:|<link|src=/)
})

it('leaves lists that are as long as the crowd out of the JSON', () => {
  const figures = JSON.parse(reportJson(someFigures(3), [KEPT], OPTIONS))
  expect(figures).toMatchObject({
    acknowledged: 1,
    places: 1,
    orders: 1_000,
    budget: OPTIONS.budget,
    limit: OPTIONS.limit,
  })
  expect(figures.seconds).toHaveLength(3)
})
