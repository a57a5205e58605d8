import { createHash } from 'node:crypto'
import { buildSchema, parse, print } from 'graphql'
import { describe, expect, it } from 'vitest'
import { SourceError } from '../../schema/generate.ts'
import { operationsFiles, persistOperations } from '../../schema/persist.ts'
import { parseGraphql, readOperations } from '../../schema/sources.ts'

const schema = buildSchema('type Query { a(x: Int!): Int b: T } type T { c: Int } type Mutation { m: Int }')

const file = (name: string, text: string) => parseGraphql(`schema/operations/${name}.graphql`, text)

const persist = (name: string, text: string) => persistOperations([file(name, text)], schema)

function problems(name: string, text: string, ...others: ReturnType<typeof file>[]): readonly string[] {
  try {
    persistOperations([file(name, text), ...others], schema)
  } catch (error) {
    if (error instanceof SourceError) return error.problems
    throw error
  }
  return []
}

describe('persistOperations', () => {
  it('strips comment and directive, prints the body and takes its SHA-256 for the id', () => {
    const body = 'query GetA {\n  a(x: 1)\n}'
    expect(
      persist(
        'GetA',
        '# Reads\n#   a.\n\n# Not this.\nquery GetA @operation(priority: PAY, tool: "get_a") { a(x:1) }',
      ),
    ).toEqual([
      {
        id: createHash('sha256').update(body).digest('hex'),
        name: 'GetA',
        type: 'query',
        body,
        priority: 'PAY',
        tool: 'get_a',
        description: 'Reads a.',
      },
    ])
  })

  it('gives the same id however the text is laid out', () => {
    const [one] = persist('A', '# A.\nquery A @operation(priority: BROWSE) { a(x: 1) b { c } }')
    const [other] = persist(
      'A',
      '# B.\nquery A @operation(priority: BROWSE)\n{\n  a(x: 1),\n  # here\n  b { c }\n}',
    )
    expect(other?.id).toBe(one?.id)
  })

  it('keeps fragments, other directives and the operation without a tool', () => {
    const [operation] = persist(
      'A',
      '# A.\nquery A($s: Boolean!) @operation(priority: BROWSE) { b { ...F @skip(if: $s) } }\nfragment F on T { c }',
    )
    expect(operation?.body).toBe(
      print(parse('query A($s: Boolean!) { b { ...F @skip(if: $s) } } fragment F on T { c }')),
    )
    expect(operation).not.toHaveProperty('tool')
  })

  it('sorts by name', () => {
    const operations = persistOperations(
      ['B', 'A'].map(name => file(name, `# x.\nmutation ${name} @operation(priority: CLAIM) { m }`)),
      schema,
    )
    expect(operations.map(({ name }) => name)).toEqual(['A', 'B'])
  })

  it.each([
    [
      'another name than the file’s',
      '# x.\nquery B @operation(priority: PAY) { a(x: 1) }',
      ':2 expected the operation to be called A, as its file, got B',
    ],
    [
      'no name',
      '# x.\nquery @operation(priority: PAY) { a(x: 1) }',
      ':2 expected the operation to be called A, as its file, got no name',
    ],
    [
      'two operations',
      '# x.\nquery A @operation(priority: PAY) { a(x: 1) }\nquery B { a(x: 1) }',
      ' expected one operation, got 2',
    ],
    ['no operation', '# x.\nfragment F on T { c }', ' expected one operation, got 0'],
    [
      'no comment',
      'query A @operation(priority: PAY) { a(x: 1) }',
      ':1 expected a leading comment that says what the operation does, got none',
    ],
    ['no @operation', '# x.\nquery A { a(x: 1) }', ':2 expected one @operation(priority:, tool:), got 0'],
    [
      'two of them',
      '# x.\nquery A @operation(priority: PAY) @operation(priority: PAY) { a(x: 1) }',
      ':2 expected one @operation(priority:, tool:), got 2',
    ],
    [
      'no priority',
      '# x.\nquery A\n@operation(tool: "a") { a(x: 1) }',
      ':3 expected @operation to say its priority, got none',
    ],
    [
      'an unknown priority',
      '# x.\nquery A @operation(priority: LATER) { a(x: 1) }',
      ':2 expected priority to be one of OPERATE, PAY, REDEEM, CLAIM, BROWSE, got LATER',
    ],
    [
      'the priority of unregistered text',
      '# x.\nquery A @operation(priority: ADHOC) { a(x: 1) }',
      ':2 expected priority to be one of OPERATE, PAY, REDEEM, CLAIM, BROWSE, got ADHOC',
    ],
    [
      'a priority in quotes',
      '# x.\nquery A @operation(priority: "PAY") { a(x: 1) }',
      ':2 expected priority to be one of OPERATE, PAY, REDEEM, CLAIM, BROWSE, got "PAY"',
    ],
    [
      'a tool with a capital',
      '# x.\nquery A @operation(priority: PAY, tool: "getA") { a(x: 1) }',
      ':2 expected tool to be a string of a-z, 0-9 and _ that begins with a letter, at most 64 characters, got "getA"',
    ],
    [
      'an unknown argument',
      '# x.\nquery A @operation(priority: PAY, tol: "a") { a(x: 1) }',
      ':2 @operation takes priority and tool, got tol',
    ],
    [
      '@operation on a field',
      '# x.\nquery A @operation(priority: PAY) {\n  a(x: 1) @operation(priority: PAY)\n}',
      ':3 Unknown directive "@operation".',
    ],
    [
      'a field that clients do not have',
      '# x.\nquery A @operation(priority: PAY) {\n  nothing\n}',
      ':3 Cannot query field "nothing" on type "Query".',
    ],
    [
      'a missing argument',
      '# x.\nquery A @operation(priority: PAY) { a }',
      ':2 Field "a" argument "x" of type "Int!" is required, but it was not provided.',
    ],
    [
      'a subscription',
      '# x.\nsubscription A @operation(priority: PAY) { a }',
      ':2 expected a query or a mutation, got a subscription',
    ],
  ])('refuses %s, naming file and line', (_, text, problem) =>
    expect(problems('A', text)).toEqual([`schema/operations/A.graphql${problem}`]),
  )

  it('refuses two operations for one tool', () =>
    expect(
      problems(
        'A',
        '# x.\nquery A @operation(priority: PAY, tool: "t") { a(x: 1) }',
        file('B', '# x.\nquery B @operation(priority: PAY, tool: "t") { a(x: 2) }'),
      ),
    ).toEqual(['schema/operations/B.graphql the tool t is already that of schema/operations/A.graphql']))

  it('names every file that is wrong, not only the first', () =>
    expect(problems('A', '# x.\nquery A { a(x: 1) }', file('B', '# x.\nquery B { a(x: 1) }'))).toHaveLength(
      2,
    ))
})

const readManifest = () => JSON.parse(operationsFiles()[0]!.text)

describe('schema/operations', () => {
  it('persist as an Apollo manifest, every one of them, the same text each time', () => {
    expect(operationsFiles()).toEqual(operationsFiles())
    const manifest = readManifest()
    expect(manifest).toMatchObject({ format: 'apollo-persisted-query-manifest', version: 1 })
    expect(manifest.operations).toHaveLength(readOperations().length)
    for (const { id, body } of manifest.operations)
      expect(id).toBe(createHash('sha256').update(body).digest('hex'))
  })

  it('hold those that others rely on', () => {
    const names = readManifest().operations.map(({ name }: { name: string }) => name)
    expect(names).toEqual(
      expect.arrayContaining(
        'CampaignHome ClaimCoupon MyCoupons SearchProducts ProductDetail QuoteOrder PlaceOrder PayOrder OrderStatus MyOrders CancelOrder PauseIssuance ResumeIssuance IssuanceStatus InvalidateCache'.split(
          ' ',
        ),
      ),
    )
  })
})
