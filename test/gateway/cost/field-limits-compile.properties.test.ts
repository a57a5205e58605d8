import fc from 'fast-check'
import { buildSchema, Kind, type OperationDefinitionNode, parse } from 'graphql'
import { expect, test } from 'vitest'
import { compileLimits } from '../../../gateway/cost/field-limits-compile.ts'

const SEED = 20_270_206

const apiSchema = buildSchema('type Query { stock(sku: ID): Int }')
const operation = parse('query($sku: ID) { stock(sku: $sku) }').definitions[0] as OperationDefinitionNode
const limits = (['FLEET', 'CALLER'] as const).map(per => ({
  coordinate: 'Query.stock',
  by: 'sku',
  per,
  over: 'REFUSE' as const,
  status: undefined,
  rate: { perSecond: 1, burst: 1 },
  pointsMin: 0,
  id: `Query.stock:sku@${per}`,
}))
const roots = operation.selectionSet.selections.flatMap(field =>
  field.kind === Kind.FIELD ? [{ field, typename: 'Query', name: field.name.value }] : [],
)
const [caller, fleet] = compileLimits({ all: limits, apiSchema }, roots)!

/** Among them what keys are made of, and near misses of it. */
const word = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: fc.constantFrom('a', 'b', '=', '@', '#', '~', ':', ' '), maxLength: 6 }),
  fc.string({ minLength: 60, maxLength: 80, unit: fc.constantFrom('a', 'b') }),
)

test('buckets are one where value and caller are, short, and plain', () => {
  const request = fc.record({ sku: fc.option(word), whose: word })
  fc.assert(
    fc.property(request, request, (a, b) => {
      const ofFleet = [a, b].map(({ sku, whose }) => fleet!.keyOf({ sku }, whose))
      const ofCaller = [a, b].map(({ sku, whose }) => caller!.keyOf({ sku }, whose))
      for (const key of [...ofFleet, ...ofCaller]) expect(key).toMatch(/^[\x21-\x7e]{1,194}$/)
      expect(ofFleet[0] === ofFleet[1]).toBe(a.sku === b.sku)
      expect(ofCaller[0] === ofCaller[1]).toBe(a.sku === b.sku && a.whose === b.whose)
      for (const key of ofCaller) expect(ofFleet).not.toContain(key)
    }),
    { seed: SEED, numRuns: 5_000 },
  )
})
