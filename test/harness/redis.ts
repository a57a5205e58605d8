import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { freePort } from '../../subgraphs/postgres-process.ts'
import { testFolder, until } from './postgres.ts'
import { locateRedisServer } from './redis-setup.ts'

/** A server of one test's own on 127.0.0.1: nothing is written to disk, so what is killed comes back empty. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Answers one command, sent on a connection of its own: a line's or a bulk string's text, empty for none. */
  ask(...command: string[]): Promise<string>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open, and new ones are accepted, but nothing answers. */
  stall(): void
  /** SIGCONT. */
  resume(): void
  /** Killed, if it runs, and started again on the same port, empty; resolves when it answers. */
  restart(): Promise<void>
  /** Killed, stalled or not, and its folder removed. */
  stop(): Promise<void>
}

export interface TestRedisCluster extends AsyncDisposable {
  /** All of them, separated by commas. */
  readonly url: string
  /** Three masters that share the slots, without replicas. */
  readonly nodes: readonly TestRedis[]
  stop(): Promise<void>
}

/** A server that answers. */
export async function startRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const program = await locateRedisServer()
  const dir = await testFolder()
  const port = await freePort()
  let server = await launch([program, ...settingsOf(port, dir), ...settings], port)
  const kill = async (): Promise<void> => await server.kill()
  const stop = async (): Promise<void> => {
    await kill()
    await rm(dir, { recursive: true, force: true })
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    ask: (...command) => ask(port, command),
    kill,
    stall: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
    async restart() {
      await kill()
      server = await launch([program, ...settingsOf(port, dir), ...settings], port)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Three masters that know each other and serve every slot. */
export async function startRedisCluster(): Promise<TestRedisCluster> {
  const nodes: TestRedis[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(node => node.stop()))
  }
  try {
    const busPorts = [await freePort(), await freePort(), await freePort()]
    for (const busPort of busPorts) {
      nodes.push(
        await startRedis([
          ...['--cluster-enabled', 'yes'],
          ...['--cluster-port', `${busPort}`],
          ...['--cluster-node-timeout', '3000'],
        ]),
      )
    }
    for (const [index, node] of nodes.entries()) {
      const slots = [index, index + 1].map(part => Math.round((part * 16_384) / nodes.length))
      await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', `${index + 1}`)
      await node.ask('CLUSTER', 'ADDSLOTSRANGE', `${slots[0]}`, `${slots[1]! - 1}`)
      if (index > 0) {
        await nodes[0]!.ask('CLUSTER', 'MEET', '127.0.0.1', `${node.port}`, `${busPorts[index]}`)
      }
    }
    for (const node of nodes) {
      await until('a cluster that every node calls whole', async () => {
        const info = await node.ask('CLUSTER', 'INFO')
        return (
          /cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info) && /cluster_size:3/.test(info)
        )
      })
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { url: nodes.map(({ url }) => url).join(','), nodes, stop, [Symbol.asyncDispose]: stop }
}

/**
 * A guard between this process and the server: when this process dies, however it dies, the guard's input ends and the
 * guard kills the server, stalled or not.
 */
const GUARD = `
trap '' INT TERM
exec 3<&0
"$@" </dev/null 3<&- >&2 & server=$!
echo $server
{ cat >/dev/null; kill -9 $server; } <&3 2>/dev/null & watch=$!
wait $server
kill -9 $watch 2>/dev/null
`

interface Server {
  signal(signal: NodeJS.Signals): void
  kill(): Promise<void>
}

async function launch(command: readonly string[], port: number): Promise<Server> {
  const guard = spawn('sh', ['-c', GUARD, 'redis', ...command], { stdio: 'pipe' })
  guard.stdin.on('error', () => {})
  let said = ''
  guard.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  let output = ''
  guard.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output = `${output}${chunk}`.slice(-10_000)
  })
  const exited = once(guard, 'close')
  const pid = Number(await until('the process of a new redis-server', () => /^\d+(?=\n)/.exec(said)?.[0]))
  try {
    await until(`an answer of redis-server on port ${port}`, async () => {
      if (isOver(guard)) throw new Error(`redis-server ended:\n${output}`)
      const answer = await ask(port, ['INFO', 'server']).catch((error: Error) => error.message)
      // Another process may have been given the same port in the meantime; one that wants a password does not say.
      return answer.includes(`process_id:${pid}\r\n`) || answer.startsWith('NOAUTH')
    })
  } catch (error) {
    guard.stdin.end()
    throw error
  }
  const signal = (name: NodeJS.Signals): void => {
    if (isOver(guard)) throw new Error(`expected a running redis-server for ${name}, and it has ended`)
    process.kill(pid, name)
  }
  return {
    signal,
    async kill() {
      if (!isOver(guard)) process.kill(pid, 'SIGKILL')
      guard.stdin.end()
      await exited
    },
  }
}

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

const settingsOf = (port: number, dir: string): readonly string[] => [
  ...['--port', `${port}`],
  ...['--bind', '127.0.0.1'],
  ...['--dir', dir],
  ...['--save', ''],
  ...['--appendonly', 'no'],
  ...['--daemonize', 'no'],
  ...['--loglevel', 'warning'],
]

/** One command and its answer, without a client: what answers here is the server and nothing that retries. */
async function ask(port: number, command: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const parts = command.map(part => `$${Buffer.byteLength(part)}\r\n${part}\r\n`)
  socket.setEncoding('utf8').setTimeout(5_000, () => socket.destroy(new Error('redis-server is silent')))
  socket.write(`*${command.length}\r\n${parts.join('')}`)
  let answer = ''
  try {
    for await (const chunk of socket) {
      answer += chunk
      const text = textOf(answer)
      if (text !== undefined) return text
    }
  } finally {
    socket.destroy()
  }
  throw new Error(`expected an answer to ${command.join(' ')}, got: ${JSON.stringify(answer)}`)
}

/** `undefined` while it is incomplete. @throws Error for an error of the server. */
function textOf(answer: string): string | undefined {
  const end = answer.indexOf('\r\n')
  if (end < 0) return undefined
  const line = answer.slice(1, end)
  if (answer[0] === '-') throw new Error(line)
  if (answer[0] !== '$') return line
  if (line === '-1') return ''
  const body = Buffer.from(answer.slice(end + 2))
  return body.length < Number(line) + 2 ? undefined : body.subarray(0, Number(line)).toString()
}
