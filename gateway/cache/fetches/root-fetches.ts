import { deadlineIn } from '../../../protocol/deadline.ts'
import type { SubgraphAnswer } from '../../../protocol/subgraph-client.ts'
import type { Entry } from '../entry.ts'
import type { Found } from '../stores/answers.ts'
import { askedOf, keyOf } from './fetch-keys.ts'
import type { KeepPlan } from './fetch-plans.ts'
import type { FetchRecording, FetchTrace } from './fetch-record.ts'
import type { Asker, CachedFetch, SendFetch, Values } from './fetch-request.ts'
import { Failed, type Flight, Flights, isOutOfOthersTime, landingBy } from './flights.ts'
import { type Keeping, keep, sharedDeadline, skip } from './keeping.ts'

interface Landed {
  readonly answer: SubgraphAnswer
  /** Undefined: it is not such as is kept. */
  readonly entry: Entry | undefined
}

/** One fetch of root fields whose answer may be kept. */
export interface RootFetch {
  readonly fetch: CachedFetch
  readonly plan: KeepPlan
  readonly asker: Asker
  readonly variables: Values
  readonly send: SendFetch
  /** What is stale counts as missing. */
  readonly isRefresh: boolean
  readonly recording: FetchRecording
}

/** Answers to fetches of root fields, each kept as a whole. */
export interface RootFetches {
  /** As the fetch's own answer; rejects as `send` does. */
  answer(root: RootFetch): Promise<SubgraphAnswer>
  /** Keys being asked for. */
  readonly underWay: number
}

export function createRootFetches(keeping: Keeping, flightsMax: number): RootFetches {
  const { answers, tags, watch, refreshes, refreshMsMax, clock } = keeping
  const flights = new Flights<Landed>(flightsMax)

  async function answer(root: RootFetch): Promise<SubgraphAnswer> {
    const { fetch, plan, asker, variables, recording } = root
    const asked = askedOf(fetch, asker, variables, plan.policy.scope)
    const key = asked && keyOf(plan.label, plan.base, asked)
    if (key === undefined) {
      skip(watch, plan, undefined, 'too-large')
      recording.pass(fetch.service, plan.policy.fields)
      return root.send(variables, asker.deadlineMs, false)
    }
    if (fetch.isFresh) {
      skip(watch, plan, undefined, 'not-fresh')
      return ask(root, key, undefined)
    }
    const found = peek(key) ?? (asksFurther(key, plan) ? await look(key, plan) : undefined)
    if (found === undefined) return ask(root, key, undefined)
    const isFresh = clock() < found.entry.freshUntilMs
    if (!isFresh && root.isRefresh) return ask(root, key, found)
    if (!isFresh) refresh(root, key)
    return serve(root, found, isFresh ? 'HIT' : 'STALE')
  }

  function peek(key: string): Found | undefined {
    const entry = answers.peek(key)
    return entry && { entry, tier: 'memory' }
  }

  function asksFurther(key: string, { isShared }: KeepPlan): boolean {
    return answers.asksFurther(isShared) && !flights.has(key)
  }

  /** Memory again too: what was on its way may have come while another tier was asked. */
  async function look(key: string, { isShared }: KeepPlan): Promise<Found | undefined> {
    return (await answers.get(key, isShared)) ?? peek(key)
  }

  function serve(root: RootFetch, { entry, tier }: Found, result: 'HIT' | 'STALE'): SubgraphAnswer {
    const ageMs = clock() - entry.born.atMs
    root.recording.add(entry, root.plan.policy.scope)
    tell(root, result, ageMs)
    for (const field of root.plan.policy.fields) {
      const event = { level: 'root', field, count: 1, ageMs, tier } as const
      if (result === 'HIT') watch.onHit(event)
      else watch.onStale(event)
    }
    return { data: entry.value as SubgraphAnswer['data'] & object }
  }

  /** @param stale answers if nothing better can be had. */
  async function ask(root: RootFetch, key: string, stale: Found | undefined): Promise<SubgraphAnswer> {
    const { fetch, plan, asker, recording } = root
    const joined = fetch.isFresh ? undefined : flights.find(key, asker.priority)
    let landing: Landed | Failed
    if (joined === undefined) {
      asksFor(root)
      landing = await depart(root, key, asker.deadlineMs).landing
    } else {
      joins(root)
      const { tick } = tags.now()
      landing = await landingBy(joined, asker.deadlineMs)
      if (isToAskAgain(landing, joined, tick, asker)) {
        const other =
          flights.find(key, asker.priority, tick) ?? depart(root, key, sharedDeadline(keeping, asker))
        landing = await landingBy(other, asker.deadlineMs)
      }
    }
    if (landing instanceof Failed) {
      if (stale !== undefined && answers.answersNow(stale.entry)) return serve(root, stale, 'STALE')
      recording.spoil()
      throw landing.reason
    }
    recording.add(landing.entry, plan.policy.scope)
    return landing.answer
  }

  /** Whoever comes after an invalidation takes nothing that was asked for before it and may be void. */
  function isToAskAgain(
    landing: Landed | Failed,
    flight: Flight<Landed>,
    tick: number,
    { deadlineMs }: Asker,
  ): boolean {
    if (landing instanceof Failed) return isOutOfOthersTime(landing, flight, deadlineMs)
    return tick !== flight.born.tick && (landing.entry === undefined || !tags.holds(landing.entry))
  }

  function depart(root: RootFetch, key: string, deadlineMs: number): Flight<Landed> {
    const { fetch, plan, asker, variables, send } = root
    const born = tags.now()
    const departure = { service: fetch.service, born, deadlineMs, priority: asker.priority }
    return flights.begin([key], departure, async () => {
      const answer = await send(variables, deadlineMs, true)
      if ((answer.errors ?? []).length > 0 || !answer.data) {
        skip(watch, plan, undefined, 'errors')
        return { answer, entry: undefined }
      }
      const came = { key, field: plan.label, value: answer.data, born, asker, variables }
      return { answer, entry: keep(keeping, plan, came) }
    })
  }

  function refresh(root: RootFetch, key: string): void {
    if (flights.has(key)) return
    refreshes.start(key, async () => {
      const landing = await depart(root, key, deadlineIn(refreshMsMax)).landing
      return !(landing instanceof Failed) && landing.entry !== undefined
    })
  }

  function asksFor(root: RootFetch): void {
    for (const field of root.plan.policy.fields) watch.onMiss({ level: 'root', field, count: 1 })
    tell(root, 'MISS')
  }

  function joins(root: RootFetch): void {
    for (const field of root.plan.policy.fields) watch.onDedupe({ level: 'root', field, count: 1 })
    tell(root, 'DEDUPE')
  }

  function tell({ fetch, plan, recording }: RootFetch, result: FetchTrace['result'], ageMs?: number): void {
    recording.trace?.push({
      subgraph: fetch.service,
      fields: plan.policy.fields,
      result,
      ...(ageMs === undefined ? {} : { ageMs: Math.round(ageMs) }),
    })
  }

  return {
    answer,
    get underWay() {
      return flights.underWay
    },
  }
}
