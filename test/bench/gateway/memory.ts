import { Agent, request } from 'node:http'
import type { MemoryBytes } from './program.ts'
import { stand } from './stand.ts'
import type { Variant } from './variants.ts'

/** What a gateway holds after so many texts, each of them new, in comparison with after its first few. */
export interface MemoryGrowth {
  readonly variant: string
  readonly texts: number
  readonly failed: number
  readonly perSecond: number
  readonly before: MemoryBytes
  readonly after: MemoryBytes
}

const FIRST_TEXTS = 1_000
const CONNECTIONS = 32
const ANSWER_MS_MAX = 30_000

/** Texts differ in an alias, so that no gateway can take one for another. */
const textOf = (number: number): string =>
  `query ProductPage($id: ID!) { product(id: $id) { id name${number}: name priceFen inStock rating reviews { id body } } }`

export async function growth(variant: Variant, texts: number): Promise<MemoryGrowth> {
  await using stood = await stand(variant, 'page')
  let number = 0
  const send = async (upTo: number): Promise<number> => {
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
    let failed = 0
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        while (number < upTo) if (!(await isAnswered(agent, stood.port, number++))) failed++
      }),
    )
    agent.destroy()
    return failed
  }
  const failedFirst = await send(Math.min(FIRST_TEXTS, texts))
  const before = await stood.gateway.memory()
  const startedMs = performance.now()
  const sentFirst = number
  const failed = failedFirst + (await send(texts))
  const perSecond = (number - sentFirst) / ((performance.now() - startedMs) / 1_000)
  return {
    variant: variant.name,
    texts: number,
    failed,
    perSecond,
    before,
    after: await stood.gateway.memory(),
  }
}

/** Whether an answer came, with data and without errors. */
function isAnswered(agent: Agent, port: number, number: number): Promise<boolean> {
  const body = JSON.stringify({ query: textOf(number), variables: { id: 'p000000007' } })
  return new Promise(resolve => {
    const outgoing = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        path: '/graphql',
        method: 'POST',
        timeout: ANSWER_MS_MAX,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.once('end', () => resolve(text.startsWith('{"data":{"product":{"id"')))
        response.once('error', () => resolve(false))
      },
    )
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')))
    outgoing.once('error', () => resolve(false))
    outgoing.end(body)
  })
}
