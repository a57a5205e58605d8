import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AnswerReader } from './http-answer.ts'

const BODY_BYTES_MAX = 100

interface Whole {
  readonly status: number
  readonly body: string
  readonly retryAfterMs: number | undefined
  readonly isLast: boolean
}

/** Reads pieces one after another; whatever is whole by then. */
function readAll(reader: AnswerReader, pieces: readonly Buffer[]): Whole[] {
  const answers: Whole[] = []
  for (const piece of pieces) {
    // The piece is lent, as a socket's buffer is.
    const lent = Buffer.from(piece)
    const isWhole = reader.read(lent)
    const { status, retryAfterMs, isLast } = reader
    if (isWhole) answers.push({ status, body: reader.body.toString(), retryAfterMs, isLast })
    lent.fill(0)
  }
  return answers
}

const read = (text: string): Whole[] => readAll(new AnswerReader(BODY_BYTES_MAX), [Buffer.from(text)])

const LENGTH = 'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 12\r\n\r\n{"errors":0}'
const CHUNKS =
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5;x=y\r\nhello\r\nB\r\n, 世界 of\r\n0\r\n\r\n'

test('an answer by its length: status, body and when to come back', () => {
  expect(read(LENGTH)).toEqual([{ status: 429, body: '{"errors":0}', retryAfterMs: 7_000, isLast: false }])
})

test('an answer in chunks, on a connection that ends', () => {
  expect(read(CHUNKS)).toEqual([
    { status: 200, body: 'hello, 世界 of', retryAfterMs: undefined, isLast: true },
  ])
})

test('an answer reads the same however it is cut, one after another on the same connection', () => {
  const cuts = fc.array(fc.nat({ max: 150 }), { maxLength: 8 })
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(LENGTH, CHUNKS), cuts), { maxLength: 5 }), answers => {
      const reader = new AnswerReader(BODY_BYTES_MAX)
      for (const [text, at] of answers) {
        const bytes = Buffer.from(text)
        const edges = [
          0,
          ...at.filter(cut => cut > 0 && cut < bytes.length).sort((a, b) => a - b),
          bytes.length,
        ]
        const pieces = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
        expect(
          readAll(
            reader,
            pieces.filter(piece => piece.length > 0),
          ),
        ).toEqual(read(text))
      }
    }),
    { seed: 12, numRuns: 500 },
  )
})

test('answers without a body', () => {
  expect(read('HTTP/1.1 204 No Content\r\n\r\n')[0]?.body).toBe('')
  expect(read('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')[0]?.body).toBe('')
})

test('how long the server keeps an idle connection', () => {
  const reader = new AnswerReader(BODY_BYTES_MAX)
  readAll(reader, [Buffer.from('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=72\r\ncontent-length: 0\r\n\r\n')])
  expect(reader.idleMsMax).toBe(72_000)
})

test('a body over the cap is an error, whether it is announced or comes in chunks', () => {
  const announced = 'HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n'
  expect(() => read(announced)).toThrow('expected a body of at most 100 bytes, got 101')
  const chunk = `32\r\n${'x'.repeat(50)}\r\n`
  const chunked = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(3)}`
  expect(() => read(chunked)).toThrow('expected a body of at most 100 bytes, got 150')
})

test('a head without end, and whatever is no answer, is an error', () => {
  const endless = `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`
  expect(() => read(endless)).toThrow('expected a head of at most 32768 bytes')
  expect(() => read('SSH-2.0-x\r\n\r\n')).toThrow('expected an HTTP answer, got the first line "SSH-2.0-x"')
  expect(() => read('HTTP/1.1 200 OK\r\n\r\n')).toThrow('got an answer without its length')
  expect(() => read('HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n')).toThrow('got the length "-1"')
  expect(() => read('HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n')).toThrow(
    'got the transfer encoding "gzip"',
  )
  expect(() => read('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n')).toThrow(
    'got the chunk "zz"',
  )
  expect(() => read(`${LENGTH}HTTP`)).toThrow('got 4 bytes after an answer')
})
