import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { costCommand } from '../../../gateway/cost/cost-command.ts'
import { plannedCost } from '../../../gateway/operations/planned-cost.ts'
import { LIBRARY } from './library.ts'

/** Files by path; what is not among them is read from the repository. */
const FILES: Readonly<Record<string, string>> = {
  'library.graphql': LIBRARY,
  'page.graphql': 'query Page($n: Int) { page(first: $n) { id author { name } } dear }',
  'two.graphql': 'query A { dear } query B { vault { id } }',
  'lend.graphql': 'mutation { lend(input: {book: 1}) { id } }',
  'answer.json':
    '{"data": {"page": [{"id": 1, "author": {"name": "a"}}, {"id": 2, "author": null}], "dear": 1}}',
  'data.json': '{"page": [{"id": 1, "author": null}], "dear": 1}',
  'null.json': '{"data": null, "errors": [{"message": "no"}]}',
  'subgraph.graphql': `
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", {name: "@cost", as: "@weighs"}])
    extend type Query { things: [Thing!]! @federation__listSize(assumedSize: 4) }
    extend type Thing @key(fields: "id") { id: ID! @shareable size: Int @weighs(weight: 3) }
  `,
  'things.graphql': '{ things { size } }',
  'broken.graphql': 'type Query { a: Int',
  'wrong.graphql': '{ page(first: 1) { id price } books }',
  'negative.graphql': 'type Query { dear: Int @cost(weight: -5) }',
  'dear.graphql': '{ dear }',
  'text.json': '"text"',
}

const run = (line: string, ...more: string[]): Promise<string> =>
  costCommand([...line.split(' '), ...more], {
    read: async path => {
      if (path === '-') return '{ recent { id } }'
      return FILES[path] ?? (await readFile(path, 'utf8'))
    },
    planned: plannedCost,
  })

const json = async (line: string, ...more: string[]): Promise<unknown> =>
  JSON.parse(await run(`${line} --json`, ...more))

describe('npm run cost', () => {
  it('says what an operation costs, and where', async () => {
    // 3 × (1 + 1) + 5
    expect(
      await json('--schema library.graphql --operation page.graphql', '--variables', '{"n": 3}'),
    ).toEqual({
      estimated: 3 * (1 + 1) + 5,
      planned: null,
      actual: null,
      fields: { page: 6, 'page.id': 0, 'page.author': 3, 'page.author.name': 0, dear: 5 },
    })
  })

  it('shows people the fields that cost something, most expensive first', async () => {
    expect(
      await run(
        '--schema library.graphql --operation page.graphql --variables {"n":3} --response answer.json',
      ),
    ).toBe(`estimated  11
actual     8

points  times  members  weight  arguments  field
     6      1        3       1          0  page         Query.page
     5      1        1       5          0  dear         Query.dear
     3      3        1       1          0  page.author  Book.author

2 more cost nothing.

points = times × (members × (weight + points of one below it) + arguments)
`)
  })

  it('tells what changing something costs from its fields', async () => {
    expect(await run('--schema library.graphql --operation lend.graphql')).toMatch(
      /^estimated {2}17 {2}\(10 for changing something\)\n\npoints .*\n {5}7 /,
    )
  })

  it.each([
    ['answer.json', 2 + 1 + 5],
    ['data.json', 1 + 5],
    ['null.json', 0],
  ])('says what %s has cost', async (file, actual) => {
    expect(
      await json(`--schema library.graphql --operation page.graphql --variables {"n":3} --response ${file}`),
    ).toMatchObject({ actual })
  })

  it('takes the size of lists that say none, and an operation from standard input', async () => {
    expect(await json('--schema library.graphql --operation - --list-size 7')).toMatchObject({ estimated: 8 })
  })

  it('chooses among operations by name', async () => {
    expect(await json('--schema library.graphql --operation two.graphql --name B')).toMatchObject({
      estimated: 40,
    })
  })

  it("reads a subgraph's schema, under the names that it gives the directives", async () => {
    expect(await json('--schema subgraph.graphql --operation things.graphql')).toMatchObject({
      estimated: 4 * (1 + 3),
    })
  })

  it('plans an operation as it is written here, on the composed supergraph', async () => {
    // coupon: 10 + claimCoupon 10 + its input 1 + two coupons, one of which it will be.
    const claim =
      '--schema schema/supergraph.graphql --supergraph --operation schema/operations/ClaimCoupon.graphql'
    expect(await json(claim, '--variables', '{"input": {"campaignId": "a"}}')).toMatchObject({
      estimated: 10 + 10 + 1 + 2,
      planned: 10 + 10 + 1 + 2,
      fields: { claimCoupon: 13, 'claimCoupon.coupon': 2 },
    })
    expect(await run(claim, '--variables', '{"input": {"campaignId": "a"}}')).toContain(
      'planned    23  (coupon 23)',
    )
  })

  it('lists its settings', async () => {
    const usage = await run('--help')
    for (const option of [
      'schema',
      'operation',
      'name',
      'variables',
      'list-size',
      'response',
      'supergraph',
      'json',
    ])
      expect(usage).toContain(`--${option} `)
  })

  it.each([
    ['--schema library.graphql', 'expected --schema <file> and --operation <file>; see --help'],
    ['--schem library.graphql', "Unknown option '--schem'; see --help"],
    ['library.graphql', "Unexpected argument 'library.graphql'; see --help"],
    [
      '--schema nowhere.graphql --operation dear.graphql',
      '--schema nowhere.graphql cannot be read: ENOENT: no such file or directory',
    ],
    [
      '--schema library.graphql --operation nowhere.graphql',
      '--operation nowhere.graphql cannot be read: ENOENT: no such file or directory',
    ],
    [
      '--schema broken.graphql --operation dear.graphql',
      'broken.graphql: Syntax Error: Expected Name, found <EOF>.',
    ],
    [
      '--schema library.graphql --supergraph --operation dear.graphql',
      'Expected a composed Federation 2 supergraph, got SDL without an enum "join__Graph"',
    ],
    ['--schema library.graphql --operation broken.graphql', 'broken.graphql: Syntax Error'],
    [
      '--schema library.graphql --operation wrong.graphql',
      'wrong.graphql: Cannot query field "price" on type "Book". (line 1) Field "books" of type "[Book!]!" must have a selection of subfields. Did you mean "books { ... }"? (line 1)',
    ],
    [
      '--schema negative.graphql --operation dear.graphql',
      'Expected the weight in @cost on Query.dear to be a number of at least 0, got -5',
    ],
    [
      '--schema library.graphql --operation two.graphql',
      'expected --name to choose one of 2 operations: A, B',
    ],
    ['--schema library.graphql --operation two.graphql --name C', 'expected --name to be one of A, B, got C'],
    [
      '--schema library.graphql --operation page.graphql --list-size many',
      'expected --list-size to be a whole number, got many',
    ],
    [
      '--schema library.graphql --operation page.graphql --variables {n:3}',
      'expected --variables to be JSON: ',
    ],
    [
      '--schema library.graphql --operation page.graphql --variables [3]',
      'expected --variables to be a JSON object, got [3]',
    ],
    [
      '--schema library.graphql --operation page.graphql --variables {"n":"x"}',
      '--variables: Variable "$n" got invalid value "x"; Int cannot represent non-integer value: "x"',
    ],
    [
      '--schema library.graphql --operation page.graphql',
      'Expected exactly one slicing argument of Query.page (first, last), got 0',
    ],
    [
      '--schema library.graphql --operation dear.graphql --response text.json',
      'expected --response text.json to be a JSON object, got "text"',
    ],
  ])('refuses %s', async (line, message) => {
    const error: unknown = await run(line).catch((reason: unknown) => reason)
    expect((error as Error).message).toContain(message)
    expect((error as Error).message).not.toContain('\n')
  })
})
