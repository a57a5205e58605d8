import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Budget } from './campaign.ts'
import { chartSvg } from './chart.ts'
import { clockOf } from './chart-series.ts'
import type { Check } from './check-result.ts'
import type { ClaimLimit } from './claim-limit.ts'
import type { Figures } from './figures.ts'
import { htmlOf, markdownOf, type PageOptions, textOf } from './report-page.ts'
import { tablesOf, verdictOf } from './report-table.ts'

export interface ReportOptions {
  /** As it stood at the end. */
  readonly budget?: Budget | undefined
  /** That claims were admitted by. */
  readonly limit?: ClaimLimit | undefined
  /** Where the table for people goes, at the end one newline. Default: nowhere. */
  readonly print?: ((text: string) => void) | undefined
}

export const REPORT_FILES = {
  json: 'replay.json',
  markdown: 'replay.md',
  page: 'replay.html',
  chart: 'replay.svg',
} as const

/**
 * Writes what came of a replay into `outDir`, which is made: JSON for programs, Markdown with its chart beside it, and a
 * page that holds both; and prints the tables.
 * @returns whether no promise was found broken.
 */
export async function report(
  figures: Figures,
  checks: readonly Check[],
  outDir: string,
  options: ReportOptions = {},
): Promise<boolean> {
  const isKept = checks.every(({ holds }) => holds !== false)
  const page = pageOf(figures, checks, options)
  await mkdir(outDir, { recursive: true })
  const write = (file: string, text: string): Promise<void> => writeFile(join(outDir, file), text)
  await Promise.all([
    write(REPORT_FILES.json, reportJson(figures, checks, options)),
    write(REPORT_FILES.markdown, markdownOf(page, REPORT_FILES.chart)),
    write(REPORT_FILES.page, htmlOf(page)),
    write(REPORT_FILES.chart, page.svg),
  ])
  const verdict = isKept ? page.verdict : page.verdict.toUpperCase()
  options.print?.(
    `${textOf(page.tables)}\n\n${verdict}\n\nChart and tables: ${join(outDir, REPORT_FILES.page)}\n`,
  )
  return isKept
}

/** Everything but the lists that are as long as the crowd; one JSON object and a newline. */
export function reportJson(
  { acknowledged, places, ...figures }: Figures,
  checks: readonly Check[],
  { budget, limit }: Pick<ReportOptions, 'budget' | 'limit'> = {},
): string {
  const counts = { acknowledged: acknowledged.length, places: places.length }
  return `${JSON.stringify({ ...figures, ...counts, limit, budget, checks })}\n`
}

function pageOf(figures: Figures, checks: readonly Check[], { budget, limit }: ReportOptions): PageOptions {
  const { orders, tookMs, requestsPerSuccess, latency, settings } = figures
  const title = `Replay: ${orders.toLocaleString('en-US')} orders in ${clockOf(tookMs / 1_000)}`
  const verdict = verdictOf(checks)
  const claims = latency.CLAIM
  const subtitle = [
    ...(Number.isFinite(requestsPerSuccess)
      ? [`${requestsPerSuccess.toFixed(2)} claims sent for a coupon`]
      : []),
    ...(claims === undefined ? [] : [`claims answered in ${Math.round(claims.p99)} ms (p99)`]),
    verdict,
  ].join(' · ')
  return {
    title,
    verdict,
    isKept: checks.every(({ holds }) => holds !== false),
    svg: chartSvg(figures, { title, subtitle, claimsPerSecond: limit?.claimsPerSecond }),
    tables: tablesOf(figures, checks, budget),
    settings,
  }
}
