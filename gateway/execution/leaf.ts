import { type GraphQLLeafType, isEnumType } from 'graphql'

export interface Leaf {
  /** The value as the client gets it; undefined when the type does not have it. */
  readonly read: (value: unknown) => unknown
  /** In a sentence: "Expected <this> for …". */
  readonly expected: string
}

const INT_MAX = 2_147_483_647
const INT_MIN = -2_147_483_648

/**
 * How values of a leaf type are taken from a subgraph's answer: built-in scalars and enums are checked (an enum's
 * inaccessible values are not in the API schema, so they fail), custom scalars pass as they are, unless they nest too deep.
 */
export function compileLeaf(type: GraphQLLeafType): Leaf {
  if (isEnumType(type)) {
    const values = new Set<unknown>(type.getValues().map(value => value.name))
    return {
      expected: `a value of enum ${type.name}`,
      read: value => (values.has(value) ? value : undefined),
    }
  }
  return BUILT_IN[type.name] ?? ANYTHING
}

/** JSON is written by recursion, which ends at some thousands; one such value would cost the whole response. */
const NESTING_MAX = 500

const ANYTHING: Leaf = {
  expected: `a value nested at most ${NESTING_MAX} deep`,
  read: value => (nestsDeeper(value, NESTING_MAX) ? undefined : value),
}

function nestsDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  return members.some(member => nestsDeeper(member, levels - 1))
}

const BUILT_IN: Readonly<Record<string, Leaf>> = {
  Int: {
    expected: 'an Int',
    read: value =>
      Number.isInteger(value) && (value as number) <= INT_MAX && (value as number) >= INT_MIN
        ? value
        : undefined,
  },
  Float: { expected: 'a Float', read: value => (Number.isFinite(value) ? value : undefined) },
  String: { expected: 'a String', read: value => (typeof value === 'string' ? value : undefined) },
  Boolean: { expected: 'a Boolean', read: value => (typeof value === 'boolean' ? value : undefined) },
  ID: {
    expected: 'an ID',
    read: value => (typeof value === 'string' ? value : Number.isInteger(value) ? String(value) : undefined),
  },
}
