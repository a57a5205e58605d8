import { buildASTSchema, type GraphQLSchema, getVariableValues, parse } from 'graphql'
import { fragmentsIn, operationIn } from './random-cases.ts'

/** A library, of which examples are worked out by hand. */
export const LIBRARY = `
  directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
  directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION

  type Query {
    name: String
    opensAt: Instant
    mood: Mood
    dear: Int @cost(weight: 5)
    book(id: ID): Book
    vault: Vault
    cheapVault: Vault @cost(weight: 3)
    books: [Book!]!
    shelves: [[Book!]!]!
    recent: [Book] @listSize(assumedSize: 8)
    page(first: Int, last: Int): [Book] @listSize(slicingArguments: ["first", "last"])
    lenient(first: Int = 4, last: Int): [Book]
      @listSize(slicingArguments: ["first", "last"], assumedSize: 6, requireOneSlicingArgument: false)
    unsized(first: Int): [Book] @listSize(slicingArguments: ["first"], requireOneSlicingArgument: false)
    byIds(ids: [ID!]): [Book] @listSize(slicingArguments: ["ids"])
    search(input: SearchInput): [Book] @listSize(slicingArguments: ["input.page.first"], requireOneSlicingArgument: false)
    connection(first: Int = 10): Connection! @listSize(slicingArguments: ["first"], sizedFields: ["edges", "groups { books }"])
    node: Node
    hit: Hit
    hits: [Hit] @listSize(assumedSize: 2)
    priced(arg: Int @cost(weight: 10), mood: Mood, at: Instant, list: [Int] @cost(weight: 2)): Int
    counted(inputs: [SearchInput!]): Int
  }
  type Mutation { lend(input: LendInput!): Book @cost(weight: 6) }
  type Connection { edges: [Edge!]! groups: Groups total: Int }
  type Groups { books: [Book] others: [Book] }
  type Edge { node: Book }
  type Book implements Node { id: ID label: String @cost(weight: 4) title: String author: Author shelfmarks: [String!] pages: [Page] }
  type Author implements Node { id: ID label: String name: String }
  type Page { text: String @cost(weight: 2) }
  type Vault @cost(weight: 40) { id: ID books(first: Int!): [Book] @listSize(slicingArguments: ["first"]) }
  interface Node { id: ID label: String }
  union Hit = Book | Author | Vault
  scalar Instant @cost(weight: 30)
  enum Mood @cost(weight: 15) { CALM LOUD }
  input SearchInput { page: PageInput text: String not: SearchInput }
  input PageInput { first: Int = 3 after: String }
  input LendInput { book: ID! until: Instant reader: ReaderInput @cost(weight: 7) notes: [String!] }
  input ReaderInput { card: String @cost(weight: 20) }
`

const schema: GraphQLSchema = buildASTSchema(parse(LIBRARY))

export const library: { readonly sdl: string; readonly apiSchema: GraphQLSchema } = {
  sdl: LIBRARY,
  apiSchema: schema,
}

/** An operation on the library, with its variables coerced. */
export function asked(
  text: string,
  given: Record<string, unknown> = {},
): {
  operation: ReturnType<typeof operationIn>
  fragments: ReturnType<typeof fragmentsIn>
  variables: Record<string, unknown>
} {
  const document = parse(text, { noLocation: true })
  const operation = operationIn(document)
  const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], given)
  if (coerced === undefined) throw new Error(errors.join('\n'))
  return { operation, fragments: fragmentsIn(document), variables: coerced }
}
