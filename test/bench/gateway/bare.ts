import { createServer } from 'node:http'
import { answerParent } from './program.ts'

/** node:http that answers every request with the same bytes: what a gateway without a gateway's work would reach. */
const { answer } = JSON.parse(process.argv[2] as string) as { readonly answer: string }
const server = createServer((request, response) => {
  let length = 0
  request.on('data', (chunk: Buffer) => {
    length += chunk.length
  })
  request.on('end', () => {
    response.writeHead(length > 0 ? 200 : 400, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(answer),
    })
    response.end(answer)
  })
})
server.listen(0, '127.0.0.1', () => answerParent({ port: (server.address() as { port: number }).port }))
