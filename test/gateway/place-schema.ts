import { buildSchema, type GraphQLSchema, type OperationDefinitionNode, parse } from 'graphql'
import { fragmentsOf } from '../../gateway/execution/fragments.ts'
import type { keptPlaceOf, PlaceTold } from '../../gateway/kept-place.ts'
import type { Authorization } from '../../gateway/supergraph/authorization.ts'

/** What operations that may be answered with a place are asked of. */
export const SCHEMA: GraphQLSchema = buildSchema(`
  scalar DateTime
  enum Severity { INFO WARNING }
  interface Message { code: String!, severity: Severity!, messageZh: String!, messageEn: String!, retryable: Boolean!, retryAfterMs: Int }
  interface Waiting { position: Int!, retryAfterMs: Int }
  type KeptPlace implements Message & Waiting {
    code: String!, severity: Severity!, messageZh: String!, messageEn: String!, retryable: Boolean!, retryAfterMs: Int
    token: String!, admitAt: DateTime!, position: Int!
    ahead: [KeptPlace!], line: Other, nickname: String
  }
  type Issued implements Message {
    code: String!, severity: Severity!, messageZh: String!, messageEn: String!, retryable: Boolean!, retryAfterMs: Int, coupon: ID!
  }
  type Other { id: ID! }
  union Result = Issued | KeptPlace
  union Without = Issued | Other
  interface Root { claim(id: ID): Result! }
  type Query { place: KeptPlace }
  type Mutation implements Root {
    claim(id: ID): Result!
    message: Message
    waiting: Waiting
    place: KeptPlace
    places: [KeptPlace]
    without: Without
    number: Int
  }
`)

export const TOLD: PlaceTold = {
  token: 'p1.e.1.0.mac',
  admitAtMs: Date.parse('2027-02-06T12:15:06.400Z'),
  retryAfterMs: 40_200,
  position: 12,
}

/** As much of an operation as a place is answered by. @param text valid. */
export function compiled(
  text: string,
  schema: GraphQLSchema = SCHEMA,
  authorization: Authorization | undefined = undefined,
): Parameters<typeof keptPlaceOf>[0] {
  const document = parse(text)
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode => definition.kind === 'OperationDefinition',
  )!
  return {
    compiled: {
      supergraph: { apiSchema: schema, authorization },
      operation,
      fragments: fragmentsOf(document),
    },
  }
}
