import { createServer } from 'node:net'
import { answerParent } from '../gateway/program.ts'

/** A server that reads nothing: whatever arrives is taken for one request and answered with the same bytes. */
const { answer } = JSON.parse(process.argv[2] as string) as { readonly answer: string }
const bytes = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(answer)}\r\n\r\n${answer}`,
)
const server = createServer({ noDelay: true }, socket => {
  socket.on('error', () => {})
  socket.on('data', () => socket.write(bytes))
})
server.listen(0, '127.0.0.1', () => answerParent({ port: (server.address() as { port: number }).port }))
