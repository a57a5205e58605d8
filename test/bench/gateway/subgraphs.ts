import { createServer, type Server, type Socket } from 'node:net'
import { ANSWERS_TYPE, BATCH_HEADER, BATCH_TYPE, BATCH_VERSION } from '../../../protocol/envelope.ts'
import { CannedSubgraph } from './canned.ts'
import { answerParent } from './program.ts'
import { WORLDS, type WorldName } from './worlds.ts'

/**
 * All subgraphs of a world in one process: `node test/bench/gateway/subgraphs.ts '<Settings as JSON>'` tells its parent
 * their ports. HTTP is read and written by hand, as little of it as the gateways speak: they are measured, not this.
 */
interface Settings {
  readonly world: WorldName
  /** Whether the batch envelope is announced. */
  readonly envelope: boolean
}

const settings = JSON.parse(process.argv[2] as string) as Settings
const ports: Record<string, number> = {}
for (const subgraph of WORLDS[settings.world].subgraphs) {
  const server = serve(new CannedSubgraph(settings.world, subgraph), settings)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  ports[subgraph.name] = (server.address() as { port: number }).port
}
answerParent({ ports })

/** Bodies whose answers are known whole. */
const BODIES_MAX = 1_000

const LENGTH = /content-length: *(\d+)/i

function serve(subgraph: CannedSubgraph, { envelope }: Settings): Server {
  const announced = envelope ? `${BATCH_HEADER}: ${BATCH_VERSION}\r\n` : ''
  const head = (type: string, length: number): string =>
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${announced}content-length: ${length}\r\n\r\n`
  /** Answers by the whole body of a plain request, for the world without ids. */
  const byBody = new Map<string, string>()

  function plain(body: string): string | Promise<string> {
    const known = byBody.get(body)
    if (known !== undefined) return known
    const { query, variables } = JSON.parse(body)
    const answer = subgraph.answer(query, variables ?? {})
    if (typeof answer === 'string') return whole(answer)
    return answer.then(text => {
      const response = whole(text)
      if (!WORLDS[settings.world].takesId && byBody.size < BODIES_MAX) byBody.set(body, response)
      return response
    })
  }

  function whole(members: string): string {
    return `${head('application/json', members.length + 2)}{${members}}`
  }

  function batch(body: string): string | Promise<string> {
    const { operations, items } = JSON.parse(body)
    const answers: (string | Promise<string>)[] = []
    let lines = ''
    let isWhole = true
    for (const { index, operation, variables } of items) {
      const answer = subgraph.answer(operations[operation].text, variables)
      answers.push(answer)
      if (typeof answer !== 'string') isWhole = false
      else lines += `{"index":${index},${answer}}\n`
    }
    if (isWhole) return head(ANSWERS_TYPE, lines.length) + lines
    // All of them recorded, the same once more.
    return Promise.all(answers).then(() => batch(body))
  }

  return createServer({ noDelay: true }, socket => {
    let kept = ''
    socket.on('error', () => socket.destroy())
    // A byte is a character: operations and ids are ASCII, and answers come as such.
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      kept = kept === '' ? chunk : kept + chunk
      for (;;) {
        const headEnd = kept.indexOf('\r\n\r\n')
        if (headEnd === -1) return
        const head = kept.slice(0, headEnd)
        const bodyStart = headEnd + 4
        const length = Number(LENGTH.exec(head)?.[1] ?? refuse(socket, head))
        if (kept.length < bodyStart + length) return
        const body = kept.slice(bodyStart, bodyStart + length)
        kept = kept.slice(bodyStart + length)
        const answer = head.includes(BATCH_TYPE) ? batch(body) : plain(body)
        if (typeof answer === 'string') socket.write(answer, 'latin1')
        else answer.then(text => socket.write(text, 'latin1'))
      }
    })
  })
}

function refuse(socket: Socket, head: string): number {
  socket.destroy()
  throw new Error(`expected a POST with a content-length, got ${head.slice(0, 200)}`)
}
