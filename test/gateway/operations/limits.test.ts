import { getIntrospectionQuery, type OperationDefinitionNode, parse } from 'graphql'
import { expect, test } from 'vitest'
import { checkLimits } from '../../../gateway/operations/limits.ts'

const check = (text: string, depthMax: number, rootFieldsMax: number): string | undefined => {
  const document = parse(text)
  const operation = document.definitions[0] as OperationDefinitionNode
  return checkLimits(document, operation, { depthMax, rootFieldsMax })?.message
}

test.each([
  ['a field is one level', '{ a }', 1, 1],
  ['siblings do not add up', '{ a { b c d { e } } }', 3, 1],
  ['an inline fragment is no level', '{ a { ... on A { b } } }', 2, 1],
  ['a spread is as deep as its fragment', '{ a { ...F } } fragment F on A { b { c } }', 3, 1],
  ['aliases are root fields each', '{ a b: a c: a }', 1, 3],
  ['root fields in fragments count', '{ ...F ... { c } } fragment F on Query { a b }', 1, 3],
])('%s', (_, text, depth, rootFields) => {
  expect(check(text, depth, rootFields)).toBeUndefined()
  if (depth > 1)
    expect(check(text, depth - 1, rootFields)).toBe(
      `expected at most ${depth - 1} levels of fields, got ${depth}`,
    )
  if (rootFields > 1) {
    expect(check(text, depth, rootFields - 1)).toBe(
      `expected at most ${rootFields - 1} root fields, got ${rootFields}`,
    )
  }
})

test('fragments within one another are bounded too: inline, spread, and both', () => {
  const inline = (levels: number): string => `{ ${'... { '.repeat(levels)} a ${'}'.repeat(levels)} }`
  const spread = (levels: number): string =>
    Array.from(
      { length: levels },
      (_, i) => `fragment f${i} on A { ${i + 1 < levels ? `...f${i + 1}` : 'a'} }`,
    ).join(' ')
  // The operation's own set is a level.
  for (const nested of [inline, (levels: number) => `{ ...f0 } ${spread(levels)}`]) {
    expect(check(nested(111), 12, 1)).toBeUndefined()
    expect(check(nested(112), 12, 1)).toBe('expected at most 112 levels of fields and fragments, got 113')
  }
  expect(check(`{ ${'... { '.repeat(60)} ...f0 ${'}'.repeat(60)} } ${spread(60)}`, 12, 1)).toMatch(/got 121$/)
})

test('introspection is neither deep nor many', () => {
  const text =
    '{ __typename __schema { types { fields { type { ofType { name } } } } } t: __type(name: "A") { name } a }'
  expect(check(text, 1, 1)).toBeUndefined()
})

test('fragments are measured once each, and circles end', () => {
  const doubling = Array.from({ length: 60 }, (_, i) => `fragment f${i} on A { ...f${i + 1} ...f${i + 1} }`)
  expect(check(`{ ...f0 } ${doubling.join(' ')} fragment f60 on A { a }`, 1, 2 ** 60)).toBeUndefined()
  expect(check('{ ...F } fragment F on A { a { ...F } }', 5, 5)).toBeUndefined()
})

test('introspection is bounded by its fields too, and what tools send passes', () => {
  const aliases = (count: number): string =>
    `{ __schema { types { ${Array.from({ length: count }, (_, i) => `a${i}: name`).join(' ')} } } }`
  expect(check(aliases(399), 1, 1)).toBeUndefined()
  expect(check(aliases(400), 1, 1)).toBe('expected introspection to select at most 400 fields, got 401')
  expect(check(`{ a { query ${aliases(400)} } }`, 3, 1)).toMatch(/got 401$/)
  const all = {
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  }
  expect(check(getIntrospectionQuery(all), 1, 1)).toBeUndefined()
})
