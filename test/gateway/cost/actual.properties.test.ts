import { describe, expect, it } from 'vitest'
import { type ActualCost, compileActual } from '../../../gateway/cost/actual.ts'
import { compileEstimate } from '../../../gateway/cost/estimate.ts'
import type { Choices } from './choices.ts'
import { randomAnswer } from './random-answer.ts'
import { type Case, everyCase, randomCases } from './random-cases.ts'
import { referenceActual } from './reference-actual.ts'
import { NotExactlyOne, Reference } from './reference-estimate.ts'

const LIST_SIZE = 7
const ANSWERS = 3
const CASES = randomCases(400)

/** Answers that keep to their sizes; none to a request that is refused. */
function answersOf(one: Case): { reference: Reference; answers: Record<string, unknown>[] } {
  const reference = new Reference(one.supergraph.apiSchema, one.document, one.variables, LIST_SIZE)
  try {
    reference.total()
  } catch (error) {
    if (error instanceof NotExactlyOne) return { reference, answers: [] }
    throw error
  }
  return { reference, answers: Array.from({ length: ANSWERS }, () => randomAnswer(reference, one.choices)) }
}

const compiled = new Map<Case, ActualCost>()

function compile(one: Case): ActualCost {
  const { supergraph, operation, fragments } = one
  const actual = compiled.get(one) ?? compileActual(supergraph, operation, fragments)
  compiled.set(one, actual)
  return actual
}

describe('what an answer has cost', () => {
  it('is what the formula says, field by field', () => {
    let points = 0
    everyCase(CASES, one => {
      const actual = compile(one)
      const { reference, answers } = answersOf(one)
      for (const answer of answers) {
        const got = actual(answer, one.variables)
        expect(got).toBe(referenceActual(reference, answer))
        points += got
      }
    })
    expect(points).toBeGreaterThan(10_000)
  })

  it('is never more than was estimated, as long as lists keep to their sizes', () => {
    let exact = 0
    everyCase(CASES, one => {
      const estimate = compileEstimate(one.supergraph, one.operation, one.fragments, {
        listSizeDefault: LIST_SIZE,
      })
      const actual = compile(one)
      for (const answer of answersOf(one).answers) {
        const { roots } = estimate.estimate(one.variables)
        const most = roots.reduce((sum, root) => sum + root, 0)
        const got = actual(answer, one.variables)
        expect(got).toBeLessThanOrEqual(most)
        if (got > 0 && got === most) exact++
      }
    })
    expect(exact).toBeGreaterThan(50)
  })

  it('does not depend on the keys that the data has its fields under', () => {
    everyCase(CASES.slice(0, 500), one => {
      const keyOf = (key: string): string => `_a_${key}`
      const actual = compile(one)
      const underOthers = compileActual(one.supergraph, one.operation, one.fragments, { keyOf })
      for (const answer of answersOf(one).answers)
        expect(underOthers(renamed(answer, keyOf), one.variables)).toBe(actual(answer, one.variables))
    })
  })

  it('throws for no data, however odd, and is never negative', () => {
    everyCase(CASES.slice(0, 500), one => {
      const actual = compile(one)
      for (const answer of answersOf(one).answers) {
        const odd = spoilt(answer, one.choices) as Record<string, unknown>
        expect(actual(odd, one.variables)).toBeGreaterThanOrEqual(0)
      }
      expect(actual(null, one.variables)).toBe(0)
    })
  })
})

function renamed(value: unknown, keyOf: (key: string) => string): Record<string, unknown> {
  const walk = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(walk)
    if (item === null || typeof item !== 'object') return item
    return Object.fromEntries(
      Object.entries(item).map(([key, inner]) => [key === '__typename' ? key : keyOf(key), walk(inner)]),
    )
  }
  return walk(value) as Record<string, unknown>
}

/** The same with a few values of the wrong kind. */
function spoilt(value: unknown, choices: Choices, depth = 0): unknown {
  if (depth > 0 && choices.chance(1, 6)) return choices.oneOf(ODD)
  if (Array.isArray(value)) return value.map(item => spoilt(item, choices, depth + 1))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, spoilt(inner, choices, depth + 1)]),
  )
}

const ODD: readonly unknown[] = [
  undefined,
  null,
  0,
  -1,
  'text',
  true,
  [],
  [[[]]],
  [null],
  {},
  { __typename: 7 },
  { __typename: 'Nobody' },
  { __typename: 'Query' },
  [{ __typename: 'Alpha' }, 'text'],
]
