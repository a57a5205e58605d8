import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { composeServices } from '@theguild/federation-composition'
import { execute, parse } from 'graphql'

// biome-ignore lint/suspicious/noExplicitAny: resolvers of a test's few lines
type Resolvers = Record<string, any>

const FEDERATION = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@override", "@shareable"])\n`

/** What a plain subgraph was sent. */
export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: { readonly query: string; readonly variables?: Record<string, unknown> }
}

/** A subgraph as anybody writes one: graphql-js behind node:http, that knows nothing of this gateway. */
export interface PlainSubgraph extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
}

export async function plainSubgraph(sdl: string, resolvers: Resolvers = {}): Promise<PlainSubgraph> {
  const schema = buildSubgraphSchema([{ typeDefs: parse(FEDERATION + sdl), resolvers }])
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(404).end()
    const body = JSON.parse(await text(request))
    received.push({ headers: request.headers, body })
    const result = await execute({
      schema,
      document: parse(body.query),
      variableValues: body.variables,
      contextValue: request.headers,
    })
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A supergraph of these subgraphs, each where `url` says. */
export function supergraphOf(
  subgraphs: Readonly<Record<string, { readonly sdl: string; readonly url: string }>>,
): string {
  const { supergraphSdl, errors } = composeServices(
    Object.entries(subgraphs).map(([name, { sdl, url }]) => ({
      name,
      url,
      // SDL that links what it uses is complete.
      typeDefs: parse(sdl.includes('@link(') ? sdl : FEDERATION + sdl),
    })),
  )
  if (supergraphSdl === undefined) throw new Error((errors ?? []).map(({ message }) => message).join('\n'))
  return supergraphSdl
}
