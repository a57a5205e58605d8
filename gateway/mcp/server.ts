import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  CallToolRequestSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Fault } from '../../protocol/fault.ts'
import { type Incoming, refuse, type Stages } from '../pipeline.ts'
import { clientNameOf, clientVersionOf, type Outcome, traceparentOf } from '../request.ts'
import { callTool } from './call.ts'
import { functionTools, isFor, type Tool, toolsOf } from './tools.ts'

export interface McpOptions {
  readonly stages: Stages
  readonly version: string
  /** Sends an outcome as the other doors do. */
  send(reply: FastifyReply, outcome: Outcome): FastifyReply
}

const INSTRUCTIONS =
  'Coupons, products and orders of one shop ecosystem. Amounts are in fen: 100 fen are 1 yuan. Every answer is one line ' +
  'of JSON, then one sentence in Chinese and one in English for the shopper. Spending takes three steps, each with the ' +
  "shopper's consent: quote, place, pay. Every tool may be called again (a second quote is a new one). When many ask at " +
  'once an answer may keep a place in line: tell the shopper when their turn comes, and call the tool again then, not ' +
  'before, with the token of the place.'

/** One for all requests: nothing is ever validated with it here, and making it costs milliseconds. */
const VALIDATOR = new AjvJsonSchemaValidator()

/**
 * `/mcp`: the Model Context Protocol over streamable HTTP, without sessions: any process answers any request, each with
 * one JSON body. `/tools.json`: the same tools for chat interfaces that call functions.
 */
export function mcpRoutes(app: FastifyInstance, options: McpOptions): void {
  const { stages, send } = options

  app.get('/tools.json', async ({ headers }, reply) =>
    reply
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(functionTools(toolsFor(clientNameOf(headers))))),
  )

  app.post('/mcp', async (request, reply) => {
    const { authorization } = request.headers
    const caller = await stages.identify(authorization, request.headers['x-api-key'])
    if (caller instanceof Fault) return send(reply, refuse(stages, caller, { id: request.id }))
    if (Array.isArray(request.body)) {
      const fault = new Fault('BAD_REQUEST', 'batching is not supported: send one message a request')
      return send(reply, refuse(stages, fault, { id: request.id }))
    }
    const incoming: Incoming = {
      id: request.id,
      door: 'mcp',
      headers: request.headers,
      authorization,
      remoteAddress: request.socket.remoteAddress,
      clientName: clientNameOf(request.headers),
      clientVersion: clientVersionOf(request.headers),
      traceparent: traceparentOf(request.headers),
      isGone: () => request.raw.socket.destroyed,
      hash: undefined,
      text: undefined,
      operationName: undefined,
      hasForeignExtensions: false,
    }
    const server = serverFor(incoming)
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
    try {
      await server.connect(transport)
      const response = await transport.handleRequest(webRequest(request.headers), {
        parsedBody: request.body,
      })
      for (const [name, value] of response.headers) reply.header(name, value)
      return reply.code(response.status).send(await response.text())
    } finally {
      await server.close()
    }
  })

  // Without sessions there is no stream to open and nothing to end.
  app.route({
    method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'],
    url: '/mcp',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const fault = new Fault(
        'METHOD_NOT_ALLOWED',
        'expected a POST: this server keeps no sessions and opens no streams',
      )
      return send(reply, refuse(stages, fault, { id: request.id }))
    },
  })

  function serverFor(incoming: Incoming): Server {
    const server = new Server(
      { name: 'spillway', version: options.version },
      { capabilities: { tools: {} }, instructions: INSTRUCTIONS, jsonSchemaValidator: VALIDATOR },
    )
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed(incoming.clientName) }))
    server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
      const answer = await callTool(stages, params.name, params.arguments ?? {}, incoming)
      if (answer !== undefined) return answer
      throw new McpError(
        ErrorCode.InvalidParams,
        `expected one of the tools listed, got ${params.name.slice(0, 64)}`,
      )
    })
    return server
  }

  function toolsFor(clientName: string | undefined): Tool[] {
    return [...toolsOf(stages.graph.current).values()].filter(tool => isFor(clientName, tool))
  }

  function listed(clientName: string | undefined): object[] {
    return toolsFor(clientName).map(({ name, description, inputSchema, annotations }) => ({
      name,
      title: annotations.title,
      description,
      inputSchema: { ...inputSchema, required: [...inputSchema.required] },
      annotations,
    }))
  }
}

/** The transport reads a request's headers only; its body has been read and bounded. */
function webRequest(headers: Readonly<Record<string, string | string[] | undefined>>): Request {
  const kept = new Headers()
  for (const name of ['accept', 'content-type', 'mcp-protocol-version']) {
    const value = headers[name]
    if (typeof value === 'string') kept.set(name, value)
  }
  return new Request('http://gateway/mcp', { method: 'POST', headers: kept })
}
