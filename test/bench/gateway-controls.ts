import { setTimeout as delay } from 'node:timers/promises'
import { request } from 'undici'

const READY_MS_MAX = 30_000
const LOOK_MS = 50

/** Resolves when the server at this address says that it can serve. @throws Error when it does not within 30 s. */
export async function ready(url: string): Promise<void> {
  const giveUpMs = performance.now() + READY_MS_MAX
  for (;;) {
    const status = await request(`${url}/health/ready`).then(
      async ({ statusCode, body }) => {
        await body.dump()
        return statusCode
      },
      () => undefined,
    )
    if (status === 200) return
    if (performance.now() > giveUpMs)
      throw new Error(`expected ${url} to be ready, got ${status ?? 'no answer'}`)
    await delay(LOOK_MS)
  }
}

/** Keeps a gateway's level to CALM, whatever it measures. @throws Error when it refuses. */
export async function pinCalm(url: string, operatorToken: string): Promise<void> {
  const { statusCode, body } = await request(`${url}/control/level`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ level: 'CALM' }),
  })
  const text = await body.text()
  if (statusCode !== 200)
    throw new Error(`expected the level to be pinned, got ${statusCode}: ${text.slice(0, 300)}`)
}
