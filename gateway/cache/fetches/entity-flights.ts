import { type DeadlineMs, deadlineIn } from '../../../protocol/deadline.ts'
import type { Moment } from '../entry.ts'
import { type LandedEntities, landedOf } from './entity-landing.ts'
import { departing, type EntityFetch, type Slot } from './entity-slots.ts'
import { Failed, type Flight, Flights } from './flights.ts'
import { type Keeping, keep, skip } from './keeping.ts'

/** A slot, and the flight that is to bring it. */
export interface Waiting {
  readonly slot: Slot
  readonly flight: Flight<LandedEntities>
  readonly isJoined: boolean
}

/** Fetches of entities under way, each for whatever was missing of one fetch. */
export interface EntityFlights {
  has(key: string): boolean
  /**
   * Joins what is under way, and asks once for the rest.
   * @param tick nothing is joined that has begun before it.
   * @param deadlineMs of what is asked for.
   */
  board(entities: EntityFetch, slots: readonly Slot[], tick: number, deadlineMs: DeadlineMs): Waiting[]
  /** Asks again for all that is stale in one fetch, beside whoever is answered with it. */
  refresh(entities: EntityFetch, stale: readonly Slot[]): void
  /** Keys being asked for. */
  readonly underWay: number
}

export function createEntityFlights(keeping: Keeping, keysMax: number): EntityFlights {
  const { answers, tags, watch, refreshes, refreshMsMax, clock } = keeping
  const flights = new Flights<LandedEntities>(keysMax)

  function board(
    entities: EntityFetch,
    slots: readonly Slot[],
    tick: number,
    deadlineMs: DeadlineMs,
  ): Waiting[] {
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
    const flight = depart(entities, own, deadlineMs)
    for (const slot of own) waiting.push({ slot, flight, isJoined: false })
    return waiting
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

  return {
    has: key => flights.has(key),
    board,
    refresh,
    get underWay() {
      return flights.underWay
    },
  }
}
