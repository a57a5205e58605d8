import type { FastifyInstance } from 'fastify'
import { ruruHTML } from 'ruru/server'
import { getStaticFile } from 'ruru/static'
import { asPage } from './reply.ts'

const STATIC_PATH = '/explorer/static/'

/**
 * `/explorer`: GraphiQL with everything it needs served from here, for networks that reach nothing else; and `/`, which
 * leads whoever opens the address in a browser to Sandbox.
 */
export function explorerRoutes(app: FastifyInstance): void {
  const page = ruruHTML({ endpoint: '/graphql', staticPath: STATIC_PATH })
  // The page starts itself by an inline script, and its editor runs in workers made of blobs.
  const helmet = {
    contentSecurityPolicy: {
      directives: {
        'script-src': ["'self'", "'unsafe-inline'", "'unsafe-eval'", 'blob:'],
        'worker-src': ["'self'", 'blob:'],
        'style-src': ["'self'", "'unsafe-inline'"],
        'upgrade-insecure-requests': null,
      },
    },
  }
  app.get('/', async (_, reply) => reply.redirect('/graphql', 302))
  app.get('/explorer', async (_, reply) => asPage(reply, helmet).send(page))
  app.get(`${STATIC_PATH}*`, async (request, reply) => {
    const file = await getStaticFile({
      staticPath: STATIC_PATH,
      urlPath: request.url.split('?', 1)[0]!,
      acceptEncoding: request.headers['accept-encoding'],
      disallowDevAssets: true,
    })
    if (file === null) return reply.callNotFound()
    // A worker obeys the policy of its own script, and the page's is enough.
    return reply.removeHeader('content-security-policy').headers(file.headers).send(file.content)
  })
}
