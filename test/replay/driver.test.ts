import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { until } from '../harness/postgres.ts'
import { RawHttpServer, type RawRequest, response } from '../harness/raw-http.ts'
import { Driver, type DriverOptions } from './driver.ts'

const REQUEST = 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n'

/** What became of each request, in the order in which they ended. */
interface Ended {
  readonly who: number
  readonly how: string
  readonly sentMs: number
  readonly nowMs: number
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(answer: (request: RawRequest) => void): Promise<RawHttpServer> {
  const server = new RawHttpServer(answer)
  await server.listen()
  closing.push(() => server.close())
  return server
}

const say = (socket: RawRequest['socket'], body: string, headers = {}): unknown =>
  socket.write(response(200, body, headers))

function drive(port: number, options: Partial<DriverOptions> = {}): { driver: Driver; ended: Ended[] } {
  const ended: Ended[] = []
  const driver = new Driver({
    url: new URL(`http://127.0.0.1:${port}`),
    connections: 4,
    answerMsMax: 60_000,
    bodyBytesMax: 1_000,
    errands: {
      requestOf: who => `${REQUEST}${String(who).padStart(2, '0')}`,
      answered: (who, answer, sentMs, nowMs) =>
        ended.push({ who, how: answer.body.toString(), sentMs, nowMs }),
      lost: (who, code, sentMs, nowMs) => ended.push({ who, how: code, sentMs, nowMs }),
    },
    ...options,
  })
  closing.push(() => driver.close())
  return { driver, ended }
}

const all = (ended: readonly Ended[], count: number): Promise<unknown> =>
  until(`${count} ends`, () => ended.length >= count)

test('requests go in the order of their instants and never before them', async () => {
  const server = await serve(({ body, socket }) => say(socket, body))
  const { driver, ended } = drive(server.port, { connections: 1 })
  const start = driver.nowMs
  const dueMs = [start + 90, start + 30, start + 60, start]
  for (const [who, due] of dueMs.entries()) driver.at(who, due)
  await all(ended, 4)
  expect(ended.map(({ who }) => who)).toEqual([3, 1, 2, 0])
  for (const { who, sentMs } of ended) expect(sentMs).toBeGreaterThanOrEqual(dueMs[who]!)
})

test('as many are under way as there are connections, the rest waits and goes by the same connections', async () => {
  const held: RawRequest[] = []
  const server = await serve(request => held.push(request))
  const { driver, ended } = drive(server.port, { connections: 3 })
  const start = driver.nowMs
  for (let who = 0; who < 9; who++) driver.at(who, start)
  for (const round of [3, 6, 9]) {
    await until(`${round} requests`, () => held.length >= round)
    expect(held).toHaveLength(round)
    expect([driver.inFlight, driver.queued]).toEqual([3, 9 - round])
    for (const { socket, body } of held.slice(round - 3)) say(socket, body)
  }
  await all(ended, 9)
  expect(driver.sent).toBe(9)
  expect(new Set(held.map(({ socket }) => socket)).size).toBe(3)
  expect(driver.held.spread?.count).toBe(9)
})

test('who answers is the one who was asked, in whatever order the answers come', async () => {
  const held: RawRequest[] = []
  const server = await serve(request => held.push(request))
  const { driver, ended } = drive(server.port)
  for (let who = 0; who < 4; who++) driver.at(who, driver.nowMs)
  await until('four requests', () => held.length === 4)
  for (const { socket, body } of held.toReversed()) say(socket, body)
  await all(ended, 4)
  for (const { who, how } of ended) expect(Number(how)).toBe(who)
})

test('a calm load keeps to one connection', async () => {
  const server = await serve(({ body, socket }) => say(socket, body))
  const { driver, ended } = drive(server.port)
  for (let who = 0; who < 20; who++) {
    driver.at(who, driver.nowMs)
    await all(ended, who + 1)
  }
  expect(server.connections).toBe(1)
})

test('a connection that is lost is told, and opened again for the next', async () => {
  const server = await serve(({ body, socket, number }) => {
    if (number === 0) socket.resetAndDestroy()
    else if (number === 1) socket.end()
    else if (number === 2) socket.end(response(200, 'half').slice(0, -1))
    else say(socket, body)
  })
  const { driver, ended } = drive(server.port, { connections: 1 })
  for (let who = 0; who < 4; who++) driver.at(who, driver.nowMs)
  await all(ended, 4)
  expect(ended.map(({ how }) => how)).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET', '03'])
})

test('an answer that closes its connection is an answer, and the next request has a new one', async () => {
  const sockets = new Set<unknown>()
  const server = await serve(({ body, socket }) => {
    sockets.add(socket)
    say(socket, body, { connection: 'close' })
  })
  const { driver, ended } = drive(server.port, { connections: 1 })
  for (let who = 0; who < 3; who++) driver.at(who, driver.nowMs)
  await all(ended, 3)
  expect(ended.map(({ how }) => how)).toEqual(['00', '01', '02'])
  expect(sockets.size).toBe(3)
})

test('a connection that the server has closed meanwhile loses nobody', async () => {
  const sockets: RawRequest['socket'][] = []
  const server = await serve(({ body, socket }) => {
    sockets.push(socket)
    say(socket, body)
  })
  const { driver, ended } = drive(server.port, { connections: 1 })
  driver.at(0, driver.nowMs)
  await all(ended, 1)
  const gone = once(sockets[0]!, 'close')
  sockets[0]!.end()
  await gone
  driver.at(1, driver.nowMs)
  await all(ended, 2)
  expect(ended[1]!.how).toBe('01')
})

test('nobody there, no answer in time, an answer too large, bytes that are no answer: each by its code', async () => {
  const nobody = createServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const { port } = nobody.address() as AddressInfo
  nobody.close()
  await once(nobody, 'close')
  const refused = drive(port)
  refused.driver.at(0, refused.driver.nowMs)

  const server = await serve(({ socket, body }) => {
    if (body === '01') say(socket, 'x'.repeat(2_000))
    if (body === '02') socket.write('no HTTP\r\n\r\n')
  })
  const { driver, ended } = drive(server.port, { answerMsMax: 100 })
  for (const who of [0, 1, 2]) driver.at(who, driver.nowMs)
  await all(ended, 3)
  await all(refused.ended, 1)
  expect(refused.ended[0]!.how).toBe('ECONNREFUSED')
  expect(Object.fromEntries(ended.map(({ who, how }) => [who, how]))).toEqual({
    0: 'TIMEOUT',
    1: 'BODY_TOO_LARGE',
    2: 'MALFORMED',
  })
})

test('what an errand asks for while it is told something goes next', async () => {
  const server = await serve(({ body, socket }) => say(socket, body))
  const told: number[] = []
  const { driver } = drive(server.port, {
    connections: 1,
    errands: {
      requestOf: who => (who === 3 ? undefined : `${REQUEST}0${who}`),
      answered: (who, _, __, nowMs) => {
        told.push(who)
        // Who has nothing to ask takes no connection.
        if (who < 5) driver.at(who + 1, nowMs)
        if (who === 2) driver.at(5, nowMs)
      },
      lost: () => {},
    },
  })
  driver.at(0, driver.nowMs)
  await until('the last', () => told.includes(5))
  expect(told).toEqual([0, 1, 2, 5])
})

test('after its end nothing is sent and nobody is told', async () => {
  const held: RawRequest[] = []
  const server = await serve(request => held.push(request))
  const { driver, ended } = drive(server.port, { connections: 1 })
  driver.at(0, driver.nowMs)
  driver.at(1, driver.nowMs)
  await until('a request', () => held.length === 1)
  const gone = once(held[0]!.socket, 'close')
  driver.close()
  await gone
  expect([ended, held.length]).toEqual([[], 1])
})
