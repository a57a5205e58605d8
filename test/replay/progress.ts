import type { Live } from './load.ts'

/** Where progress is shown: a terminal's line is drawn over, elsewhere lines follow one another. */
export interface Screen {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

const REDRAW_MS = 250
const LINE_EVERY_MS = 10_000
const BAR_CELLS = 20
const COLUMNS = 80
/** To the start of the line, and the rest of it away. */
const OVER = '\r\x1b[K'

/** Shows a running load until it is told to end. @returns ends it. */
export function showProgress(screen: Screen, live: () => Live): () => void {
  const isDrawn = screen.isTTY === true
  const draw = (): void => {
    const columns = screen.columns ?? COLUMNS
    screen.write(
      isDrawn ? `${OVER}${lineOf(live(), true).slice(0, columns - 1)}` : `${lineOf(live(), false)}\n`,
    )
  }
  const timer = setInterval(draw, isDrawn ? REDRAW_MS : LINE_EVERY_MS)
  return () => {
    clearInterval(timer)
    draw()
    if (isDrawn) screen.write('\n')
  }
}

export function lineOf(live: Live, hasBar: boolean): string {
  const { people, over, offered, admitted, goodput, waiting, level, tookMs } = live
  const part = people === 0 ? 1 : over / people
  const full = Math.floor(part * BAR_CELLS)
  const bar = hasBar ? `${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} ` : ''
  // As fast as until now; nobody is done with at first, and a crowd that waits is done with late.
  const leftMs = over === 0 ? Number.NaN : (tookMs / over) * (people - over)
  const figures = [
    `${shown(over)}/${shown(people)}`,
    `${shown(offered)} req/s`,
    `admitted ${shown(admitted)}/s`,
    `orders ${shown(goodput)}/s`,
    `waiting ${shown(waiting)}`,
    ...(level === undefined ? [] : [level]),
    `${clockOf(tookMs)}${Number.isNaN(leftMs) || over === people ? '' : ` eta ${clockOf(leftMs)}`}`,
  ]
  return bar + figures.join('  ')
}

const shown = (count: number): string => count.toLocaleString('en-US')

function clockOf(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  const two = (value: number): string => String(value).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
