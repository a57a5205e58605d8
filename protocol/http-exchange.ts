import type { Pool } from 'undici'
import { type DeadlineMs, remainingMs } from './deadline.ts'

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface Exchange {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Past it the exchange is aborted. */
  readonly deadlineMs: DeadlineMs
  /** From now on the other side may have read something of the request. */
  onSent?(): void
  onHead(status: number, headers: ResponseHeaders): void
  /** May throw to give the response up; the exchange then rejects with what was thrown. */
  onData(chunk: Buffer): void
}

/** The deadline passed before the response had ended. */
export class ExchangeTimeout extends Error {
  constructor() {
    super('expected the whole response by the deadline')
    this.name = 'ExchangeTimeout'
  }
}

/**
 * One HTTP request, its response handed over as it arrives. On undici's dispatch, because only there `onRequestStart`
 * tells the moment before the first byte leaves: whether a mutation may have run hangs on it.
 * @returns when the response has ended. Rejects with ExchangeTimeout or the connection's error.
 */
export function exchangeHttp(pool: Pool, exchange: Exchange): Promise<void> {
  return new Promise((resolve, reject) => {
    let abort: ((reason: Error) => void) | undefined
    let isOver = false
    const end = (error?: Error): void => {
      isOver = true
      clearTimeout(timer)
      if (error === undefined) resolve()
      else reject(error)
    }
    const timer = setTimeout(() => {
      const timeout = new ExchangeTimeout()
      end(timeout)
      abort?.(timeout)
    }, remainingMs(exchange.deadlineMs))
    pool.dispatch(
      {
        method: exchange.method,
        path: exchange.path,
        headers: exchange.headers,
        body: exchange.body ?? null,
      },
      {
        onRequestStart(controller) {
          // Timed out while it waited for a connection: nothing is written.
          if (isOver) controller.abort(new ExchangeTimeout())
          else {
            abort = reason => controller.abort(reason)
            exchange.onSent?.()
          }
        },
        onResponseStart(_, status, headers) {
          if (status >= 200) exchange.onHead(status, headers)
        },
        onResponseData(_, chunk) {
          if (!isOver) exchange.onData(chunk)
        },
        onResponseEnd: () => end(),
        onResponseError: (_, error) => end(error),
      },
    )
  })
}
