/** Of cells; the first column to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const ruler = head.map((_, index) => (index === 0 ? '---' : '---:'))
  return [line(head), line(ruler), ...rows.map(line)].join('\n')
}

export const verdict = (isReached: boolean): string => (isReached ? 'reached' : 'not reached')
export const figure = (value: number): string => (Number.isNaN(value) ? 'none' : value.toFixed(0))
export const percent = (part: number): string =>
  Number.isNaN(part) ? 'none' : `${(part * 100).toFixed(0)} %`
