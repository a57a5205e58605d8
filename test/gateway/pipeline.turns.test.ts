import { describe, expect, test } from 'vitest'
import { admit, type Incoming, type Stages } from '../../gateway/pipeline.ts'
import type { Rank } from '../../gateway/run-queue.ts'
import type { PlaceShown, Spending } from '../../gateway/spending.ts'
import { LEVELS, type Level } from '../../gateway/surge/level.ts'
import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { PRIORITIES, type Priority } from '../../protocol/priority.ts'

/** In which turn a request is started, by who asks for what, and when. */

const SHOPPER: Caller = { ...ANONYMOUS, kind: 'shopper', shopperId: 'ann' }
const OPERATOR: Caller = { ...ANONYMOUS, kind: 'operator' }
const TOKEN = 'a token of a place'

interface Request {
  readonly caller?: Caller
  readonly level?: Level
  /** `undefined`: a text that nobody has compiled yet. */
  readonly priority: Priority | undefined
  /** What lines know of it: nothing, for no line is asked; or whether the place that it shows is due. */
  readonly place?: 'due' | 'not due'
  readonly isUncoercible?: boolean
}

interface Turn {
  readonly rank: Rank
  readonly isUrging: boolean
  readonly shown: readonly PlaceShown[]
}

/** Where it has to wait, for otherwise nobody asks for its rank. */
async function turnOf(request: Request): Promise<Turn> {
  const { caller = SHOPPER, level = 'CALM', priority, place, isUncoercible = false } = request
  const ranks: Rank[] = []
  const shown: PlaceShown[] = []
  let isUrging = false
  const spending: Partial<Spending> = {
    hasPlaces: () => place !== undefined,
    hasDuePlace: asked => {
      shown.push(asked)
      return place === 'due'
    },
  }
  const coerceVariables = (given: unknown): unknown => {
    if (isUncoercible) throw new Error('expected an Int')
    return { coerced: given }
  }
  const operation = priority === undefined ? undefined : { priority, compiled: { coerceVariables } }
  const stages = {
    identify: () => caller,
    addressOf: (address: string) => `of ${address}`,
    lookup: { recall: () => undefined, find: () => operation, note: () => {} },
    graph: { current: { rollouts: { bucketOf: () => 0 } } },
    limits: { requestMsMax: 10_000 },
    spending,
    level: { current: level },
    returns: { next: (_: unknown, waitMsMin: number) => waitMsMin },
    runQueue: {
      urge: () => {
        isUrging = true
      },
      enter: (rankOf: () => Rank) => {
        ranks.push(rankOf())
        return Promise.resolve(true)
      },
    },
  } as unknown as Stages
  const incoming = {
    text: '{ any }',
    headers: { 'spillway-place': TOKEN },
    remoteAddress: '192.0.2.1',
  } as unknown as Incoming
  await admit(stages, incoming, { input: 1 })
  expect(ranks).toHaveLength(1)
  return { rank: ranks[0]!, isUrging, shown }
}

describe('whoever shows a place whose turn has come goes before newcomers', () => {
  test.each(['CLAIM', 'BROWSE', 'ADHOC'] as const)('%s, at every level', async priority => {
    for (const level of LEVELS) {
      expect(await turnOf({ priority, level, place: 'due' })).toMatchObject({ rank: 'PROMISED' })
      expect((await turnOf({ priority, level, place: 'not due' })).rank).not.toBe('PROMISED')
    }
  })

  test('by what it shows: the variables, coerced, and the header', async () => {
    const { shown } = await turnOf({ priority: 'CLAIM', place: 'due' })
    expect(shown).toEqual([
      {
        caller: SHOPPER,
        address: 'of 192.0.2.1',
        operation: expect.objectContaining({ priority: 'CLAIM' }),
        variables: { coerced: { input: 1 } },
        placeToken: TOKEN,
      },
    ])
  })

  test('unless its variables are wrong, which it is told when it is run', async () => {
    const { rank, shown } = await turnOf({ priority: 'CLAIM', place: 'due', isUncoercible: true })
    expect([rank, shown]).toEqual(['CLAIM', []])
  })

  test.each(['OPERATE', 'PAY', 'REDEEM'] as const)(
    '%s is more urgent, and not looked into',
    async priority => {
      const caller = priority === 'OPERATE' ? OPERATOR : SHOPPER
      expect(await turnOf({ caller, priority, place: 'due' })).toMatchObject({ rank: priority, shown: [] })
    },
  )
})

describe('whoever gets only what is kept, or is refused, is started last', () => {
  test('whom the level lets in has its own turn', async () => {
    for (const priority of PRIORITIES) {
      const caller = priority === 'OPERATE' ? OPERATOR : SHOPPER
      for (const level of ['CALM', 'BUSY', 'SURGE'] as const) {
        expect(await turnOf({ caller, priority, level })).toMatchObject({ rank: priority })
      }
    }
    expect(await turnOf({ priority: undefined, level: 'BUSY' })).toMatchObject({ rank: 'ADHOC' })
  })

  test('else it is brief, but for a claim: it may have a place and show none', async () => {
    expect(await turnOf({ priority: 'BROWSE', level: 'SHED' })).toMatchObject({ rank: 'BRIEF' })
    expect(await turnOf({ priority: 'ADHOC', level: 'SHED' })).toMatchObject({ rank: 'BRIEF' })
    expect(await turnOf({ priority: undefined, level: 'SURGE' })).toMatchObject({ rank: 'BRIEF' })
    expect(await turnOf({ priority: 'CLAIM', level: 'SHED' })).toMatchObject({ rank: 'CLAIM' })
  })
})

test('answers to others wait while somebody pays, redeems or claims, whom one knows', async () => {
  const urging: Priority[] = []
  for (const priority of PRIORITIES) if ((await turnOf({ priority })).isUrging) urging.push(priority)
  expect(urging).toEqual(['PAY', 'REDEEM', 'CLAIM'])
  expect(await turnOf({ priority: 'PAY', caller: ANONYMOUS })).toMatchObject({
    rank: 'BROWSE',
    isUrging: false,
  })
})
