import type { SubgraphError } from '../../../protocol/subgraph-client.ts'
import { type LandedEntities, type Part, withPath } from './entity-landing.ts'
import type { EntitiesAnswer, EntityList } from './fetch-request.ts'

/** Of an answer without data: one error a place, and no more places than a client would be told of. */
const PLACES_MAX = 20

interface Landing {
  readonly landed: LandedEntities
  /** Whether an error of its own has been told of anything that was asked for. */
  isTold: boolean
  /** Root key and index of what it brought without an error of its own. */
  readonly silent: [rootKey: string, index: number][]
}

/** An answer put together of what was kept and what was asked for. */
export class EntityAnswer {
  readonly #lists: readonly EntityList[]
  readonly #values = new Map<string, unknown[]>()
  readonly #errors: SubgraphError[] = []
  readonly #landings: Landing[] = []
  readonly #missing = new Map<unknown, Map<string, Set<number>>>()

  constructor(lists: readonly EntityList[]) {
    this.#lists = lists
    for (const { key, representations } of lists)
      this.#values.set(key, new Array<unknown>(representations.length).fill(null))
  }

  /** @param l which list. */
  put(l: number, index: number, value: unknown): void {
    this.#values.get(this.#lists[l]!.key)![index] = value
  }

  land(l: number, index: number, landed: LandedEntities, part: Part): void {
    const { key } = this.#lists[l]!
    if (part.fault !== undefined) {
      this.miss(l, index, part.fault)
      return
    }
    this.put(l, index, part.value)
    let landing = this.#landings.find(known => known.landed === landed)
    if (landing === undefined) this.#landings.push((landing = { landed, isTold: false, silent: [] }))
    if (part.errors === undefined) {
      landing.silent.push([key, index])
      return
    }
    landing.isTold = true
    for (const error of part.errors) this.#errors.push(withPath(error, [key, index, ...(error.path ?? [])]))
  }

  /** What could not be had. */
  miss(l: number, index: number, reason: unknown): void {
    const { key } = this.#lists[l]!
    let indexes = this.#missing.get(reason)
    if (indexes === undefined) this.#missing.set(reason, (indexes = new Map()))
    const known = indexes.get(key)
    if (known === undefined) indexes.set(key, new Set([index]))
    else known.add(index)
  }

  whole(): EntitiesAnswer {
    for (const landing of this.#landings) this.#tellCommon(landing)
    const data = Object.fromEntries(this.#values)
    const missing = [...this.#missing].map(([reason, indexes]) => ({ reason, indexes }))
    return {
      answer: this.#errors.length === 0 ? { data } : { data, errors: this.#errors },
      ...(missing.length === 0 ? {} : { missing }),
    }
  }

  /** What is said of no entity is of the answer as a whole; of one without data it is of each that it leaves null. */
  #tellCommon({ landed: { answer, common }, isTold, silent }: Landing): void {
    if (answer.data) {
      this.#errors.push(...common)
      return
    }
    // Its errors may all be of what another has asked for, or of what is kept.
    const said = common.length > 0 || isTold ? common : (answer.errors ?? []).slice(0, 1)
    for (const [key, index] of silent.slice(0, PLACES_MAX))
      for (const error of said) this.#errors.push(withPath(error, [key, index]))
  }
}
