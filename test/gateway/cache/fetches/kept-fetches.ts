import { createFetchCaching, type FetchCaching } from '../../../../gateway/cache/fetches/fetches.ts'
import type {
  CachePolicies,
  FetchDescription,
  FetchPolicy,
} from '../../../../gateway/cache/policy/fetch-policy.ts'
import type { Answers } from '../../../../gateway/cache/stores/answers.ts'
import { type AnswerStore, createAnswers } from '../../../../gateway/cache/stores/answers.ts'
import { createLocalTags } from '../../../../gateway/cache/tags/local-tags.ts'
import type { Tags } from '../../../../gateway/cache/tags/tags.ts'
import type { CacheEvent, CacheWatch } from '../../../../gateway/cache/watch.ts'
import { nowMs } from '../../../../protocol/deadline.ts'

/** A clock that stands still until it is moved; it begins now, since deadlines are judged by the real one. */
export class HandClock {
  // A whole number: sums and differences are exact.
  #ms = Math.floor(nowMs())
  readonly read = (): number => this.#ms
  forward(ms: number): void {
    this.#ms += ms
  }
}

/** What the cache has told, as `hit Query.top 1`. */
export class ToldWatch implements CacheWatch {
  readonly told: string[] = []
  readonly errors: unknown[] = []
  readonly onHit = (event: CacheEvent): void => this.#tell('hit', event)
  readonly onStale = (event: CacheEvent): void => this.#tell('stale', event)
  readonly onMiss = (event: CacheEvent): void => this.#tell('miss', event)
  readonly onDedupe = (event: CacheEvent): void => this.#tell('dedupe', event)
  readonly onSkip = (event: CacheEvent & { reason: string }): void =>
    this.#tell(`skip ${event.reason}`, event)
  readonly onError = (error: unknown): void => {
    this.errors.push(error)
  }
  #tell(what: string, { field, count }: CacheEvent): void {
    this.told.push(`${what} ${field} ${count}`)
  }
}

export interface Kept {
  readonly caching: FetchCaching
  readonly answers: AnswerStore
  readonly tags: Tags
  readonly watch: ToldWatch
  readonly clock: HandClock
  /** Whether there is a crowd; not at the beginning. */
  readonly crowd: { isThere: boolean }
}

export interface KeptOptions {
  readonly policies: CachePolicies
  /** What stands between the cache and its store. */
  readonly through?: (answers: Answers) => Answers
  readonly entryBytesMax?: number
  readonly flightsMax?: number
}

/** A cache in memory, as a gateway without Redis has it. */
export function keptFetches({
  policies,
  through = answers => answers,
  entryBytesMax = 1024 * 1024,
  flightsMax = 10_000,
}: KeptOptions): Kept {
  const clock = new HandClock()
  const watch = new ToldWatch()
  const tags = createLocalTags({ clock: clock.read })
  const crowd = { isThere: false }
  const isStretched = (): boolean => crowd.isThere
  const answers = createAnswers({
    isStretched,
    bounds: {
      entriesMax: 100_000,
      bytesMax: 128 * 1024 * 1024,
      entryBytesMax,
      sharedBytesMax: 1,
      compressBytesMin: 1,
    },
    tags,
    clock: clock.read,
  })
  const caching = createFetchCaching({
    policies,
    answers: through(answers),
    tags,
    watch,
    refreshMsMax: 5_000,
    staleStretch: STALE_STRETCH,
    isStretched,
    flightsMax,
    clock: clock.read,
  })
  return { caching, answers, tags, watch, clock, crowd }
}

export const FRESH_MS = 1_000
export const STALE_MS = 10_000
export const STALE_STRETCH = 10

/** Keeps what it is asked about, for {@link FRESH_MS} and {@link STALE_MS} more. */
export const policyOf = (fields: readonly string[], scope: 'PUBLIC' | 'PRIVATE' = 'PUBLIC'): FetchPolicy => ({
  scope,
  freshMs: FRESH_MS,
  staleMs: STALE_MS,
  fields,
  tagsOf(_data, variables, representation) {
    const { __typename: type, id } = (representation ?? {}) as Record<string, unknown>
    if (representation !== undefined) return [String(type), `${type}:${id}`]
    return [...fields, ...Object.values(variables).map(value => `${fields[0]}:${JSON.stringify(value)}`)]
  },
})

/** Keeps everything, under the scope of each fetch unless told otherwise. */
export function policiesOf(given: Partial<CachePolicies> = {}): CachePolicies {
  return {
    ofRoot: ({ scope }: FetchDescription) => policyOf(['Query.some'], scope),
    ofEntities: ({ scope }: FetchDescription) => policyOf(['Product'], scope),
    ofMutation: () => undefined,
    keepsPrivate: true,
    schemaHashOf: () => 'schema',
    ...given,
  }
}
