/** Longer runs of changed lines are cut, so that a stale file never floods a terminal. */
const CHANGED_LINES_MAX = 60
/** Beyond this many lines on a side the differing middle is shown as a whole: the table below would be too large. */
const TABLE_LINES_MAX = 2_000
const CONTEXT_LINES = 2

/**
 * What turns `before` into `after`, a line each, as `-12 old line` and `+12 new line`; empty when they are equal.
 * Numbers are of the line's own side, from 1.
 */
export function diffLines(before: string, after: string): string[] {
  if (before === after) return []
  const old = before.split('\n')
  const now = after.split('\n')
  let head = 0
  while (head < old.length && head < now.length && old[head] === now[head]) head++
  let tail = 0
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail++
  const lines = old.slice(Math.max(0, head - CONTEXT_LINES), head).map(line => `  ${line}`)
  const changed = changes(old.slice(head, old.length - tail), now.slice(head, now.length - tail), head + 1)
  lines.push(...changed.slice(0, CHANGED_LINES_MAX))
  if (changed.length > CHANGED_LINES_MAX)
    lines.push(`  … and ${changed.length - CHANGED_LINES_MAX} more lines`)
  return lines
}

/** The longest common subsequence's complement: what is gone and what is new, in order. */
function changes(old: readonly string[], now: readonly string[], firstLine: number): string[] {
  const gone = (i: number) => `-${firstLine + i} ${old[i]}`
  const come = (j: number) => `+${firstLine + j} ${now[j]}`
  if (old.length > TABLE_LINES_MAX || now.length > TABLE_LINES_MAX)
    return [...old.map((_, i) => gone(i)), ...now.map((_, j) => come(j))]
  const width = now.length + 1
  /** kept[i * width + j]: how many lines old[i..] and now[j..] have in common, in order. */
  const kept = new Uint16Array((old.length + 1) * width)
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      kept[i * width + j] =
        old[i] === now[j]
          ? kept[(i + 1) * width + j + 1]! + 1
          : Math.max(kept[(i + 1) * width + j]!, kept[i * width + j + 1]!)
    }
  }
  const lines: string[] = []
  let i = 0
  let j = 0
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      i++
      j++
    } else if (
      i < old.length &&
      (j === now.length || kept[(i + 1) * width + j]! >= kept[i * width + j + 1]!)
    ) {
      lines.push(gone(i++))
    } else {
      lines.push(come(j++))
    }
  }
  return lines
}
