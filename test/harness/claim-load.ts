import { Driver } from '../replay/driver.ts'
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

const ANSWER_MS_MAX = 60_000
const BODY_BYTES_MAX = 1_048_576

if (process.argv[1]?.endsWith('claim-load.ts')) run(JSON.parse(process.argv[2] as string) as ClaimLoad)

function run(load: ClaimLoad): void {
  const url = new URL(load.url)
  const shoppers: string[] = []
  for (let number = 0; number < load.shoppers; number++) {
    const shopper = `${load.prefix}-${number}`
    shoppers.push(shopper)
    if (load.twiceEvery > 0 && number % load.twiceEvery === 0) shoppers.push(shopper)
  }
  const body = JSON.stringify({
    documentId: `sha256:${load.operationId}`,
    variables: { input: { campaignId: load.campaignId } },
  })
  // Which of its copies a shopper's token is made for changes nothing: it is made once.
  const tokens = new Map(shoppers.map(sub => [sub, tokenFor(load.secret, { sub })]))
  const aheadMs = Date.now() - performance.now()
  let left = shoppers.length
  const tell = (seen: ClaimSeen): void => {
    process.stdout.write(`${JSON.stringify(seen)}\n`)
    if (--left === 0) driver.close()
  }
  const driver = new Driver({
    url,
    connections: load.connections,
    answerMsMax: ANSWER_MS_MAX,
    bodyBytesMax: BODY_BYTES_MAX,
    errands: {
      requestOf: who =>
        `POST /graphql HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\nauthorization: Bearer ${tokens.get(shoppers[who]!)}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      answered: (who, { status, body: answer }, sentMs, nowMs) =>
        tell({
          shopper: shoppers[who]!,
          status,
          ...outcomeOf(answer.toString()),
          sentMs: Math.floor(sentMs + aheadMs),
          answeredMs: Math.floor(nowMs + aheadMs),
        }),
      lost: (who, code, sentMs, nowMs) =>
        tell({
          shopper: shoppers[who]!,
          status: 0,
          outcome: code,
          sentMs: Math.floor(sentMs + aheadMs),
          answeredMs: Math.floor(nowMs + aheadMs),
        }),
    },
  })
  for (const who of shoppers.keys()) driver.at(who, driver.nowMs)
}

function outcomeOf(text: string): Pick<ClaimSeen, 'outcome' | 'couponId' | 'noticeZh' | 'messageEn'> {
  // biome-ignore lint/suspicious/noExplicitAny: read as it comes; what is missing shows as an outcome
  let answer: any
  try {
    answer = JSON.parse(text)
  } catch (error) {
    return { outcome: String(error) }
  }
  const result = answer.data?.claimCoupon
  const notice = result ?? answer.errors?.[0]?.extensions
  return {
    outcome: result?.__typename ?? answer.errors?.[0]?.extensions?.code ?? 'UNREADABLE',
    ...(result?.coupon === undefined ? {} : { couponId: result.coupon.id }),
    ...(notice?.noticeZh === undefined ? {} : { noticeZh: notice.noticeZh }),
    ...(result?.messageEn === undefined ? {} : { messageEn: result.messageEn }),
  }
}
