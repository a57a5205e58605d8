import type { Logger } from 'pino'
import { nowMs } from '../../protocol/deadline.ts'
import { within } from '../redis/within.ts'

/** For whom what an operator sets holds: this process, or all gateways that share a store. */
export type SettingScope = 'process' | 'fleet'

/** Where all gateways keep settings of one kind, by id. Rejects when it cannot be reached. */
export interface SettingStore<Setting> {
  /** All that have ever been written; undefined: it was taken back, or is none. */
  read(): Promise<ReadonlyMap<string, Setting | undefined>>
  /** @param setting undefined: it is taken back. */
  write(id: string, setting: Setting | undefined): Promise<void>
  /** Writes it unless there is another by now. */
  restore(id: string, setting: Setting): Promise<void>
}

export interface FleetSettings<Setting> {
  /** Those that hold. Replaced at a change and never changed, so that whoever derives something of it may keep that. */
  readonly known: ReadonlyMap<string, Setting>
  /**
   * Holds in this process at once.
   * @param setting undefined: it is taken back.
   * @returns whom it holds for by now; a fleet out of reach learns of it when it can.
   */
  set(id: string, setting: Setting | undefined): Promise<SettingScope>
  /** For whom the next one would hold. */
  readonly scope: SettingScope
  close(): void
}

export interface FleetSettingsOptions<Setting> {
  /** Default: settings are this process's. */
  readonly store?: SettingStore<Setting> | undefined
  /** What they are, for the log; a plural. */
  readonly what: string
  readonly logger: Logger
  /** Default {@link READ_EVERY_MS}. */
  readonly readEveryMs?: number | undefined
}

/** Less than a second by what an answer takes: what one gateway sets is to hold at all within a second. */
const READ_EVERY_MS = 750
/** What a store that does not answer keeps an operator waiting for. */
const STORE_MS_MAX = 1_000
/** A store that has not answered so long after the start is not just being connected to. */
const CONNECT_MS_MAX = 3_000

/**
 * What operators set at run time. What could not be written is kept and written first when the store is back, and a store
 * that comes back empty is told again what holds.
 */
export function createFleetSettings<Setting>(options: FleetSettingsOptions<Setting>): FleetSettings<Setting> {
  return new StoredSettings(options)
}

/** A class for what requests read of it: `known` of an object with getters costs 20 ns, this one 1 ns. */
class StoredSettings<Setting> implements FleetSettings<Setting> {
  known: ReadonlyMap<string, Setting> = new Map()
  readonly #store: SettingStore<Setting> | undefined
  readonly #what: string
  readonly #logger: Logger
  /** Not yet in the store. */
  readonly #unwritten = new Map<string, Setting | undefined>()
  readonly #startedMs = nowMs()
  readonly #timer: NodeJS.Timeout | undefined
  #fleet: 'connecting' | 'reached' | 'lost' = 'connecting'
  #lastSync: Promise<void> = Promise.resolve()
  #syncing = 0
  #isClosed = false

  constructor({ store, what, logger, readEveryMs = READ_EVERY_MS }: FleetSettingsOptions<Setting>) {
    this.#store = store
    this.#what = what
    this.#logger = logger
    if (store === undefined) return
    this.#timer = setInterval(() => this.#syncing === 0 && void this.#sync(store), readEveryMs).unref()
    void this.#sync(store)
  }

  async set(id: string, setting: Setting | undefined): Promise<SettingScope> {
    const next = new Map(this.known)
    put(next, id, setting)
    this.known = next
    if (this.#store === undefined) return 'process'
    this.#unwritten.set(id, setting)
    await this.#sync(this.#store)
    return this.#unwritten.has(id) ? 'process' : 'fleet'
  }

  get scope(): SettingScope {
    return this.#fleet === 'reached' ? 'fleet' : 'process'
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
  }

  /** What was set before the call is in the store when it resolves, if the store can be reached. */
  #sync(from: SettingStore<Setting>): Promise<void> {
    this.#syncing++
    this.#lastSync = this.#lastSync.then(() => this.#syncNow(from)).finally(() => this.#syncing--)
    return this.#lastSync
  }

  async #syncNow(from: SettingStore<Setting>): Promise<void> {
    const unwritten = this.#unwritten
    try {
      for (const [id, setting] of unwritten) {
        await within(STORE_MS_MAX, `writing ${this.#what}`, from.write(id, setting))
        if (unwritten.get(id) === setting) unwritten.delete(id)
      }
      const stored = await within(STORE_MS_MAX, `reading ${this.#what}`, from.read())
      const read = new Map<string, Setting>()
      for (const [id, setting] of stored) put(read, id, setting)
      // A store that was emptied has not heard an operator take them back.
      for (const [id, setting] of this.known) {
        if (stored.has(id)) continue
        await within(STORE_MS_MAX, `writing ${this.#what}`, from.restore(id, setting))
        read.set(id, setting)
      }
      for (const [id, setting] of unwritten) put(read, id, setting)
      if (this.#isClosed) return
      if (this.#fleet === 'lost') this.#logger.info(`${this.#what} are shared with the fleet again`)
      this.#fleet = 'reached'
      this.known = read
    } catch (error) {
      if (this.#isClosed || this.#fleet === 'lost') return
      if (this.#fleet === 'connecting' && nowMs() - this.#startedMs < CONNECT_MS_MAX) return
      this.#fleet = 'lost'
      const reason = (error as Error).message
      this.#logger.warn({ reason }, `${this.#what} are not shared with the fleet now`)
    }
  }
}

function put<Setting>(settings: Map<string, Setting>, id: string, setting: Setting | undefined): void {
  if (setting === undefined) settings.delete(id)
  else settings.set(id, setting)
}
