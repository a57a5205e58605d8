import type { Tier } from '../entry.ts'
import type { CacheEvent, CacheLevel, CacheWatch } from '../watch.ts'
import type { FetchTrace } from './fetch-record.ts'

type Result = Exclude<FetchTrace['result'], 'SKIP'>

interface Line {
  readonly result: Result
  readonly field: string
  readonly tier: Tier | undefined
  count: number
  ageMs: number | undefined
}

/** What became of the keys of one fetch: counted first and told once, however many there are. */
export class FetchTally {
  readonly #lines: Line[] = []
  #last: Line | undefined

  /** @param ageMs of what is served. */
  add(result: Result, field: string, ageMs?: number, tier?: Tier): void {
    let line = this.#last
    if (line?.field !== field || line.result !== result || line.tier !== tier) {
      line = this.#lines.find(
        known => known.field === field && known.result === result && known.tier === tier,
      )
      if (line === undefined) this.#lines.push((line = { result, field, tier, count: 0, ageMs: undefined }))
      this.#last = line
    }
    line.count++
    if (ageMs !== undefined) line.ageMs = Math.max(line.ageMs ?? 0, ageMs)
  }

  tell(watch: CacheWatch, level: CacheLevel): void {
    for (const { result, field, tier, count, ageMs } of this.#lines) {
      const event: CacheEvent = {
        level,
        field,
        count,
        ...(ageMs === undefined ? {} : { ageMs }),
        ...(tier === undefined ? {} : { tier }),
      }
      if (result === 'HIT') watch.onHit(event)
      else if (result === 'STALE') watch.onStale(event)
      else if (result === 'MISS') watch.onMiss(event)
      else watch.onDedupe(event)
    }
  }

  /** One entry a result. */
  trace(into: FetchTrace[], subgraph: string): void {
    for (const result of new Set(this.#lines.map(line => line.result))) {
      const lines = this.#lines.filter(line => line.result === result)
      const ages = lines.flatMap(({ ageMs }) => ageMs ?? [])
      into.push({
        subgraph,
        fields: [...new Set(lines.map(({ field }) => field))],
        result,
        ...(ages.length === 0 ? {} : { ageMs: Math.round(Math.max(...ages)) }),
        count: lines.reduce((sum, { count }) => sum + count, 0),
      })
    }
  }
}
