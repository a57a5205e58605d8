import type { Logger } from 'pino'
import type { Tags } from '../tags/tags.ts'
import { type AnswerStore, type AnswersBounds, createAnswers } from './answers.ts'
import { BoundedMap } from './bounded-map.ts'
import type { FleetTime } from './entry-codec.ts'
import { createRedisGate } from './redis-gate.ts'
import { RedisRoom } from './redis-room.ts'
import type { StoreRedis } from './redis-store.ts'
import { createSharedTexts, type SharedTextStore } from './shared-texts.ts'

export interface StoresOptions {
  /** One server or a cluster, that all gateways share; not closed here. Default: memory alone. */
  readonly redis?: StoreRedis | undefined
  /** Default: no answers are kept. */
  readonly answers?: AnswersSettings | undefined
  readonly texts?: Partial<TextsBounds>
  /** How long whoever asks waits for Redis at most. Default 50. */
  readonly waitMsMax?: number
  readonly logger: Logger
  /** Told of the first failure of each outage of Redis. */
  readonly onError?: (error: unknown) => void
}

export interface AnswersSettings {
  readonly bounds: AnswersBounds
  readonly tags: Pick<Tags, 'now' | 'holds' | 'holdsAnywhere'>
  /** What all gateways of a Redis go by. Default: nothing is shared, since nobody would hear of what others invalidate. */
  readonly fleetTime?: FleetTime | undefined
  /** `false`: in Redis alone. */
  readonly memory?: boolean
  /** Whether a crowd stretches what is stale; read at each look. Default: never. */
  readonly isStretched?: (() => boolean) | undefined
  /** Whether what is asked for once is kept. Default: always. */
  readonly keepsAtOnce?: (() => boolean) | undefined
  /** Milliseconds. Default: this process's monotonic clock. */
  readonly clock?: () => number
}

export interface TextsBounds {
  readonly textsMax: number
  /** Of all together, in UTF-16 units. */
  readonly charsMax: number
}

/** A text that a client has registered. */
export interface KeptText {
  readonly text: string
  /** Whether it has been shared, or comes from where they are: again costs no place there. */
  readonly isShared: boolean
}

/** Everything that is kept, opened in one place: memory's share of each kind, and one look at whether Redis answers. */
export interface Stores {
  readonly answers: AnswerStore | undefined
  readonly texts: {
    /** By hash; its bytes are two for each UTF-16 unit of the texts. */
    readonly memory: BoundedMap<KeptText>
    readonly shared: SharedTextStore | undefined
  }
  /** Commands that Redis refused or did not answer in time. */
  readonly failures: number
}

/** 32 MiB of memory at most. */
const DEFAULT_TEXTS: TextsBounds = Object.freeze({ textsMax: 10_000, charsMax: 16 * 1024 * 1024 })

export function openStores({ redis, answers, texts, ...options }: StoresOptions): Stores {
  const gate = redis && createRedisGate({ redis, ...options })
  const room = redis && gate && new RedisRoom({ redis, gate })
  const fleetTime = answers?.fleetTime
  const shared = redis && gate && room && fleetTime && { redis, gate, room, fleetTime }
  const { textsMax, charsMax } = { ...DEFAULT_TEXTS, ...texts }
  return {
    answers: answers && createAnswers({ ...answers, shared }),
    texts: {
      memory: new BoundedMap<KeptText>({
        entriesMax: textsMax,
        bytesMax: 2 * charsMax,
        bytesOf: ({ text }) => 2 * text.length,
      }),
      shared: redis && gate && room && createSharedTexts(redis, gate, room),
    },
    get failures() {
      return gate?.failures ?? 0
    },
  }
}
