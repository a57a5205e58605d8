import type { Found } from '../stores/answers.ts'
import { EntityAnswer } from './entity-answer.ts'
import { createEntityFlights, type Waiting } from './entity-flights.ts'
import type { LandedEntities } from './entity-landing.ts'
import { type EntityFetch, type Slot, slotsOf } from './entity-slots.ts'
import type { EntitiesAnswer } from './fetch-request.ts'
import { FetchTally } from './fetch-tally.ts'
import { Failed, type Flight, isOutOfOthersTime, landingBy } from './flights.ts'
import { type Keeping, sharedDeadline, skip } from './keeping.ts'

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

export function createEntityFetches(keeping: Keeping, flightsMax: number): EntityFetches {
  const { answers, tags, watch, clock } = keeping
  const flights = createEntityFlights(keeping, flightsMax)

  async function answer(entities: EntityFetch): Promise<EntitiesAnswer> {
    const { fetch, asker } = entities
    const slots = slotsOf(entities, watch)
    const progress = { entities, whole: new EntityAnswer(entities.lists), tally: new FetchTally(), stale: [] }
    const open = fetch.isFresh ? slots : await missing(progress, slots)
    if (fetch.isFresh)
      for (const { plan, field } of slots) if (plan !== undefined) skip(watch, plan, field, 'not-fresh')
    flights.refresh(entities, progress.stale)
    if (open.length === 0) {
      tell(progress)
      return progress.whole.whole()
    }
    const { tick } = tags.now()
    const waiting = flights.board(entities, open, 0, asker.deadlineMs)
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
    if (again.length > 0) {
      const others = flights.board(entities, again, tick, sharedDeadline(keeping, asker))
      await land(progress, others, undefined)
    }
    tell(progress)
    return progress.whole.whole()
  }

  /** Serves what is kept; whatever is not there or of no use is left. */
  async function missing(progress: Progress, slots: readonly Slot[]): Promise<readonly Slot[]> {
    const atMs = clock()
    const here = slots.filter(slot => !isServed(progress, slot, peek(slot), atMs))
    const elsewhere = here.filter(({ key, plan }) => plan?.isShared === true && !flights.has(key))
    if (elsewhere.length === 0 || !answers.asksFurther(true)) return here
    const founds = await answers.getMany(
      elsewhere.map(({ key }) => key),
      true,
    )
    const found = new Map(elsewhere.map((slot, i) => [slot, founds[i]]))
    const laterMs = clock()
    // Memory again too: what was on its way, here or for another, may have come meanwhile.
    return here.filter(slot => !isServed(progress, slot, found.get(slot) ?? peek(slot), laterMs))
  }

  function peek({ key, plan }: Slot): Found | undefined {
    const entry = plan === undefined ? undefined : answers.peek(key)
    return entry && { entry, tier: 'memory' }
  }

  function isServed(progress: Progress, slot: Slot, found: Found | undefined, atMs: number): boolean {
    if (found === undefined) return false
    const isFresh = atMs < found.entry.freshUntilMs
    if (!isFresh && progress.entities.isRefresh) {
      slot.stale = found
      return false
    }
    if (!isFresh) progress.stale.push(slot)
    serve(progress, slot, found, isFresh ? 'HIT' : 'STALE', atMs)
    return true
  }

  function serve(
    { entities, whole, tally }: Progress,
    slot: Slot,
    found: Found,
    result: 'HIT' | 'STALE',
    atMs: number,
  ): void {
    whole.put(slot.l, slot.index, found.entry.value)
    tally.add(result, slot.field, atMs - found.entry.born.atMs, found.tier)
    entities.recording.add(found.entry, slot.plan!.policy.scope)
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
    for (const { flight } of waiting)
      if (!landings.has(flight)) landings.set(flight, landingBy(flight, deadlineMs))
    const landed = new Map<Flight<LandedEntities>, LandedEntities | Failed>()
    for (const [flight, landing] of landings) landed.set(flight, await landing)
    const again: Slot[] = []
    for (const { slot, flight, isJoined } of waiting) {
      const landing = landed.get(flight)!
      if (isJoined && tick !== undefined && isToAskAgain(landing, flight, slot, tick, deadlineMs))
        again.push(slot)
      else if (landing instanceof Failed) fail(progress, slot, landing.reason)
      else {
        whole.land(slot.l, slot.index, landing, landing.parts.get(slot.key)!)
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
    if (stale !== undefined && answers.answersNow(stale.entry)) {
      serve(progress, slot, stale, 'STALE', clock())
      return
    }
    progress.whole.miss(slot.l, slot.index, reason)
    progress.entities.recording.spoil()
  }

  function record({ recording }: EntityFetch, slot: Slot, landed: LandedEntities): void {
    recording.add(landed.parts.get(slot.key)?.entry, slot.plan?.policy.scope ?? 'PRIVATE')
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
