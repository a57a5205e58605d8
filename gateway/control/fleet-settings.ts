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
  const { store, what, logger, readEveryMs = READ_EVERY_MS } = options
  let known: ReadonlyMap<string, Setting> = new Map()
  /** Not yet in the store. */
  const unwritten = new Map<string, Setting | undefined>()
  let fleet: 'connecting' | 'reached' | 'lost' = 'connecting'
  const startedMs = nowMs()
  let isClosed = false
  let lastSync: Promise<void> = Promise.resolve()
  let syncing = 0

  async function syncNow(from: SettingStore<Setting>): Promise<void> {
    try {
      for (const [id, setting] of unwritten) {
        await within(STORE_MS_MAX, `writing ${what}`, from.write(id, setting))
        if (unwritten.get(id) === setting) unwritten.delete(id)
      }
      const stored = await within(STORE_MS_MAX, `reading ${what}`, from.read())
      const read = new Map<string, Setting>()
      for (const [id, setting] of stored) put(read, id, setting)
      // A store that was emptied has not heard an operator take them back.
      for (const [id, setting] of known) {
        if (stored.has(id)) continue
        await within(STORE_MS_MAX, `writing ${what}`, from.restore(id, setting))
        read.set(id, setting)
      }
      for (const [id, setting] of unwritten) put(read, id, setting)
      if (isClosed) return
      if (fleet === 'lost') logger.info(`${what} are shared with the fleet again`)
      fleet = 'reached'
      known = read
    } catch (error) {
      if (isClosed || fleet === 'lost') return
      if (fleet === 'connecting' && nowMs() - startedMs < CONNECT_MS_MAX) return
      fleet = 'lost'
      const reason = (error as Error).message
      logger.warn({ reason }, `${what} are not shared with the fleet now`)
    }
  }

  /** What was set before the call is in the store when it resolves, if the store can be reached. */
  function sync(from: SettingStore<Setting>): Promise<void> {
    syncing++
    lastSync = lastSync.then(() => syncNow(from)).finally(() => syncing--)
    return lastSync
  }

  const timer = store && setInterval(() => syncing === 0 && void sync(store), readEveryMs).unref()
  if (store !== undefined) void sync(store)

  return {
    get known() {
      return known
    },
    async set(id, setting) {
      const next = new Map(known)
      put(next, id, setting)
      known = next
      if (store === undefined) return 'process'
      unwritten.set(id, setting)
      await sync(store)
      return unwritten.has(id) ? 'process' : 'fleet'
    },
    get scope() {
      return fleet === 'reached' ? 'fleet' : 'process'
    },
    close() {
      isClosed = true
      clearInterval(timer)
    },
  }
}

function put<Setting>(settings: Map<string, Setting>, id: string, setting: Setting | undefined): void {
  if (setting === undefined) settings.delete(id)
  else settings.set(id, setting)
}
