import { describe, expect, test, vi } from 'vitest'
import {
  type Asked,
  type Behaviour,
  LINES,
  line,
  type SentOperation,
} from '../harness/misbehaving-subgraph.ts'
import { response } from '../harness/raw-http.ts'
import { answerOfStock, type StockGraph, saysOf, stockGraph } from '../harness/stock-graph.ts'

/** Requests of several clients in one body, whose answer keeps the promises of the envelope to some of them only. */

/** One body at a time, so that what arrives meanwhile shares the next. */
const ONE_LANE = { lanesStart: 1, lanesMax: 1, plainLanesMax: 1 }

/** Four notes and a mutation, asked by five clients, that leave in one body; what each of them got. */
async function fiveAtOnce(graph: StockGraph, act: Behaviour): Promise<string[]> {
  const { stock } = graph
  const held: Asked[] = []
  stock.behave = asked => void held.push(asked)
  const first = graph.ask('Exact')
  await vi.waitUntil(() => held.length === 1)
  stock.behave = act
  const five = [0, 1, 2, 3].map(of => graph.ask('Note', { of }))
  five.push(graph.ask('Take', { n: 4 }))
  await vi.waitUntil(() => graph.client.depth === 5)
  stock.well(held[0]!)
  await first
  return (await Promise.all(five)).map(answer =>
    answer.body.errors === undefined ? JSON.stringify(answer.body.data) : saysOf(answer).join(),
  )
}

const notes = (...said: readonly string[]): string[] =>
  said.map(note => (note.includes(' ') ? note : JSON.stringify({ note })))
const TAKEN = '{"take":{"left":9}}'
const WELL = [...notes('well', 'well', 'well', 'well'), TAKEN]
const MISSING = 'note SUBGRAPH_BAD_ANSWER'
const UNKNOWN = 'take OUTCOME_UNKNOWN'

/** Which of the five it is. */
const numberOf = ({ variables }: SentOperation): number => (variables.of ?? variables.n) as number
const lineOf = (operation: SentOperation): string => line(operation.index, answerOfStock(operation))
const linesOf = ({ operations }: Asked, which: (number: number) => boolean = () => true): string =>
  operations
    .filter(operation => which(numberOf(operation)))
    .map(lineOf)
    .join('')
const indexOf = ({ operations }: Asked, number: number): number =>
  operations.find(operation => numberOf(operation) === number)!.index!
const noteLine = (asked: Asked, number: number, note: string): string =>
  line(indexOf(asked, number), { data: { _a_note: note } })

interface Row {
  readonly what: string
  readonly lines: (asked: Asked) => string
  readonly got: readonly string[]
}

const ROWS: readonly Row[] = [
  {
    what: 'half of the lines: the others are missing, and an answer each',
    lines: asked => linesOf(asked, number => number < 2),
    got: [...notes('well', 'well', MISSING, MISSING), UNKNOWN],
  },
  {
    what: 'no line at all',
    lines: () => '',
    got: [...notes(MISSING, MISSING, MISSING, MISSING), UNKNOWN],
  },
  {
    what: 'lines backwards',
    lines: asked => linesOf(asked).trim().split('\n').toReversed().join('\n').concat('\n'),
    got: WELL,
  },
  {
    what: 'a line that is cut off in the middle of the others',
    lines: asked =>
      `${linesOf(asked, number => number !== 2)}{"index":${indexOf(asked, 2)},"data":{"_a_note":"we\n`,
    got: [...notes('well', 'well', MISSING, 'well'), TAKEN],
  },
  {
    what: 'lines that are no answers beside those that are',
    lines: asked => `\n\n<html>\nnull\n7\n[]\n{}\n{"index":0}\n{"data":{}}\n${linesOf(asked)}`,
    got: WELL,
  },
  {
    what: 'lines of indices that were never sent',
    lines: asked =>
      [77, -1, 0.5, 1e300, '0', null]
        .map(index => `${JSON.stringify({ index, data: { _a_note: 'of another', _a_take: null } })}\n`)
        .join('') + linesOf(asked),
    got: WELL,
  },
  {
    what: 'two lines for one: the first counts',
    lines: asked =>
      `${noteLine(asked, 1, 'first')}${noteLine(asked, 1, 'second')}${linesOf(asked)}${noteLine(asked, 1, 'last')}`,
    got: [...notes('well', 'first', 'well', 'well'), TAKEN],
  },
  {
    what: 'bytes that are no UTF-8 between lines, and within one',
    lines: asked => `\u00ff\u00fe\u0080\n${noteLine(asked, 3, 'caf\u00e9')}\u00c3\n${linesOf(asked)}`,
    got: [...notes('well', 'well', 'well', 'caf\ufffd'), TAKEN],
  },
  {
    what: 'a fault for one, of our own codes',
    lines: asked =>
      line(indexOf(asked, 4), { fault: { code: 'SUBGRAPH_OVERLOADED', message: 'full', retryAfterMs: 5 } }) +
      linesOf(asked),
    got: [...notes('well', 'well', 'well', 'well'), 'take SUBGRAPH_OVERLOADED'],
  },
  {
    what: 'a fault for one, of a code that nobody knows',
    lines: asked =>
      line(indexOf(asked, 4), { fault: { code: 'TIRED', message: 'no' } }) +
      linesOf(asked, number => number < 4),
    got: [...notes('well', 'well', 'well', 'well'), UNKNOWN],
  },
]

describe('a body of five, answered with', () => {
  test.each(ROWS)('$what', async ({ lines, got }) => {
    await using graph = await stockGraph({ transport: 'envelope', client: ONE_LANE })
    const answers = await fiveAtOnce(graph, asked =>
      // A character a byte, so that a row can write any.
      asked.write(
        Buffer.from(
          response(200, '', { ...LINES, 'content-length': `${lines(asked).length}` }) + lines(asked),
          'latin1',
        ),
      ),
    )
    expect(answers).toEqual(got)
    expect([graph.stock.timesSent('note'), graph.stock.timesSent('mutation')]).toEqual([4, 1])
    graph.stock.behave = graph.stock.well
    expect(await fiveAtOnce(graph, graph.stock.well)).toEqual(WELL)
  })

  test('half of the lines and a reset: what is missing and asks only is sent once more, by itself', async () => {
    await using graph = await stockGraph({ transport: 'envelope', client: ONE_LANE })
    const { stock } = graph
    const answers = await fiveAtOnce(graph, asked => {
      const head = response(200, '', { ...LINES, 'content-length': '100000' })
      stock.behave = stock.well
      asked.socket.write(head + linesOf(asked, number => number < 2), () => asked.socket.resetAndDestroy())
    })
    // A reset may overtake the lines that were written before it; what is never lost is what became of each.
    expect(answers).toEqual([...notes('well', 'well', 'well', 'well'), UNKNOWN])
    const again = stock.sent.slice(6)
    expect(again.map(numberOf).every(number => number < 4)).toBe(true)
    expect(again.map(numberOf)).toEqual(expect.arrayContaining([2, 3]))
    expect(stock.timesSent('mutation')).toBe(1)
  })

  test('half of the lines and then silence: nobody waits for the others, and nobody beyond the deadline', async () => {
    await using graph = await stockGraph({
      transport: 'envelope',
      client: { ...ONE_LANE, requestMsMax: 500 },
    })
    const answers = await fiveAtOnce(graph, asked => {
      const head = response(200, '', { ...LINES, 'content-length': '100000' })
      asked.write(head + linesOf(asked, number => number < 2))
    })
    const LATE = 'note SUBGRAPH_TIMEOUT'
    expect(answers).toEqual([...notes('well', 'well', LATE, LATE), UNKNOWN])
    expect([graph.stock.timesSent('note'), graph.stock.timesSent('mutation')]).toEqual([4, 1])
  })
})

describe('a subgraph that announced the envelope and knows it no more', () => {
  test.each([400, 404, 405, 406, 415, 422])(
    'refuses it with %i: everything goes alone, and nothing is lost or done twice',
    async status => {
      await using graph = await stockGraph({ transport: 'envelope', client: ONE_LANE })
      const { stock } = graph
      const alone: SentOperation[] = []
      const answers = await fiveAtOnce(graph, asked => {
        stock.hasEnvelope = false
        if (asked.isBatch) return asked.respond(status, 'what?', { 'content-type': 'text/plain' })
        alone.push(...asked.operations)
        stock.well(asked)
      })
      expect(answers).toEqual(WELL)
      expect(alone.map(numberOf).sort()).toEqual([0, 1, 2, 3, 4])
      expect(stock.timesSent('mutation')).toBe(2)
      expect(graph.client.isBatching).toBe(false)
    },
  )

  test('answers it as if it were a request that says nothing: only those that were in it suffer', async () => {
    await using graph = await stockGraph({ transport: 'envelope', client: ONE_LANE })
    const { stock } = graph
    const answers = await fiveAtOnce(graph, asked => {
      stock.hasEnvelope = false
      if (asked.isBatch) asked.respond(200, '{"errors":[{"message":"expected a query"}]}')
      else stock.well(asked)
    })
    expect(answers).toEqual([...notes(MISSING, MISSING, MISSING, MISSING), UNKNOWN])
    expect(stock.timesSent('mutation')).toBe(1)
    expect(await graph.ask('Take', { n: 5 })).toEqual({ status: 200, body: { data: { take: { left: 9 } } } })
    expect(stock.sent.at(-1)!.index).toBe(undefined)
    // And is itself again.
    stock.hasEnvelope = true
    await graph.ask('Take', { n: 6 })
    await graph.ask('Take', { n: 7 })
    expect(stock.sent.at(-1)!.index).toBe(0)
  })
})
