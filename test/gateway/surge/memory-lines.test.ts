import type { LineTerms, Turn } from '../../../gateway/surge/lines.ts'
import { createMemoryLines } from '../../../gateway/surge/memory-lines.ts'
import { linesContract, type OpenLines } from './lines-contract.ts'

linesContract('in memory', async (terms, clock) => losable(terms, clock))

/** What a process that begins again is told of the turns that it promised before. */
function losable(terms: LineTerms, clock: () => number): OpenLines {
  let lines = createMemoryLines({ terms, clock })
  let promisedMs = 0
  let lostMs = 0
  const note = (turn: Turn): Turn => {
    if (turn.kind === 'kept') promisedMs = Math.max(promisedMs, turn.admitAtMs)
    return turn
  }
  return {
    lines: {
      arrive: arrival => note(lines.arrive(arrival, 1, lostMs)),
      giveBack: (...given) => lines.giveBack(...given),
      heed: (...heeded) => lines.heed(...heeded),
    },
    lose: async () => {
      lines = createMemoryLines({ terms, clock })
      lostMs = promisedMs
    },
    settled: async () => {},
    close: async () => {},
  }
}
