import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProgram } from '../harness/processes.ts'

const busy = createServer()
let port: number
beforeAll(async () => {
  busy.listen(0, '127.0.0.1')
  await once(busy, 'listening')
  port = (busy.address() as AddressInfo).port
})
afterAll(() => {
  busy.close()
})

test('settings that are missing are warned of, and a busy port is named', async () => {
  await using gateway = runProgram('gateway/main.ts', [], {
    HOST: '127.0.0.1',
    PORT: `${port}`,
    SUBGRAPH_URL_COUPONS: 'http://127.0.0.1:1/graphql',
  })
  expect(await gateway.exited).toMatchObject({ code: 1 })
  expect(gateway.output).toContain(
    'IDENTITY_KEY is not set: subgraphs that have one refuse every request; those without treat every caller as anonymous',
  )
  expect(gateway.output).toContain(
    'no token settings: only anonymous callers are served; set TOKEN_SECRET, TOKEN_JWKS_URL or DATA_DIR',
  )
  expect(gateway.output).toContain('SUBGRAPH_URL_COUPONS names no subgraph of the supergraph')
  expect(gateway.output).toContain(
    `gateway: port ${port} on 127.0.0.1 is in use; name another one with PORT\n`,
  )
})

test('a file that cannot be read is named with its variable', async () => {
  await using gateway = runProgram('gateway/main.ts', [], { SUPERGRAPH: '/nowhere.graphql' })
  expect(await gateway.exited).toMatchObject({ code: 1 })
  expect(gateway.output).toContain('gateway: SUPERGRAPH: cannot read /nowhere.graphql: ENOENT')
})
