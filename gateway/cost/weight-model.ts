import type { ConstValueNode, OperationTypeNode } from 'graphql'

/**
 * What a schema says of costs: `@cost` and `@listSize` of its fields, arguments, input fields and types, those that
 * clients do not see included. Weights are points, 0 or more.
 */
export interface Weights {
  readonly types: ReadonlyMap<string, TypeWeights>
  rootOf(kind: `${OperationTypeNode}`): string
  field(typename: string, name: string): FieldWeights | undefined
}

export interface TypeWeights {
  readonly kind: 'object' | 'interface' | 'union' | 'input' | 'enum' | 'scalar'
  /** Its own `@cost`. */
  readonly cost: number | undefined
  /** Of objects and interfaces. */
  readonly fields: ReadonlyMap<string, FieldWeights>
  /** The fields of an input object. */
  readonly inputs: ReadonlyMap<string, InputWeights>
}

export interface FieldWeights {
  readonly coordinate: string
  /** The type that it leads to, without lists. */
  readonly typename: string
  /** Does it lead to objects? */
  readonly isComposite: boolean
  /** How many lists stand around the type. */
  readonly listDepth: number
  /** Its own `@cost`. */
  readonly cost: number | undefined
  /** Its own `@cost`, else its type's, else 1 for what leads to objects and 0 for what does not. */
  readonly weight: number
  readonly arguments: ReadonlyMap<string, InputWeights>
  readonly listSizes: readonly ListSize[]
}

/** An argument or an input field. */
export interface InputWeights {
  readonly coordinate: string
  readonly typename: string
  /** How many lists stand around the type. */
  readonly listDepth: number
  /** Cannot be null. */
  readonly isRequired: boolean
  /** Its own `@cost`, else its type's. */
  readonly cost: number | undefined
  readonly defaultValue: ConstValueNode | undefined
}

/** A `@listSize`, checked against the schema. Sizes count members, 0 or more. */
export interface ListSize {
  readonly assumedSize: number | undefined
  /** Each once; empty: sizes are not asked for. */
  readonly slicing: readonly SlicingPath[]
  /** Exactly one of the slicing arguments has to be given. */
  readonly requiresOne: boolean
  readonly sizedFields: SizedFields | undefined
}

/** A slicing argument: the argument itself, or a field of an input object within it. */
export interface SlicingPath {
  /** As written: `input.page.first`. */
  readonly text: string
  /** `["input", "page", "first"]` */
  readonly segments: readonly string[]
  /** An Int's value counts, a list's length. */
  readonly takes: 'value' | 'length'
}

/** Fields of an object to which the size is handed down: a list itself, or an object in which it goes on. */
export type SizedFields = ReadonlyMap<string, SizedFields | 'list'>
