import type { Caller } from '../../protocol/caller.ts'
import { callerText } from '../../protocol/caller-text.ts'
import type { CompiledOperation } from './operation.ts'
import type { HeadersFor } from './run.ts'
import type { Variables } from './variables.ts'

/** A query about to be executed. */
export interface InFlightQuery {
  readonly operation: CompiledOperation
  readonly variables: Variables
  readonly form: 'data' | 'json'
  readonly caller: Caller
  /** What its subgraphs would be sent of its client's headers. */
  readonly headersFor: HeadersFor | undefined
  /** Invalidations of what is kept, as far as this process has heard of them; 0 where nothing is kept. */
  readonly invalidations: number
}

/** Queries with longer variables are not worth the comparison. */
const KEY_CHARS_MAX = 4_096

/**
 * Identical queries under way share one execution: same operation, same variables, same headers for the subgraphs, and
 * the same caller unless every field of it is PUBLIC. One that joins has at least as much time left as the one that it
 * joins, so it is answered within its own. Nobody joins an execution that began before a mutation here was answered, or
 * before an invalidation: who has just changed something sees it. As many entries as there are queries under way.
 */
export class InFlight<Result> {
  readonly #byOperation = new WeakMap<CompiledOperation, Map<string, Promise<Result>>>()
  #mutations = 0
  #shared = 0

  /** The execution of an identical query if one is under way, else what `execute` starts. */
  join(query: InFlightQuery, execute: () => Promise<Result>): Promise<Result> {
    const key = this.#keyOf(query)
    if (key === undefined) return execute()
    let underWay = this.#byOperation.get(query.operation)
    if (underWay === undefined) this.#byOperation.set(query.operation, (underWay = new Map()))
    const known = underWay.get(key)
    if (known !== undefined) {
      this.#shared++
      return known
    }
    const started = execute().finally(() => underWay.delete(key))
    underWay.set(key, started)
    return started
  }

  /** A mutation is about to be answered. */
  mutated(): void {
    this.#mutations++
  }

  /** Queries answered by another's execution, since the start. */
  get shared(): number {
    return this.#shared
  }

  #keyOf({
    operation,
    variables,
    form,
    caller,
    headersFor,
    invalidations,
  }: InFlightQuery): string | undefined {
    const given = JSON.stringify(variables)
    if (given.length > KEY_CHARS_MAX) return undefined
    const whose = operation.scope === 'PUBLIC' ? '' : callerText(caller)
    const headers =
      headersFor === undefined
        ? ''
        : JSON.stringify(operation.supergraph.subgraphs.map(({ name }) => headersFor(name) ?? null))
    return `${form} ${this.#mutations} ${invalidations} ${given} ${headers} ${whose}`
  }
}
