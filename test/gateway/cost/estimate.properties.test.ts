import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type SelectionSetNode,
  validate,
  validateSchema,
  visit,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { type CompiledEstimate, compileEstimate, type Estimate } from '../../../gateway/cost/estimate.ts'
import { Fault } from '../../../protocol/fault.ts'
import { type Case, everyCase, fragmentsIn, operationIn, randomCases, schemaOf } from './random-cases.ts'
import { NotExactlyOne, Reference } from './reference-estimate.ts'

const LIST_SIZE = 7
const CASES = randomCases(800)

function compile({ supergraph }: Pick<Case, 'supergraph'>, document: DocumentNode): CompiledEstimate {
  return compileEstimate(supergraph, operationIn(document), fragmentsIn(document), {
    listSizeDefault: LIST_SIZE,
  })
}

/** `undefined`: refused for its slicing arguments. */
function estimated(estimate: () => Estimate): Estimate | undefined {
  try {
    return estimate()
  } catch (error) {
    if (error instanceof Fault && error.code === 'COST_INVALID_SLICING_ARGUMENTS') return undefined
    throw error
  }
}

const baseOf = ({ operation }: Case): number => (operation.operation === 'mutation' ? 10 : 0)

describe('the estimate of any operation on any schema', () => {
  it('is tried on what may be asked', () => {
    everyCase(CASES.slice(0, 400), one => {
      expect(validateSchema(one.supergraph.apiSchema)).toEqual([])
      expect(validate(one.supergraph.apiSchema, one.document)).toEqual([])
    })
  })

  it('is what the formula says, word for word', () => {
    let refused = 0
    let compared = 0
    everyCase(CASES, one => {
      const reference = new Reference(one.supergraph.apiSchema, one.document, one.variables, LIST_SIZE)
      let total: number | undefined
      try {
        total = reference.total()
      } catch (error) {
        if (!(error instanceof NotExactlyOne)) throw error
      }
      const got = estimated(() => compile(one, one.document).estimate(one.variables))
      expect(got?.total).toBe(total)
      if (total === undefined) refused++
      else compared++
    })
    // Neither side may be what every case comes to.
    expect(compared).toBeGreaterThan(2_000)
    expect(refused).toBeGreaterThan(100)
  })

  it('is the sum of its root fields, and never negative', () => {
    everyCase(CASES, one => {
      const got = estimated(() => compile(one, one.document).estimate(one.variables))
      if (got === undefined) return
      expect(got.roots.every(points => points >= 0)).toBe(true)
      expect(got.total).toBe(got.roots.reduce((sum, points) => sum + points, baseOf(one)))
    })
  })

  it('is explained whole: what each field adds by itself, as often as it is asked for, adds up to it', () => {
    everyCase(CASES, one => {
      const compiled = compile(one, one.document)
      const got = estimated(() => compiled.estimate(one.variables))
      if (got === undefined) return
      const fields = compiled.explain(one.variables)
      const sum = fields.reduce(
        (total, { times, count, weight, arguments: given }) => total + times * (count * weight + given),
        baseOf(one),
      )
      expect(sum).toBe(got.total)
      const roots = fields
        .filter(({ path }) => path.length === 1)
        .reduce((total, field) => total + field.total, 0)
      expect(roots).toBe(got.total - baseOf(one))
    })
  })

  it('grows, or stays, when any size does', () => {
    let grown = 0
    const tried = new Set<string>()
    everyCase(CASES, one => {
      const compiled = compile(one, one.document)
      const got = estimated(() => compiled.estimate(one.variables))
      if (got === undefined) return
      for (const larger of eachLarger(one.variables)) {
        const more = estimated(() => compiled.estimate(larger))!
        expect(more.total).toBeGreaterThanOrEqual(got.total)
        if (more.total > got.total) grown++
      }
      if (tried.has(one.sdl)) return
      tried.add(one.sdl)
      const assumed = one.sdl.replace(/assumedSize: (\d)/g, (_, size) => `assumedSize: ${Number(size) + 1}`)
      const more = compile({ supergraph: schemaOf(assumed) }, one.document).estimate(one.variables)
      expect(more.total).toBeGreaterThanOrEqual(got.total)
    })
    expect(grown).toBeGreaterThan(200)
  })

  it('counts every alias: the same once more under other names costs as much again', () => {
    everyCase(CASES, one => {
      const got = estimated(() => compile(one, one.document).estimate(one.variables))
      if (got === undefined) return
      const { selections } = one.operation.selectionSet
      const again = visit(one.operation.selectionSet, {
        Field: (field): FieldNode => ({
          ...field,
          alias: { kind: Kind.NAME, value: `again_${field.alias?.value ?? field.name.value}` },
        }),
      })
      const twice: DocumentNode = {
        ...one.document,
        definitions: one.document.definitions.map(definition =>
          definition.kind === Kind.OPERATION_DEFINITION
            ? {
                ...definition,
                selectionSet: {
                  ...definition.selectionSet,
                  selections: [...selections, ...again.selections],
                },
              }
            : definition,
        ),
      }
      expect(compile(one, twice).estimate(one.variables).total).toBe(2 * got.total - baseOf(one))
    })
  })

  it('does not care whether a fragment is spread or written out', () => {
    everyCase(CASES, one => {
      const inlined = (set: SelectionSetNode): SelectionSetNode =>
        visit(set, {
          FragmentSpread({ name, directives = [] }) {
            const { typeCondition, selectionSet } = one.fragments.get(name.value)!
            return {
              kind: Kind.INLINE_FRAGMENT,
              typeCondition,
              directives,
              selectionSet: inlined(selectionSet),
            }
          },
        })
      const selectionSet = inlined(one.operation.selectionSet)
      const document: DocumentNode = {
        kind: Kind.DOCUMENT,
        definitions: [{ ...one.operation, selectionSet }],
      }
      expect(estimated(() => compile(one, document).estimate(one.variables))).toEqual(
        estimated(() => compile(one, one.document).estimate(one.variables)),
      )
    })
  })
})

/** The variables with one size, wherever it stands, larger by one: an Int, or a list by another of its items. */
function eachLarger(variables: Readonly<Record<string, unknown>>): Record<string, unknown>[] {
  return Object.entries(variables).flatMap(([name, value]) =>
    largerThan(value).map(larger => ({ ...variables, [name]: larger })),
  )
}

function largerThan(value: unknown): unknown[] {
  if (typeof value === 'number') return [value + 1]
  if (Array.isArray(value)) {
    const within = value.flatMap((item, i) => largerThan(item).map(larger => value.with(i, larger)))
    return value.length === 0 ? [] : [[...value, value[0]], ...within]
  }
  if (value === null || typeof value !== 'object') return []
  return eachLarger(value as Record<string, unknown>)
}
