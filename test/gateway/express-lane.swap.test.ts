import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { bodyFor, converse, JSON_TYPE, open, post } from '../harness/lane-pair.ts'
import { RawHttpServer, type RawRequest, response } from '../harness/raw-http.ts'
import { MANIFEST, OPERATIONS } from '../harness/tiny-graph.ts'

test('an operation that goes while its caller is identified is answered by Fastify, as if it had gone before', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'ed', alg: 'EdDSA' }]
  const asked = Promise.withResolvers<RawRequest>()
  const issuer = new RawHttpServer(request => asked.resolve(request))
  const door = await open({ tokens: { kind: 'jwks', url: await issuer.listen() } }, true)
  try {
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA', kid: 'ed' })
      .setSubject('alice')
      .setExpirationTime('1m')
      .sign(privateKey)
    const fields = [JSON_TYPE, `authorization: Bearer ${token}`]
    const persistedQuery = {
      version: 1,
      sha256Hash: MANIFEST.find(({ body }) => body === OPERATIONS.Who)!.id,
    }
    const withText = JSON.stringify({ query: OPERATIONS.Who, extensions: { persistedQuery } })
    const stream = Buffer.concat([
      post(withText, fields),
      post(bodyFor('Who'), fields),
      post(bodyFor('Me'), fields),
    ])
    const answers = converse(door, [stream], 3)
    const { socket } = await asked.promise
    await door.graph.gateway.swap({ manifest: MANIFEST.filter(({ body }) => body !== OPERATIONS.Who) })
    expect(door.nodes.count).toBe(0)
    socket.write(response(200, JSON.stringify({ keys })))
    const [ran, unknown, me] = await answers
    expect(ran?.body).toContain('alice')
    expect(unknown?.body).toContain('PERSISTED_QUERY_NOT_FOUND')
    expect(me?.body).toBe('{"data":{"me":{"id":"alice"}}}')
    expect(door.nodes.count).toBe(3)
  } finally {
    await door.graph.gateway.close()
    await issuer.close()
  }
})
