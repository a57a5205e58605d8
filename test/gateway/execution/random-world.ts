import fc from 'fast-check'

/**
 * A small description of a federated graph. Every description is one: numbers choose among what is possible where they
 * are read (world-model.ts), and what is not possible is left out. So descriptions may be generated and shrunk freely.
 */
export interface WorldShape {
  readonly graphs: number
  readonly types: readonly TypeShape[]
  readonly interfaces: readonly AbstractShape[]
  readonly unions: readonly AbstractShape[]
  /** An interface with a key, and a subgraph that adds fields to it as an `@interfaceObject`. */
  readonly media: MediaShape | null
  readonly roots: readonly RootShape[]
  readonly mutations: readonly RootShape[]
  /** All data is a function of this. */
  readonly seed: number
  readonly nulls: boolean
  readonly failures: boolean
  /** For `@override` with a label `percent(n)`. */
  readonly percentage: number
}

export interface TypeShape {
  /** Bits: the subgraphs that know more of the type than its key. */
  readonly homes: number
  readonly keys: number
  readonly fields: readonly FieldShape[]
  readonly calculated: readonly CalculatedShape[]
  /** Some entities do not exist in one of the homes. */
  readonly gone: boolean
  /** A value type that one home owns. */
  readonly box: boolean
  /** A value type whose fields come from two homes. */
  readonly split: boolean
}

export interface FieldShape {
  readonly what: number
  readonly form: number
  readonly owner: number
  readonly other: number
  readonly sharing: number
  readonly provides: number
  readonly inaccessible: boolean
}

/** A field with `@requires`. */
export interface CalculatedShape {
  readonly home: number
  readonly inputs: readonly number[]
  readonly args: number
}

export interface AbstractShape {
  readonly graphs: number
  readonly members: number
  readonly fields: number
}

export interface MediaShape {
  readonly owner: number
  readonly adder: number
  readonly members: number
  readonly fields: readonly FieldShape[]
  readonly added: readonly FieldShape[]
  readonly calculated: boolean
}

export interface RootShape {
  readonly graph: number
  readonly target: number
  readonly form: number
  readonly provides: number
  readonly shared: boolean
}

const small = fc.nat(11)
/** False first, and more often. */
const seldom = fc.integer({ min: 0, max: 3 }).map(n => n === 3)

const field: fc.Arbitrary<FieldShape> = fc.record({
  what: fc.nat(23),
  form: fc.nat(4),
  owner: fc.nat(3),
  other: fc.nat(3),
  sharing: fc.nat(5),
  provides: fc.nat(7),
  inaccessible: seldom,
})

const type: fc.Arbitrary<TypeShape> = fc.record({
  homes: fc.nat(15),
  keys: fc.nat(4),
  fields: fc.array(field, { maxLength: 7, size: 'max' }),
  calculated: fc.array(
    fc.record({
      home: fc.nat(3),
      inputs: fc.array(small, { minLength: 1, maxLength: 3, size: 'max' }),
      args: fc.nat(1),
    }),
    { maxLength: 3, size: 'max' },
  ),
  gone: seldom,
  box: fc.boolean(),
  split: seldom,
})

const abstract: fc.Arbitrary<AbstractShape> = fc.record({
  graphs: fc.nat(15),
  members: fc.nat(15),
  fields: fc.nat(255),
})

const root: fc.Arbitrary<RootShape> = fc.record({
  graph: fc.nat(3),
  target: small,
  form: fc.nat(4),
  provides: fc.nat(7),
  shared: seldom,
})

export const worldShape: fc.Arbitrary<WorldShape> = fc.record({
  graphs: fc.integer({ min: 2, max: 4 }),
  types: fc.array(type, { minLength: 1, maxLength: 4, size: 'max' }),
  interfaces: fc.array(abstract, { maxLength: 2, size: 'max' }),
  unions: fc.array(abstract, { maxLength: 1, size: 'max' }),
  media: fc.option(
    fc.record({
      owner: fc.nat(3),
      adder: fc.nat(2),
      members: fc.nat(15),
      fields: fc.array(field, { maxLength: 3, size: 'max' }),
      added: fc.array(field, { maxLength: 3, size: 'max' }),
      calculated: fc.boolean(),
    }),
    { freq: 1 },
  ),
  roots: fc.array(root, { minLength: 1, maxLength: 6, size: 'max' }),
  mutations: fc.array(root, { maxLength: 4, size: 'max' }),
  seed: fc.nat(100_000),
  nulls: fc.boolean(),
  failures: fc.boolean(),
  percentage: fc.nat(99),
})
