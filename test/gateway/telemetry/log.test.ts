import { expect, test } from 'vitest'
import { mintToken } from '../../../gateway/identity/mint.ts'
import { createLogger } from '../../../gateway/telemetry/log.ts'
import { hashOf, OPERATIONS, tinyGraph } from '../../harness/tiny-graph.ts'

const SECRET = 'a secret for tests, of more than 32 characters'

function lines(): { logger: ReturnType<typeof createLogger>; written: string[] } {
  const written: string[] = []
  return {
    written,
    logger: createLogger({ level: 'trace', destination: { write: line => void written.push(line) } }),
  }
}

test('members that hold secrets are redacted wherever they stand', () => {
  const { logger, written } = lines()
  const secrets = {
    authorization: 'Bearer s3cret',
    cookie: 's3cret',
    'x-api-key': 's3cret',
    paymentToken: 's3cret',
    'spillway-identity': 's3cret',
  }
  logger.info({ ...secrets, password: 's3cret' })
  logger.info({ headers: secrets, input: { token: 's3cret', variables: { a: 's3cret' } } })
  logger.info({ req: { headers: secrets } })
  expect(written).toHaveLength(3)
  expect(written.join('')).not.toContain('s3cret')
  expect(written.join('')).toContain('[redacted]')
})

test('a request leaves one line that says what became of it, and nothing that it carried', async () => {
  const { logger, written } = lines()
  const graph = await tinyGraph({ logger, tokens: { kind: 'secret', secret: SECRET } })
  const token = await mintToken({
    secret: SECRET,
    subject: 'alice',
    kind: 'shopper',
    client: 'qwen',
    scopes: [],
    ttlSeconds: 60,
  })
  const ask = (payload: object, authorization = `Bearer ${token}`) =>
    graph.gateway.app.inject({
      method: 'POST',
      url: '/graphql?secret=s3cret-query',
      headers: { authorization, cookie: 's3cret-cookie', 'x-request-id': 'request-1' },
      payload,
    })
  const input = { orderId: 'o', paymentToken: 's3cret-payment' }
  await ask({ documentId: `sha256:${hashOf(OPERATIONS.Pay!)}`, variables: { input } })
  await ask({ query: OPERATIONS.Pay, variables: { input } })
  await ask({ query: OPERATIONS.Pay, variables: { input: { ...input, more: 's3cret-more' } } })
  await ask({ query: '{ echo(text: "s3cret-literal") nothing }' })
  await ask({ query: OPERATIONS.Broken })
  await ask({ query: OPERATIONS.Who }, 'Bearer s3cret.token.forged')
  await graph.gateway.close()
  const text = written.join('')
  expect(text).not.toContain('s3cret')
  expect(text).not.toContain(token)
  const requests = written.map(line => JSON.parse(line)).filter(({ msg }) => msg === 'request')
  expect(requests.map(({ requestId, door, operation, code }) => [requestId, door, operation, code])).toEqual([
    ['request-1', 'express', 'Pay', 'OK'],
    ['request-1', 'apollo', 'adhoc', 'OK'],
    ['request-1', 'express', 'adhoc', 'BAD_INPUT'],
    ['request-1', 'apollo', 'adhoc', 'GRAPHQL_VALIDATION_FAILED'],
    ['request-1', 'apollo', 'adhoc', 'INTERNAL_SERVER_ERROR'],
    ['request-1', 'none', 'none', 'UNAUTHENTICATED'],
  ])
})
