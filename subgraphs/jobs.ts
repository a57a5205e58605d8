import type { Logger } from 'pino'

export interface SweepOptions {
  readonly name: string
  readonly everyMs: number
  /**
   * One pass over due rows; answers whether more is due (a full batch was found): then the next pass follows at once.
   * The signal is aborted when the sweep is being stopped: finish the row in hand and return.
   */
  readonly run: (signal: AbortSignal) => Promise<boolean>
  readonly log: Logger
  /** Longest pause after failures. Default 30,000. */
  readonly backoffMsMax?: number
}

/** Passes of many replicas drift apart by this part of the interval, either way. */
const jitter = 0.1

/**
 * Runs a function every `everyMs`, never two passes at once in this process; between processes the rows' locks
 * (`FOR UPDATE SKIP LOCKED`) keep them apart. A pass that fails is logged and the pause doubles up to
 * `backoffMsMax`; the first success ends that. Its timers keep no process alive.
 *
 *     idle ─ start → waiting ⇄ running ─ stop → stopped (after the pass under way)
 */
export class Sweep {
  readonly #options: SweepOptions
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<boolean> | undefined
  /** Passes that failed in a row. */
  #failures = 0

  constructor(options: SweepOptions) {
    this.#options = options
  }

  get failures(): number {
    return this.#failures
  }

  get running(): boolean {
    return this.#running !== undefined
  }

  /** The first pass comes after one interval: what is due at start is due a moment later too. */
  start(): void {
    if (this.#timer === undefined && !this.#stopping.signal.aborted) this.#plan(this.#options.everyMs)
  }

  /**
   * A pass that begins after this call, whatever is under way now. Rejects with the pass's error.
   * After `stop()` it rejects at once.
   */
  async runNow(): Promise<void> {
    while (this.#running) await this.#running.catch(() => {})
    if (this.#stopping.signal.aborted) throw new Error(`sweep ${this.#options.name} was stopped`)
    await this.#pass()
  }

  /** Resolves when no pass is under way, and none will follow. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    while (this.#running) await this.#running.catch(() => {})
  }

  #plan(pauseMs: number): void {
    this.#timer = setTimeout(() => void this.#tick(), pauseMs * (1 - jitter + Math.random() * 2 * jitter))
    this.#timer.unref()
  }

  async #tick(): Promise<void> {
    let more = false
    // A runNow under way is as good as this pass.
    if (!this.#running) {
      more = await this.#pass().catch(error => {
        this.#options.log.error(
          { err: error, sweep: this.#options.name, failures: this.#failures },
          'sweep failed; it will be tried again',
        )
        return false
      })
    }
    if (this.#stopping.signal.aborted) return
    const { everyMs, backoffMsMax = 30_000 } = this.#options
    const pauseMs = Math.max(everyMs, Math.min(everyMs * 2 ** this.#failures, backoffMsMax))
    this.#plan(more ? 0 : pauseMs)
  }

  #pass(): Promise<boolean> {
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<boolean> {
    try {
      const more = await this.#options.run(this.#stopping.signal)
      this.#failures = 0
      return more
    } catch (error) {
      this.#failures++
      throw error
    }
  }
}
