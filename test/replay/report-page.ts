import { escaped } from './chart.ts'
import type { Table } from './report-table.ts'

/** What a page of a replay says, beside its tables. */
export interface PageOptions {
  readonly title: string
  readonly verdict: string
  readonly isKept: boolean
  readonly svg: string
  readonly tables: readonly Table[]
  readonly settings: Readonly<Record<string, unknown>>
}

/** For a terminal: columns as wide as they need be, the last one free. */
export function textOf(tables: readonly Table[]): string {
  return tables
    .map(({ title, rows }) => {
      const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0)))
      const lines = rows
        .filter(row => row.some(cell => cell !== ''))
        .map(row => {
          const cells = row.map((cell, i) =>
            isFigure(rows, i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
          )
          return `  ${cells.join('  ').trimEnd()}`
        })
      return [title, ...lines].join('\n')
    })
    .join('\n\n')
}

/** For `docs/`; the chart lies beside it. */
export function markdownOf({ title, verdict, tables, settings }: PageOptions, chartFile: string): string {
  const cell = (text: string): string => text.trim().replaceAll('|', '\\|')
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`
  const sections = tables.map(({ title, rows }) => {
    const [header = [], ...rest] = rows
    const rule = `|${header.map((_, i) => (isFigure(rows, i) ? '---:' : '---')).join('|')}|`
    return [`## ${title}`, '', line(header), rule, ...rest.map(line)].join('\n')
  })
  const given = Object.entries(settings).map(([name, value]) => `${name} ${shown(value)}`)
  return `${[
    `# ${title}`,
    `${verdict[0]?.toUpperCase() ?? ''}${verdict.slice(1)}.`,
    `![Offered, served and waiting over time](${chartFile})`,
    ...sections,
    `Settings: ${given.join(', ')}.`,
  ].join('\n\n')}\n`
}

/** One file, without script and without anything from elsewhere. */
export function htmlOf({ title, verdict, isKept, svg, tables, settings }: PageOptions): string {
  const sections = tables.map(({ title, rows }) => {
    const [header = [], ...rest] = rows
    const cells = (row: readonly string[], tag: 'th' | 'td'): string =>
      row
        .map((cell, i) => {
          const classes = [
            ...(isFigure(rows, i) ? ['figure'] : []),
            ...(cell === 'BROKEN' ? ['broken'] : cell === 'kept' ? ['kept'] : []),
          ]
          const named = classes.length === 0 ? '' : ` class="${classes.join(' ')}"`
          return `<${tag}${named}>${escaped(cell.trim())}</${tag}>`
        })
        .join('')
    const head = header.some(cell => cell !== '') ? `<thead><tr>${cells(header, 'th')}</tr></thead>` : ''
    const body = rest.map(row => `<tr>${cells(row, 'td')}</tr>`).join('\n')
    return `<section><h2>${escaped(title)}</h2><table>${head}<tbody>\n${body}\n</tbody></table></section>`
  })
  const given = Object.entries(settings).map(([name, value]) => `${name} <b>${escaped(shown(value))}</b>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="verdict ${isKept ? 'kept' : 'broken'}">${escaped(verdict)}</p>
<figure class="chart">${svg}</figure>
<div class="tables">
${sections.join('\n')}
</div>
<p class="settings">${given.join(' · ')}</p>
</main>
</body>
</html>
`
}

/** Columns of figures stand to the right. */
function isFigure(rows: Table['rows'], column: number): boolean {
  const cells = rows.slice(1).map(row => row[column] ?? '')
  return (
    column > 0 &&
    cells.some(cell => cell !== '') &&
    cells.every(cell => /^[-–\d.,]*(\/s)?$|^[\d:]+$/.test(cell))
  )
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none')

const STYLE = `:root{--ground:#fff;--ink:#1d2430;--soft:#667085;--line:#e7eaef;--kept:#1a7f4b;--broken:#b3261e}
@media (prefers-color-scheme:dark){:root{--ground:#12161d;--ink:#e6e9ef;--soft:#98a2b3;--line:#232a35;--kept:#5cc98d;--broken:#ff8a80}}
body{margin:0;background:var(--ground);color:var(--ink);font:14px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:24px 16px 48px}.chart{margin:0;overflow-x:auto}.chart svg{display:block;width:100%;min-width:720px;height:auto}
.verdict{margin:0 0 4px;padding:8px 14px;border-left:4px solid;font-weight:600}.kept{color:var(--kept)}.broken{color:var(--broken);font-weight:700}
.tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:8px 40px;align-items:start}section:last-child{grid-column:1/-1}section{overflow-x:auto}
h2{font-size:15px;margin:20px 0 6px}table{border-collapse:collapse;width:100%}th,td{padding:4px 12px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500}.figure{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.settings{color:var(--soft);margin-top:28px}.settings b{color:var(--ink);font-weight:500}`
