import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EntitiesAnswer, EntityList } from '../../../../gateway/cache/fetches/fetch-request.ts'
import { noAnswer } from '../../../../protocol/no-answer.ts'
import type { SubgraphAnswer, SubgraphError } from '../../../../protocol/subgraph-client.ts'
import { FRESH_MS, keptFetches, policiesOf } from './kept-fetches.ts'
import { answering, asker, fetchOf, listOf } from './scripted-fetch.ts'

/** What the subgraph makes of an entity, always the same: its number says. */
const FORMS = ['known', 'known', 'known', 'gone', 'failing', 'failing twice'] as const
const formOf = (id: string): (typeof FORMS)[number] => FORMS[Number(id) % FORMS.length]!

const FETCH = fetchOf(`query ($r: [_Any!]!, $s: [_Any!]!) {
  a: _entities(representations: $r) { ... on Product { name } }
  b: _entities(representations: $r) { ... on Product { stock } }
  c: _entities(representations: $s) { ... on Product { name } }
}`)
const FIELDS = { a: 'r', b: 'r', c: 's' } as const
type Key = keyof typeof FIELDS
const KEYS = Object.keys(FIELDS) as Key[]

interface Wanted {
  readonly r: readonly string[]
  readonly s: readonly string[]
}

const subgraph = (variables: Readonly<Record<string, unknown>>): SubgraphAnswer => {
  const errors: SubgraphError[] = []
  const data = Object.fromEntries(
    KEYS.map(key => [
      key,
      (variables[FIELDS[key]] as readonly { id: string }[]).map(({ id }, i) => {
        const form = formOf(id)
        if (form === 'gone') return null
        if (form.startsWith('failing')) errors.push({ message: `no ${key}${id}`, path: [key, i, 'name'] })
        if (form === 'failing twice') errors.push({ message: `none at all of ${id}`, path: [key, i] })
        return form === 'known' ? { name: `${key}${id}`, stock: 1 } : { name: null, stock: null }
      }),
    ]),
  )
  return { data, ...(errors.length > 0 ? { errors } : {}) }
}

const listsOf = (wanted: Wanted): EntityList[] =>
  KEYS.map(key => listOf(wanted[FIELDS[key]], { key, variable: FIELDS[key] }))

const uncached = (wanted: Wanted): SubgraphAnswer =>
  subgraph(
    Object.fromEntries(listsOf(wanted).map(({ variable, representations }) => [variable, representations])),
  )

/** Errors come in no order that means anything. */
const told = ({ data, errors = [] }: SubgraphAnswer): unknown => ({
  data,
  errors: errors.map(error => JSON.stringify([error.path, error.message])).sort(),
})

const ids = fc.uniqueArray(fc.nat(30).map(String), { maxLength: 12 })
const wanted: fc.Arbitrary<Wanted> = fc.record({ r: ids, s: ids })
const step = fc.record({
  /** Asked at once. */
  together: fc.array(wanted, { minLength: 1, maxLength: 4 }),
  forwardMs: fc.constantFrom(0, 0, FRESH_MS / 2, FRESH_MS, 20 * FRESH_MS),
  isRefresh: fc.boolean(),
  isFresh: fc.constantFrom(false, false, true),
  invalidated: fc.option(fc.nat(30).map(id => `Product:${id}`)),
  isDown: fc.constantFrom(false, false, false, true),
})

test('lists of what is known, missing, stale and failing, at once and one after another, are answered as without a cache', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async steps => {
      const { caching, tags, clock, watch } = keptFetches({ policies: policiesOf() })
      for (const { together, forwardMs, isRefresh, isFresh, invalidated, isDown } of steps) {
        clock.forward(forwardMs)
        if (invalidated !== null) void tags.invalidate([invalidated])
        const { send, sent } = answering(variables => {
          if (isDown) throw noAnswer('SUBGRAPH_UNREACHABLE', 'shop', 'down')
          return subgraph(variables)
        })
        const answers = await Promise.all(
          together.map(each =>
            caching.begin({ isRefresh }).entities({ ...FETCH, isFresh }, asker(), {}, listsOf(each), send),
          ),
        )
        for (const [i, answer] of answers.entries()) holdsOne(together[i]!, answer, isDown)
        if (!isFresh && !isRefresh && !isDown) asksOnce(sent)
        await new Promise(resolve => setImmediate(resolve))
      }
      expect(caching.underWay).toBe(0)
      expect(watch.errors).toEqual([])
    }),
    { seed: 20_261_121, numRuns: 400 },
  )
})

/** Whatever is there is right; only while the subgraph is down anything is missing. */
function holdsOne(each: Wanted, { answer, missing = [] }: EntitiesAnswer, isDown: boolean): void {
  if (!isDown) {
    expect(missing).toEqual([])
    expect(told(answer)).toEqual(told(uncached(each)))
    return
  }
  const right = uncached(each)
  for (const key of KEYS)
    for (const [i, id] of each[FIELDS[key]].entries()) {
      const isMissing = missing.some(({ indexes }) => indexes.get(key)?.has(i))
      const value = (answer.data![key] as unknown[])[i]
      expect(isMissing ? value : isDeepStrictEqual(value, (right.data![key] as unknown[])[i]), id).toBe(
        isMissing ? null : true,
      )
    }
  expect(answer.errors ?? [], 'an error is of who was asked').toEqual([])
}

/** What failed may have been answered before the next one came; nothing else is asked for twice. */
function asksOnce(sent: readonly Readonly<Record<string, unknown>>[]): void {
  const asked = sent
    .flatMap(({ s }) => (s as readonly { id: string }[]).map(({ id }) => id))
    .filter(id => !formOf(id).startsWith('failing'))
  expect(asked).toHaveLength(new Set(asked).size)
}
