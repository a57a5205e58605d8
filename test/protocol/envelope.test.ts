import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Caller } from '../../protocol/caller.ts'
import { deadlineIn } from '../../protocol/deadline.ts'
import {
  AnswerLines,
  decodeBatch,
  encodeAnswer,
  encodeBatches,
  encodeFault,
} from '../../protocol/envelope.ts'
import { Fault } from '../../protocol/fault.ts'
import { noAnswer } from '../../protocol/no-answer.ts'
import { PRIORITIES } from '../../protocol/priority.ts'
import type { SubgraphAnswer, SubgraphRequest } from '../../protocol/subgraph-client.ts'

const caller = fc.oneof(
  fc.record({
    kind: fc.constant('shopper' as const),
    shopperId: fc.stringMatching(/^[A-Za-z0-9_.:-]{1,64}$/),
    client: fc.string({ maxLength: 20 }),
    scopes: fc.array(fc.string({ maxLength: 10 }), { maxLength: 3 }),
    tier: fc.constantFrom('chatbot' as const, 'partner' as const),
    amountMaxFen: fc.maxSafeNat(),
  }),
  fc.constant<Caller>({ kind: 'service', client: 'payment', scopes: [], tier: 'partner' }),
)
const request = fc.record(
  {
    kind: fc.constantFrom('query' as const, 'mutation' as const),
    operation: fc.constantFrom('query A { a }', 'mutation B { b }', 'query "\n\u2028奶茶 { c }'),
    operationName: fc.constantFrom('A', 'B'),
    variables: fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<Record<string, unknown>>,
    caller,
    deadlineMs: fc.constant(deadlineIn(30_000)),
    priority: fc.constantFrom(...PRIORITIES),
    traceparent: fc.constant('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
  },
  { requiredKeys: ['kind', 'operation', 'variables', 'caller', 'deadlineMs', 'priority'] },
)
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const withoutDeadline = ({ deadlineMs: _, ...rest }: SubgraphRequest): unknown => json(rest)

describe('a batch', () => {
  it('is read back as it was written, however it is split into bodies', () => {
    fc.assert(
      fc.property(
        fc.array(request, { maxLength: 30 }),
        fc.integer({ min: 1, max: 20_000 }),
        (requests, bytesMax) => {
          const items = requests.map((request, index) => ({ index, request }))
          const { batches, unwritable } = encodeBatches(items, bytesMax)
          expect(unwritable).toEqual([])
          for (const { body, items } of batches) {
            if (items.length > 1) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(bytesMax + 1_024)
          }
          const read = batches.flatMap(({ body }) => decodeBatch(body))
          expect(read.map(({ index }) => index)).toEqual(requests.map((_, index) => index))
          read.forEach((item, index) => {
            if ('fault' in item) throw item.fault
            expect(withoutDeadline(item.request)).toEqual(withoutDeadline(requests[index]!))
            expect(item.request.deadlineMs - performance.now()).toBeLessThanOrEqual(30_000)
          })
        },
      ),
    )
  })

  it('asks for no more than a minute, whatever the sender says', () => {
    const body = JSON.stringify({
      operations: [{ kind: 'query', text: '{ a }' }],
      items: [
        {
          index: 0,
          operation: 0,
          caller: { kind: 'anonymous', client: 'x', scopes: [], tier: 'shopper' },
          remainingMs: 1e12,
          priority: 'PAY',
          traceparent: 'nonsense',
          variables: {},
        },
      ],
    })
    const [item] = decodeBatch(body)
    if (item === undefined || 'fault' in item) throw new Error('expected a request')
    expect(item.request.deadlineMs - performance.now()).toBeLessThanOrEqual(60_000)
    expect(item.request.traceparent).toBeUndefined()
  })

  it.each([
    ['operation', 7, 'expected a known operation'],
    ['operation', 'length', 'expected a known operation'],
    ['operation', '__proto__', 'expected a known operation'],
    ['variables', [], 'expected variables to be an object'],
    ['priority', 'FIRST', 'expected priority to be OPERATE'],
    ['remainingMs', -1, 'expected remainingMs to be milliseconds'],
    ['remainingMs', null, 'expected remainingMs to be milliseconds'],
    ['caller', null, 'expected caller to be an object, got null'],
    [
      'caller',
      { kind: 'shopper', client: '', scopes: [], tier: 'shopper' },
      'expected caller.shopperId to be',
    ],
  ])('with %s = %j faults that item alone', (member, value, message) => {
    const item = {
      index: 4,
      operation: 0,
      caller: { kind: 'anonymous', client: 'x', scopes: [], tier: 'shopper' },
      remainingMs: 10,
      priority: 'PAY',
      variables: {},
    }
    const body = {
      operations: [{ kind: 'query', text: '{ a }' }],
      items: [
        { ...item, [member]: value },
        { ...item, index: 5 },
      ],
    }
    const [bad, good] = decodeBatch(JSON.stringify(body))
    expect(bad).toMatchObject({ index: 4, fault: { message: expect.stringContaining(message) } })
    expect(good).toMatchObject({ index: 5, request: { kind: 'query' } })
  })
})

describe('answer lines', () => {
  const answer = fc.oneof(
    fc.record({ data: fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<Record<string, unknown>> }),
    fc.record({
      data: fc.constant(null),
      errors: fc.array(fc.record({ message: fc.string(), path: fc.array(fc.oneof(fc.string(), fc.nat())) }), {
        minLength: 1,
        maxLength: 3,
      }),
      extensions: fc.constant({ code: 'X' }),
    }),
  )

  it('are read back as they were written, in whatever pieces their bytes arrive', () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 10 }), pieces, (answers, sizes) => {
        const bytes = Buffer.from(answers.map((one, index) => encodeAnswer(index, one)).join(''))
        const read: [number, SubgraphAnswer | Fault][] = []
        const lines = new AnswerLines('test', 1e6, (index, outcome) => read.push([index, outcome]) > 0)
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length]!
          lines.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(read).toEqual(answers.map((one, index) => [index, json(one)]))
        expect(lines.skipped.count).toBe(0)
      }),
    )
  })

  it('carry a fault with its code and when to ask again', () => {
    const read: unknown[] = []
    const lines = new AnswerLines('coupon', 1_000, (index, outcome) => read.push(index, outcome) > 0)
    lines.push(
      Buffer.from(encodeFault(3, noAnswer('SUBGRAPH_OVERLOADED', 'coupon', 'full', { retryAfterMs: 7 }))),
    )
    expect(read).toEqual([3, expect.any(Fault)])
    expect(read[1]).toMatchObject({
      message: 'coupon: full',
      extensions: { code: 'SUBGRAPH_OVERLOADED', retryAfterMs: 7, service: 'coupon' },
    })
  })

  it('over their bound are skipped without being kept', () => {
    const read: number[] = []
    const lines = new AnswerLines('test', 100, index => read.push(index) > 0)
    for (let i = 0; i < 1_000; i++) lines.push(Buffer.alloc(1_000, 'x'))
    lines.push(Buffer.from('\n{"index":1,"data":{}}\n'))
    expect(read).toEqual([1])
    expect(lines.skipped).toEqual({ count: 1, why: 'expected at most 100 bytes, got 1000000' })
  })
})
