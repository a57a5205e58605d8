import type { FieldCost } from './estimate.ts'

/** What an operation costs, and where; points. */
export interface Explanation {
  readonly estimated: number
  /** By subgraph; null where the schema has none. */
  readonly planned: ReadonlyMap<string, number> | null
  /** Null without an answer. */
  readonly actual: number | null
  readonly fields: readonly FieldCost[]
}

/** What a field adds to the estimate, with all that is below it. */
const addedBy = ({ times, total }: FieldCost): number => times * total

/** For programs: one object, fields by the response keys that lead to them, joined by dots. */
export function explanationJson({ estimated, planned, actual, fields }: Explanation): string {
  const points = new Map<string, number>()
  for (const field of fields) {
    const path = field.path.join('.')
    // A field that is selected twice counts twice.
    points.set(path, (points.get(path) ?? 0) + addedBy(field))
  }
  return `${JSON.stringify({
    estimated,
    planned: planned === null ? null : sumOf(planned.values()),
    actual,
    fields: Object.fromEntries(points),
  })}\n`
}

/** For people: the sums, then a table of the fields that cost something, most expensive first. */
export function explanationTable({ estimated, planned, actual, fields }: Explanation): string {
  const roots = fields.filter(({ path }) => path.length === 1)
  const beside = estimated - sumOf(roots.map(addedBy))
  const sums = [`estimated  ${estimated}${beside > 0 ? `  (${beside} for changing something)` : ''}`]
  if (planned !== null) {
    const bySubgraph = [...planned].map(([subgraph, points]) => `${subgraph} ${points}`).join(', ')
    sums.push(`planned    ${sumOf(planned.values())}${bySubgraph === '' ? '' : `  (${bySubgraph})`}`)
  }
  if (actual !== null) sums.push(`actual     ${actual}`)
  const costly = fields.filter(field => addedBy(field) > 0)
  if (costly.length === 0) return `${[...sums, '', 'No field costs anything.'].join('\n')}\n`
  const rows = costly
    .toSorted((a, b) => addedBy(b) - addedBy(a))
    .map(field => [
      String(addedBy(field)),
      String(field.times),
      String(field.count),
      String(field.weight),
      String(field.arguments),
      field.path.join('.'),
      field.coordinate,
    ])
  const free = fields.length - costly.length
  return `${[
    ...sums,
    '',
    ...tableOf([['points', 'times', 'members', 'weight', 'arguments', 'field', ''], ...rows], 5),
    ...(free === 0 ? [] : ['', `${free} more cost nothing.`]),
    '',
    'points = times × (members × (weight + points of one below it) + arguments)',
  ].join('\n')}\n`
}

function sumOf(numbers: Iterable<number>): number {
  let sum = 0
  for (const number of numbers) sum += number
  return sum
}

/** Lines of columns, as wide as their widest cell; the first `numbers` of them to the right. */
function tableOf(rows: readonly (readonly string[])[], numbers: number): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map(row => row[i]!.length)))
  return rows.map(row =>
    row
      .map((cell, i) => (i < numbers ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}
