import { describe, expect, it } from 'vitest'
import { operationKind } from '../../subgraphs/operation-kind.ts'

describe('the kind of an operation', () => {
  it.each([
    ['{ a }', undefined, 'query'],
    ['query Q { mutation }', undefined, 'query'],
    ['mutation { a }', undefined, 'mutation'],
    ['# mutation\nquery { a }', undefined, 'query'],
    ['fragment F on T { a } mutation M { ...F }', undefined, 'mutation'],
    ['query Q { a } mutation M { a }', 'M', 'mutation'],
    ['query Q { a } mutation M { a }', 'Q', 'query'],
    ['query Q { a } mutation M { a }', undefined, 'query'],
    ['mutation {', undefined, 'query'],
  ] as const)('%j named %s is %s, asked twice', (text, name, kind) => {
    expect([operationKind(text, name), operationKind(text, name)]).toEqual([kind, kind])
  })
})
