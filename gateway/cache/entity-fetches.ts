import { deadlineIn } from '../../protocol/deadline.ts'
import type { Found } from './answers.ts'
import { EntityAnswer } from './entity-answer.ts'
import { type LandedEntities, landedOf } from './entity-landing.ts'
import { departing, type EntityFetch, type Slot, slotsOf } from './entity-slots.ts'
import type { Moment } from './entry.ts'
import type { EntitiesAnswer } from './fetch-request.ts'
import { FetchTally } from './fetch-tally.ts'
import { Failed, type Flight, Flights, isOutOfOthersTime, landingBy } from './flights.ts'
import { type Keeping, keep, skip } from './keeping.ts'

export type { EntityFetch } from './entity-slots.ts'

/** Entities, each kept by itself: only those that are missing are asked for. */
export interface EntityFetches {
  /** Never rejects: what could not be had is missing. */
  answer(entities: EntityFetch): Promise<EntitiesAnswer>
  /** Keys being asked for. */
  readonly underWay: number
}

/** An answer on its way. */
interface Progress {
  readonly entities: EntityFetch
  readonly whole: EntityAnswer
  readonly tally: FetchTally
  readonly stale: Slot[]
}

/** A slot, and the flight that is to bring it. */
interface Waiting {
  readonly slot: Slot
  readonly flight: Flight<LandedEntities>
  readonly isJoined: boolean
}

export function createEntityFetches(keeping: Keeping, flightsMax: number): EntityFetches {
  const { answers, tags, watch, refreshes, refreshMsMax, clock } = keeping
  const flights = new Flights<LandedEntities>(flightsMax)

  async function answer(entities: EntityFetch): Promise<EntitiesAnswer> {
    const { fetch } = entities
    const slots = slotsOf(entities, watch)
    const progress = { entities, whole: new EntityAnswer(entities.lists), tally: new FetchTally(), stale: [] }
    const open = fetch.isFresh ? slots : await missing(progress, slots)
    if (fetch.isFresh)
      for (const { plan, field } of slots) if (plan !== undefined) skip(watch, plan, field, 'not-fresh')
    refresh(entities, progress.stale)
    const { tick } = tags.now()
    const waiting = board(entities, open, 0)
    for (const { slot, isJoined } of waiting)
      if (slot.plan !== undefined) progress.tally.add(isJoined ? 'DEDUPE' : 'MISS', slot.field)
    const alone = waiting.length === slots.length ? oneOwn(waiting) : undefined
    const landing = await alone?.landing
    if (landing !== undefined && !(landing instanceof Failed)) {
      for (const slot of slots) record(entities, slot, landing)
      tell(progress)
      return { answer: landing.answer }
    }
    const again = await land(progress, waiting, tick)
    if (again.length > 0) await land(progress, board(entities, again, tick), undefined)
    tell(progress)
    return progress.whole.whole()
  }

  /** Serves what is kept; whatever is not there or of no use is left. */
  async function missing(progress: Progress, slots: readonly Slot[]): Promise<readonly Slot[]> {
    const here = slots.filter(slot => !isServed(progress, slot, peek(slot)))
    const elsewhere = here.filter(({ key, plan }) => plan?.isShared === true && !flights.has(key))
    if (elsewhere.length === 0) return here
    const found = await answers.getMany(
      elsewhere.map(({ key }) => key),
      true,
    )
    const served = new Set<Slot>()
    // Memory again too: what was on its way may have come meanwhile.
    for (let i = 0; i < elsewhere.length; i++)
      if (isServed(progress, elsewhere[i]!, found[i] ?? peek(elsewhere[i]!))) served.add(elsewhere[i]!)
    return served.size === 0 ? here : here.filter(slot => !served.has(slot))
  }

  function peek({ key, plan }: Slot): Found | undefined {
    const entry = plan === undefined ? undefined : answers.peek(key)
    return entry && { entry, tier: 'memory' }
  }

  function isServed(progress: Progress, slot: Slot, found: Found | undefined): boolean {
    if (found === undefined) return false
    const isFresh = clock() < found.entry.freshUntilMs
    if (!isFresh && progress.entities.isRefresh) {
      slot.stale = found
      return false
    }
    if (!isFresh) progress.stale.push(slot)
    serve(progress, slot, found, isFresh ? 'HIT' : 'STALE')
    return true
  }

  function serve(
    { entities, whole, tally }: Progress,
    slot: Slot,
    found: Found,
    result: 'HIT' | 'STALE',
  ): void {
    whole.put(slot.l, slot.index, found.entry.value)
    tally.add(result, slot.field, clock() - found.entry.born.atMs, found.tier)
    entities.recording.add(found.entry, slot.plan!.policy.scope)
  }

  /**
   * Joins what is under way, and asks once for the rest.
   * @param tick nothing is joined that has begun before it.
   */
  function board(entities: EntityFetch, slots: readonly Slot[], tick: number): Waiting[] {
    const { fetch, asker } = entities
    const waiting: Waiting[] = []
    const own: Slot[] = []
    for (const slot of slots) {
      const isJoinable = slot.plan !== undefined && !fetch.isFresh
      const flight = isJoinable ? flights.find(slot.key, asker.priority, tick) : undefined
      if (flight === undefined) own.push(slot)
      else waiting.push({ slot, flight, isJoined: true })
    }
    if (own.length === 0) return waiting
    const flight = depart(entities, own, asker.deadlineMs)
    for (const slot of own) waiting.push({ slot, flight, isJoined: false })
    return waiting
  }

  /**
   * Puts what has come where it belongs.
   * @param tick when it was boarded; undefined: nothing is asked for again.
   * @returns what is to be asked for again.
   */
  async function land(
    progress: Progress,
    waiting: readonly Waiting[],
    tick: number | undefined,
  ): Promise<Slot[]> {
    const { entities, whole } = progress
    const { deadlineMs } = entities.asker
    const landings = new Map<Flight<LandedEntities>, Promise<LandedEntities | Failed>>()
    for (const { flight, isJoined } of waiting)
      if (!landings.has(flight))
        landings.set(flight, isJoined ? landingBy(flight, deadlineMs) : flight.landing)
    const landed = new Map<Flight<LandedEntities>, LandedEntities | Failed>()
    for (const [flight, landing] of landings) landed.set(flight, await landing)
    const again: Slot[] = []
    for (const { slot, flight, isJoined } of waiting) {
      const landing = landed.get(flight)!
      if (isJoined && tick !== undefined && isToAskAgain(landing, flight, slot, tick, deadlineMs))
        again.push(slot)
      else if (landing instanceof Failed) fail(progress, slot, landing.reason)
      else {
        whole.land(slot.l, slot.index, landing, landing.parts.get(slot.key)!, isJoined)
        record(entities, slot, landing)
      }
    }
    return again
  }

  /** Whoever comes after an invalidation takes nothing that was asked for before it and may be void. */
  function isToAskAgain(
    landing: LandedEntities | Failed,
    flight: Flight<LandedEntities>,
    slot: Slot,
    tick: number,
    deadlineMs: number,
  ): boolean {
    if (landing instanceof Failed) return isOutOfOthersTime(landing, flight, deadlineMs)
    if (tick === flight.born.tick) return false
    const entry = landing.parts.get(slot.key)?.entry
    return entry === undefined || !tags.holds(entry)
  }

  function fail(progress: Progress, slot: Slot, reason: unknown): void {
    const { stale } = slot
    if (stale !== undefined && clock() < stale.entry.staleUntilMs) {
      serve(progress, slot, stale, 'STALE')
      return
    }
    progress.whole.miss(slot.l, slot.index, reason)
    progress.entities.recording.spoil()
  }

  function record({ recording }: EntityFetch, slot: Slot, landed: LandedEntities): void {
    recording.add(landed.parts.get(slot.key)?.entry, slot.plan?.policy.scope ?? 'PRIVATE')
  }

  function depart(entities: EntityFetch, slots: readonly Slot[], deadlineMs: number): Flight<LandedEntities> {
    const { fetch, asker, lists, send } = entities
    const { variables, asked } = departing(entities, slots)
    const kept = slots.filter(({ plan }) => plan !== undefined)
    const born = tags.now()
    const departure = { service: fetch.service, born, deadlineMs, priority: asker.priority }
    return flights.begin(
      kept.map(({ key }) => key),
      departure,
      async () => {
        const answer = await send(variables, deadlineMs, kept.length > 0)
        const askedLists = asked.map((slotsAsked, l) => ({
          rootKey: lists[l]!.key,
          keys: slotsAsked.map(slot => slot?.key),
        }))
        const landed = landedOf(answer, askedLists, fetch.service)
        keepAll(entities, kept, landed, born)
        return landed
      },
    )
  }

  /** What is without an error, as long as nobody wonders whose an error is. */
  function keepAll(
    entities: EntityFetch,
    slots: readonly Slot[],
    landed: LandedEntities,
    born: Moment,
  ): void {
    const { asker, variables, lists } = entities
    const isClear = landed.common.length === 0 && Boolean(landed.answer.data)
    for (const { key, field, l, index, plan } of slots) {
      const part = landed.parts.get(key)!
      if (!isClear || part.errors !== undefined || part.fault !== undefined) {
        skip(watch, plan!, field, 'errors')
        continue
      }
      const representation = lists[l]!.representations[index]!
      part.entry = keep(keeping, plan!, {
        key,
        field,
        value: part.value,
        born,
        asker,
        variables,
        representation,
      })
    }
  }

  /** All that is stale in one fetch, beside whoever is answered with it. */
  function refresh(entities: EntityFetch, stale: readonly Slot[]): void {
    if (stale.length === 0) return
    const gate = Promise.withResolvers<LandedEntities | Failed>()
    const isNew = async ({ key }: Slot): Promise<boolean> => {
      const landing = await gate.promise
      return !(landing instanceof Failed) && landing.parts.get(key)?.entry !== undefined
    }
    const isNeeded = ({ key }: Slot): boolean =>
      // It may have been refreshed while another tier was asked for the rest.
      !flights.has(key) && !(clock() < (answers.peek(key)?.freshUntilMs ?? 0))
    const started = stale.filter(slot => isNeeded(slot) && refreshes.start(slot.key, () => isNew(slot)))
    if (started.length > 0) depart(entities, started, deadlineIn(refreshMsMax)).landing.then(gate.resolve)
  }

  function tell({ entities, tally }: Progress): void {
    tally.tell(watch, 'entity')
    if (entities.recording.trace !== undefined) tally.trace(entities.recording.trace, entities.fetch.service)
  }

  return {
    answer,
    get underWay() {
      return flights.underWay
    },
  }
}

/** The flight, if it is the only one, and nobody else's. */
function oneOwn(waiting: readonly Waiting[]): Flight<LandedEntities> | undefined {
  const [first] = waiting
  const isOne = first?.isJoined === false && waiting.every(({ flight }) => flight === first.flight)
  return isOne ? first.flight : undefined
}
