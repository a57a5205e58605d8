import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createUnknownTexts } from '../../../gateway/operations/unknown-texts.ts'
import { hashOf } from '../../harness/tiny-graph.ts'

test('each text is told of once; whoever sends another one each time fills no log; all are counted', () => {
  const lines: { hash: string }[] = []
  let nowMs = 0
  const logger = pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line)) })
  const unknown = createUnknownTexts(logger, () => nowMs)
  const note = (text: string): void =>
    unknown.note({ hash: hashOf(text), chars: text.length, clientName: 'web' })
  for (let i = 0; i < 3; i++) note('{ a }')
  expect(lines).toMatchObject([{ hash: hashOf('{ a }'), chars: 5, clientName: 'web' }])
  for (let i = 0; i < 1_000; i++) note(`{ a${i} }`)
  // 100 lines a minute.
  expect(lines).toHaveLength(100)
  nowMs = 60_000
  for (let i = 0; i < 1_000; i++) note(`{ a${i} }`)
  // Those that were not told of have their turn.
  expect(lines).toHaveLength(200)
  expect(new Set(lines.map(({ hash }) => hash)).size).toBe(200)
  expect(unknown.count).toBe(2_003)
})
