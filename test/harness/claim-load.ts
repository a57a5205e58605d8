import { Pool } from 'undici'
import { tokenFor } from './tokens.ts'

/**
 * A crowd that claims, as a program of its own so that it does not share a core's time with what it measures.
 *
 *     node test/harness/claim-load.ts '<ClaimLoad as JSON>'
 *
 * Keeps a request under way on each of `connections` until all are sent, and prints one `ClaimSeen` a line, in the order
 * of the answers.
 */
export interface ClaimLoad {
  readonly url: string
  readonly secret: string
  readonly campaignId: string
  readonly operationId: string
  /** Shoppers `<prefix>-0` … `<prefix>-<shoppers - 1>`. */
  readonly prefix: string
  readonly shoppers: number
  /** Every n-th shopper's request is sent twice; 0: none. */
  readonly twiceEvery: number
  readonly connections: number
}

export interface ClaimSeen {
  readonly shopper: string
  /** 0 when the connection failed. */
  readonly status: number
  /** The result's type, else the error's code, else what went wrong. */
  readonly outcome: string
  readonly couponId?: string
  /** Of a result or an error. */
  readonly noticeZh?: string
  readonly messageEn?: string
  /** Sent, and answered: milliseconds since 1970. */
  readonly sentMs: number
  readonly answeredMs: number
}

if (process.argv[1]?.endsWith('claim-load.ts')) await run(JSON.parse(process.argv[2] as string) as ClaimLoad)

async function run(load: ClaimLoad): Promise<void> {
  const pool = new Pool(load.url, {
    connections: load.connections,
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  })
  const requests: { shopper: string; token: string }[] = []
  for (let number = 0; number < load.shoppers; number++) {
    const shopper = `${load.prefix}-${number}`
    const token = tokenFor(load.secret, { sub: shopper })
    requests.push({ shopper, token })
    if (load.twiceEvery > 0 && number % load.twiceEvery === 0) requests.push({ shopper, token })
  }
  const body = JSON.stringify({
    documentId: `sha256:${load.operationId}`,
    variables: { input: { campaignId: load.campaignId } },
  })
  let next = 0
  await Promise.all(
    Array.from({ length: load.connections }, async () => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const seen = await claim(pool, request.shopper, request.token, body)
        process.stdout.write(`${JSON.stringify(seen)}\n`)
      }
    }),
  )
  await pool.close()
}

async function claim(pool: Pool, shopper: string, token: string, body: string): Promise<ClaimSeen> {
  const sentMs = Date.now()
  try {
    const response = await pool.request({
      path: '/graphql',
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body,
    })
    // biome-ignore lint/suspicious/noExplicitAny: read as it comes; what is missing shows as an outcome
    const answer: any = await response.body.json()
    const result = answer.data?.claimCoupon
    const notice = result ?? answer.errors?.[0]?.extensions
    return {
      shopper,
      status: response.statusCode,
      outcome: result?.__typename ?? answer.errors?.[0]?.extensions?.code ?? 'UNREADABLE',
      ...(result?.coupon === undefined ? {} : { couponId: result.coupon.id }),
      ...(notice?.noticeZh === undefined ? {} : { noticeZh: notice.noticeZh }),
      ...(result?.messageEn === undefined ? {} : { messageEn: result.messageEn }),
      sentMs,
      answeredMs: Date.now(),
    }
  } catch (error) {
    return {
      shopper,
      status: 0,
      outcome: String((error as { code?: string }).code ?? error),
      sentMs,
      answeredMs: Date.now(),
    }
  }
}
