import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ask, bodyFor, converse, get, JSON_TYPE, open, Pair, post, seen } from '../harness/lane-pair.ts'
import { RawClient } from '../harness/raw-client.ts'

/** However a client cuts and strings together what it sends, it gets the same answers in the same order. */

const WHO = ask('Who')
const TEXT = (text: string): Buffer => post(JSON.stringify({ query: text }))
const SOME = ask('Echo', { text: '奶茶' })
const BIG = ask('Echo', { text: '奶茶'.repeat(30_000) })
const BAD = post('{"documentId":')

let pair: Pair
beforeAll(async () => {
  pair = await Pair.open()
})
afterAll(() => pair.close())

const cut = (bytes: Buffer, ...at: readonly number[]): readonly Buffer[] =>
  [0, ...at].map((start, i) => bytes.subarray(start, [...at, bytes.length][i]))

const headBytes = (request: Buffer): number => request.indexOf('\r\n\r\n') + 4

describe('a request in two pieces', () => {
  test('whole at once or cut anywhere: in its head it is left to Node, in its body it is waited for', async () => {
    const [expected] = await pair.alike([SOME], 0)
    for (let at = 1; at < SOME.length; at++) {
      const [answer] = await pair.alike(cut(SOME, at), at < headBytes(SOME) ? 1 : 0)
      expect(answer).toEqual(expected)
    }
  })

  test('two requests cut anywhere', async () => {
    const two = Buffer.concat([SOME, WHO])
    const expected = await pair.alike([two], 0, 2)
    for (let at = 1; at < two.length; at++) {
      const inHead = at % SOME.length > 0 && at % SOME.length < headBytes(at < SOME.length ? SOME : WHO)
      // A connection that Node has been given stays with it.
      const nodes = inHead ? (at < SOME.length ? 2 : 1) : 0
      expect(await pair.alike(cut(two, at), nodes, 2)).toEqual(expected)
    }
  })
})

test('a request a byte at a time', async () => {
  const bytes = Array.from({ length: SOME.length }, (_, i) => SOME.subarray(i, i + 1))
  await pair.alike(bytes, 1)
})

test('a body in a few pieces is waited for, in many it is left to Node: they are not put together for ever', async () => {
  const body = headBytes(SOME)
  await pair.alike(cut(SOME, body, body + 1, body + 2, body + 3), 0)
  await pair.alike(cut(SOME, ...Array.from({ length: 20 }, (_, i) => body + i)), 1)
  await pair.alike(cut(BIG, body + 50_000, body + 100_000), 0)
  await pair.alike(cut(Buffer.concat([BIG, WHO]), ...Array.from({ length: 20 }, (_, i) => body + i)), 2, 2)
})

describe('requests one after another in one piece', () => {
  test.each<[string, readonly Buffer[], number]>([
    ['three', [WHO, SOME, WHO], 0],
    ['thirty', Array.from({ length: 30 }, (_, i) => ask('Echo', { text: `${i}` })), 0],
    ['large ones', [BIG, BIG, BIG, WHO], 0],
    ['another path in the middle', [WHO, get('/health/live'), WHO], 2],
    ['another path first', [get('/health/live'), WHO, WHO], 3],
    ['another path last', [WHO, WHO, get('/nothing')], 1],
    ['text that is new, then persisted', [TEXT('{ a: who }'), WHO, WHO], 3],
    ['what is refused for its body, then persisted: Fastify ends the connection', [WHO, BAD], 1],
    ['a refusal in the middle', [WHO, ask('Product'), ask('Fail', { code: 'OVERLOADED' }), WHO], 0],
    ['a connection that ends', [WHO, post(bodyFor('Who'), [JSON_TYPE, 'connection: close'])], 1],
    ['an empty line between', [WHO, Buffer.from('\r\n'), SOME], 1],
  ])('%s', async (_, requests, nodes) => {
    const count = requests.filter(({ length }) => length > 2).length
    const answers = await pair.alike([Buffer.concat(requests)], nodes, count)
    expect(answers).not.toContain(undefined)
    // In pieces too, of a length that divides none of them.
    const all = Buffer.concat(requests)
    const steps = Math.min(12, Math.floor(all.length / 97))
    const pieces = cut(all, ...Array.from({ length: steps }, (_, i) => (i + 1) * 97))
    expect(await converse(pair.lane, pieces, count)).toEqual(answers)
  })

  test('what is not HTTP after a request', async () => {
    // Node itself loses an answer that is under way when it meets such a thing.
    const wrong = Buffer.from('hello\r\n\r\n')
    const [refusal] = await pair.alike([wrong], 0, 2)
    const [first, second, end] = await converse(pair.lane, [Buffer.concat([WHO, wrong])], 3)
    expect([first?.status, second, end]).toEqual(['HTTP/1.1 200 OK', refusal, undefined])
  })

  test('a second request that a proxy would not have seen stays part of the body', async () => {
    const inner = get('/health/live').toString()
    const answers = await pair.alike([post(bodyFor('Echo', { text: inner })), WHO], 0, 2)
    expect(answers[0]?.body).toBe(JSON.stringify({ data: { echo: inner } }))
  })
})

test('requests that wait for the answer before them', async () => {
  const door = await open({}, true)
  const client = await RawClient.connect(door.port)
  try {
    for (const request of [WHO, ask('Product'), WHO, BIG, WHO]) {
      await client.send(request)
      expect(seen(await client.response())?.headers['x-request-id']).toBe('an id')
    }
    expect(door.nodes.count).toBe(0)
    await client.send(get('/health/live'))
    expect((await client.response())?.body).toBe('{"status":"live"}')
    await client.send([WHO, WHO])
    await client.responses(2)
    expect(door.nodes.count).toBe(3)
  } finally {
    await client.close()
    await door.graph.gateway.close()
  }
})

test('text that was compiled before is answered as when it was new', async () => {
  const text = TEXT('query Q($t: String) { echo(text: $t) }')
  const [first] = await pair.alike([text], 1)
  const [second] = await pair.alike([text], 0)
  expect(second).toEqual(first)
  const named = (operationName: unknown): Buffer =>
    post(JSON.stringify({ query: 'query A { who } query B { a: who }', operationName }))
  for (const name of ['A', 'B', 'C', '', null, undefined, 'A', 'B', 'C', '', null, undefined]) {
    const found = await Promise.all([1, 2].map(() => pair.both([named(name)])))
    expect(found[1]).toEqual(found[0])
  }
})

test('a client that says at once that it sends no more gets every answer', async () => {
  const door = await open({}, true)
  for (const requests of [[WHO], [WHO, SOME, WHO], [BIG, BIG, WHO]]) {
    const client = await RawClient.connect(door.port)
    await client.send(Buffer.concat(requests))
    client.end()
    for (const _ of requests) expect((await client.response())?.status).toBe('HTTP/1.1 200 OK')
    expect(await client.response()).toBeUndefined()
    await client.closed
  }
  expect(door.nodes.count).toBe(0)
  await door.graph.gateway.close()
})

test('a client that says so in the middle of a request is told that it is not whole, after its answers', async () => {
  const refusal = await pair.alikeEnded(SOME.subarray(0, -1))
  await pair.alikeEnded(SOME.subarray(0, headBytes(SOME)))
  const door = await open({}, true)
  for (const requests of [[WHO], [WHO, SOME, WHO]]) {
    const client = await RawClient.connect(door.port)
    await client.send(Buffer.concat([...requests, SOME.subarray(0, -1)]))
    client.end()
    for (const _ of requests) expect((await client.response())?.status).toBe('HTTP/1.1 200 OK')
    expect(refusal?.status).toBe('HTTP/1.1 400 BAD_REQUEST')
    expect(seen(await client.response())).toEqual(refusal)
    expect(await client.response()).toBeUndefined()
    await client.closed
  }
  await door.graph.gateway.close()
})

test('a client that said so while it was answered is told of what is not the lane’s: Node can no longer read it', async () => {
  const door = await open({}, true)
  const client = await RawClient.connect(door.port)
  await client.send(Buffer.concat([ask('Slow'), get('/health/live')]))
  client.end()
  await vi.waitUntil(() => door.endOf(client)?.readableEnded)
  door.graph.release()
  expect((await client.response())?.status).toBe('HTTP/1.1 200 OK')
  const refusal = await client.response()
  expect(refusal?.status).toBe('HTTP/1.1 400 BAD_REQUEST')
  expect(refusal?.body).toContain(
    'expected HTTP/1.1, got: a request of this kind on a half-closed connection',
  )
  expect(await client.response()).toBeUndefined()
  await client.closed
  expect(door.nodes.count).toBe(0)
  await door.graph.gateway.close()
})

test('a client that asks nothing and goes is forgotten', async () => {
  const client = await RawClient.connect(pair.lane.port)
  client.end()
  expect(await client.response()).toBeUndefined()
  await client.closed
})
