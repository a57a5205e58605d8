import { type InterfaceTypeDefinitionNode, parse, print, visit } from 'graphql'
import { describe, expect, test } from 'vitest'
import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { byId, resolveType } from './cases.ts'
import { type SubgraphSource, type World, world } from './world.ts'

/** What is guarded is named for what it needs. */
const shop: SubgraphSource = {
  sdl: `
    type Query {
      open: String
      known: String @authenticated
      mustKnown: String! @authenticated
      a: String @requiresScopes(scopes: [["a"]])
      aAndB: String @requiresScopes(scopes: [["a", "b"]])
      aOrBC: String @requiresScopes(scopes: [["a"], ["b", "c"]])
      gold: String @policy(policies: [["gold"]])
      goldAdultOrStaff: String @policy(policies: [["gold", "adult"], ["staff"]])
      all: String @authenticated @requiresScopes(scopes: [["a"]]) @policy(policies: [["gold"]])
      secret: Secret
      secrets: [Secret!]
      when: When
      kind: Kind
      me: User
      mustMe: User!
      users: [User]
      mustUsers: [User!]!
      pet: Pet
      pets: [Pet]
      found: [Found]
    }
    type Secret @authenticated { id: ID!  text: String }
    scalar When @authenticated
    enum Kind @requiresScopes(scopes: [["a"]]) { BIG SMALL }
    type User @key(fields: "id") {
      id: ID!
      name: String
      mail: String @authenticated
      mustMail: String! @authenticated
      boss: User
      mustBoss: User!
      teams: [[User!]]
      secret: Secret
    }
    interface Pet { id: ID!  name: String  owner: User }
    type Dog implements Pet @key(fields: "id") { id: ID!  name: String @authenticated  owner: User  bark: Int @requiresScopes(scopes: [["a"]]) }
    type Cat implements Pet @key(fields: "id") { id: ID!  name: String  owner: User  purr: Int }
    type Fish implements Pet @authenticated @key(fields: "id") { id: ID!  name: String  owner: User }
    union Found = User | Secret | Cat`,
  resolvers: {
    Query: {
      ...Object.fromEntries(
        ['open', 'known', 'mustKnown', 'a', 'aAndB', 'aOrBC', 'gold', 'goldAdultOrStaff', 'all', 'when'].map(
          name => [name, () => name],
        ),
      ),
      secret: () => ({ id: 's', text: 'psst' }),
      secrets: () => [{ id: 's', text: 'psst' }],
      kind: () => 'BIG',
      me: () => user(1),
      mustMe: () => user(1),
      users: () => [user(1), user(2)],
      mustUsers: () => [user(1), user(2)],
      pet: () => pets()[0],
      pets,
      found: () => [
        { __typename: 'User', ...user(1) },
        { __typename: 'Secret', id: 's', text: 'psst' },
        pets()[1],
      ],
    },
    User: { boss: () => user(2), mustBoss: () => user(2), teams: () => [[user(1)], null, [user(2)]] },
    Pet: { __resolveType: resolveType },
    Found: { __resolveType: resolveType },
  },
}

const stock: SubgraphSource = {
  sdl: `
    type User @key(fields: "id") { id: ID!  score: Int @requiresScopes(scopes: [["a"]])  rank: Int }
    type Dog @key(fields: "id") { id: ID!  chip: Int @authenticated }
    type Cat @key(fields: "id") { id: ID!  chip: Int }`,
  resolvers: {
    User: { __resolveReference: ({ id }: { id: string }) => ({ id, score: 9, rank: 1 }) },
    Dog: { __resolveReference: byId([{ id: 'd', chip: 1 }]) },
    Cat: { __resolveReference: byId([{ id: 'c', chip: 2 }]) },
  },
}

function user(n: number): object {
  return { id: `u${n}`, name: `n${n}`, mail: `m${n}`, mustMail: `mm${n}`, secret: { id: 's', text: 'psst' } }
}

function pets(): { __typename: string }[] {
  const pet = (typename: string, id: string, more: object = {}) => ({
    __typename: typename,
    id,
    name: typename,
    owner: user(1),
    ...more,
  })
  return [pet('Dog', 'd', { bark: 3 }), pet('Cat', 'c', { purr: 4 }), pet('Fish', 'f')]
}

const shopper = (...scopes: string[]): Caller => ({
  kind: 'shopper',
  shopperId: 'alice',
  client: 'test',
  scopes,
  tier: 'shopper',
})

const w = world({ shop, stock })

/** Composed as it was before interfaces were given the guards of all of their objects. */
const older = world({ shop, stock }, sdl => print(visit(parse(sdl), { InterfaceTypeDefinition: unguarded })))

function unguarded(node: InterfaceTypeDefinitionNode): InterfaceTypeDefinitionNode {
  return visit(node, {
    Directive: ({ name }) =>
      ['authenticated', 'requiresScopes', 'policy'].includes(name.value) ? null : undefined,
  })
}

interface Row {
  readonly what: string
  readonly query: string
  readonly variables?: Record<string, unknown>
  readonly caller?: Caller
  readonly data: unknown
  /** Code and path of each. */
  readonly errors?: readonly (readonly [code: string, path: string])[]
  /** What no subgraph may have been sent. */
  readonly unsent?: RegExp
  /** Requests to subgraphs. */
  readonly requests?: number
}

async function holds(
  { query, variables, caller = ANONYMOUS, data, errors = [], unsent, requests }: Row,
  on: World = w,
): Promise<void> {
  const answer = await on.query(query, variables, { caller })
  expect(answer.data).toEqual(data)
  expect(JSON.stringify(answer.data), 'keys in the order that the client gave').toBe(JSON.stringify(data))
  expect(answer.errors.map(({ code, path }) => [code, path?.join('.')])).toEqual(errors)
  if (unsent) for (const { operation } of on.sent) expect(operation).not.toMatch(unsent)
  if (requests !== undefined) expect(on.sent).toHaveLength(requests)
}

const NOBODY = 'UNAUTHENTICATED'
const LACKS = 'FORBIDDEN'

describe('who may have a field', () => {
  const asked = async (field: string, caller: Caller): Promise<unknown> => {
    const { data, errors } = await w.query(`{ ${field} }`, {}, { caller })
    const value = (data as Record<string, unknown>)[field]
    expect(value).toBe(errors.length === 0 ? field : null)
    expect(w.sent).toHaveLength(errors.length === 0 ? 1 : 0)
    return errors.length === 0 ? 'given' : errors[0]!.code
  }
  const operator: Caller = { kind: 'operator', client: 'ops', scopes: [], tier: 'developer' }
  const partner: Caller = { ...ANONYMOUS, client: 'acme', scopes: ['a'], tier: 'partner' }
  test.each<[string, Caller, string]>([
    ['known', ANONYMOUS, NOBODY],
    ['known', shopper(), 'given'],
    ['known', operator, 'given'],
    ['known', partner, NOBODY],
    ['a', ANONYMOUS, NOBODY],
    ['a', shopper(), LACKS],
    ['a', shopper('b'), LACKS],
    ['a', shopper('b', 'a'), 'given'],
    ['a', operator, LACKS],
    ['a', { ...operator, kind: 'service' }, LACKS],
    ['a', partner, 'given'],
    ['aAndB', shopper('a'), LACKS],
    ['aAndB', shopper('a', 'b'), 'given'],
    ['aOrBC', shopper('a'), 'given'],
    ['aOrBC', shopper('b'), LACKS],
    ['aOrBC', shopper('c', 'b'), 'given'],
    ['gold', ANONYMOUS, NOBODY],
    ['gold', shopper('gold'), LACKS],
    ['gold', shopper('policy:gold'), 'given'],
    ['goldAdultOrStaff', shopper('policy:gold'), LACKS],
    ['goldAdultOrStaff', shopper('policy:adult', 'policy:gold'), 'given'],
    ['goldAdultOrStaff', shopper('policy:staff'), 'given'],
    ['all', { ...partner, scopes: ['a', 'policy:gold'] }, NOBODY],
    ['all', shopper('a'), LACKS],
    ['all', shopper('policy:gold'), LACKS],
    ['all', shopper('a', 'policy:gold'), 'given'],
    ['when', ANONYMOUS, NOBODY],
    ['when', shopper(), 'given'],
  ])('%s by %o: %s', async (field, caller, outcome) => {
    expect(await asked(field, caller)).toBe(outcome)
  })

  test.each<[string, Caller, string]>([
    ['known', ANONYMOUS, 'a token is needed, the request had none'],
    ['a', ANONYMOUS, 'a token with the scope a is needed, the request had none'],
    ['a', shopper(), 'the scope a is needed, the token has none'],
    ['aOrBC', shopper('b', 'x'), 'the scope a, or b and c is needed, the token has b, x'],
    ['gold', ANONYMOUS, 'a token with the policy gold is needed, the request had none'],
    ['gold', shopper('b', 'policy:adult'), 'the policy gold is needed, the token has adult'],
    ['all', ANONYMOUS, 'a token is needed, the request had none'],
  ])('what is said of %s to %o: %s', async (field, caller, message) => {
    const { errors } = await w.query(`{ ${field} }`, {}, { caller })
    expect(errors).toEqual([
      { message, path: [field], code: caller === ANONYMOUS ? NOBODY : LACKS, service: undefined },
    ])
  })
})

describe('what is guarded is null and never asked for; the rest is answered', () => {
  test.each<Row>([
    {
      what: 'a field beside others',
      query: '{ known open x: known me { mail name } }',
      data: { known: null, open: 'open', x: null, me: { mail: null, name: 'n1' } },
      errors: [
        [NOBODY, 'known'],
        [NOBODY, 'x'],
        [NOBODY, 'me.mail'],
      ],
      unsent: /known|mail/i,
      requests: 1,
    },
    {
      what: 'everything: nothing is sent',
      query: '{ known secret { id } kind }',
      data: { known: null, secret: null, kind: null },
      errors: [
        [NOBODY, 'known'],
        [NOBODY, 'secret'],
        [NOBODY, 'kind'],
      ],
      requests: 0,
    },
    {
      what: 'whoever may have all of it has it, in the same requests',
      query: '{ known me { mail score } kind }',
      caller: shopper('a'),
      data: { known: 'known', me: { mail: 'm1', score: 9 }, kind: 'BIG' },
      requests: 2,
    },
    {
      what: 'a field of another subgraph: it is not asked',
      query: '{ me { name score } }',
      data: { me: { name: 'n1', score: null } },
      errors: [[NOBODY, 'me.score']],
      requests: 1,
    },
    {
      what: 'a field of another subgraph beside one that is open',
      query: '{ me { score rank } }',
      caller: shopper(),
      data: { me: { score: null, rank: 1 } },
      errors: [[LACKS, 'me.score']],
      unsent: /score/,
      requests: 2,
    },
    {
      what: 'all fields of an object: whether it is there is told',
      query: '{ me { mail } }',
      data: { me: { mail: null } },
      errors: [[NOBODY, 'me.mail']],
      unsent: /mail/,
    },
    {
      what: 'a type: fields that return it',
      query: '{ secret { text } secrets { id } me { secret { id } name } }',
      data: { secret: null, secrets: null, me: { secret: null, name: 'n1' } },
      errors: [
        [NOBODY, 'secret'],
        [NOBODY, 'secrets'],
        [NOBODY, 'me.secret'],
      ],
      unsent: /secret/i,
    },
    {
      what: 'in lists, and lists of lists: one error a place',
      query: '{ users { name mail teams { mail id } } }',
      data: {
        users: [1, 2].map(n => ({
          name: `n${n}`,
          mail: null,
          teams: [[{ mail: null, id: 'u1' }], null, [{ mail: null, id: 'u2' }]],
        })),
      },
      errors: [
        [NOBODY, 'users.mail'],
        [NOBODY, 'users.teams.mail'],
      ],
      unsent: /mail/,
    },
    {
      what: 'in fragments, named and spread twice, and inline',
      query:
        '{ me { ...F boss { ...F } } ... on Query { known } ... { me { mustBoss { mail } } } } fragment F on User { mail id }',
      data: {
        me: { mail: null, id: 'u1', boss: { mail: null, id: 'u2' }, mustBoss: { mail: null } },
        known: null,
      },
      errors: [
        [NOBODY, 'me.mail'],
        [NOBODY, 'me.boss.mail'],
        [NOBODY, 'known'],
        [NOBODY, 'me.mustBoss.mail'],
      ],
      unsent: /mail|known/,
    },
    {
      what: 'introspection, of guarded fields too',
      query: '{ __typename known __type(name: "Secret") { ...T } } fragment T on __Type { fields { name } }',
      data: {
        __typename: 'Query',
        known: null,
        __type: { fields: [{ name: 'id' }, { name: 'text' }] },
      },
      errors: [[NOBODY, 'known']],
      requests: 0,
    },
  ])('$what', row => holds(row))

  test.each([
    [{ no: true, yes: true }, { open: 'open', me: { name: 'n1' } }, []],
    [{ no: false, yes: true }, { known: null, open: 'open', me: { name: 'n1' } }, [[NOBODY, 'known']]],
    [{ no: true, yes: false }, { open: 'open', me: { mail: null, name: 'n1' } }, [[NOBODY, 'me.mail']]],
  ] as const)('a field that is skipped is not refused: %o', async (variables, data, errors) => {
    const query =
      'query ($no: Boolean!, $yes: Boolean!) { known @skip(if: $no) open me { ... @skip(if: $yes) { mail } name all: mustMail @include(if: false) } }'
    await holds({ what: '', query, variables, data, errors, unsent: /known|mail/i })
  })
})

describe('null travels', () => {
  test.each<Row>([
    {
      what: 'a root field that cannot be null: the data is null, and nothing is sent',
      query: '{ open mustKnown me { mail } }',
      data: null,
      errors: [
        [NOBODY, 'mustKnown'],
        [NOBODY, 'me.mail'],
      ],
      requests: 0,
    },
    {
      what: 'through objects that cannot be null to the root: nothing is sent',
      query: '{ open mustMe { mustBoss { mustMail } } }',
      data: null,
      errors: [[NOBODY, 'mustMe.mustBoss.mustMail']],
      requests: 0,
    },
    {
      what: 'to an object that can be null',
      query: '{ open me { name mustBoss { mustMail } } }',
      data: { open: 'open', me: null },
      errors: [[NOBODY, 'me.mustBoss.mustMail']],
    },
    {
      what: 'to the members of a list, and to the list of lists',
      query: '{ users { mustMail } me { teams { mustMail } } }',
      data: { users: [null, null], me: { teams: [null, null, null] } },
      errors: [
        [NOBODY, 'users.mustMail'],
        [NOBODY, 'me.teams.mustMail'],
      ],
    },
    {
      what: 'to the root, through a list that could have been empty: without another error',
      query: '{ mustUsers { mustMail } }',
      data: null,
      errors: [[NOBODY, 'mustUsers.mustMail']],
    },
    {
      what: 'a condition decides',
      query: 'query ($no: Boolean!) { open mustKnown @include(if: $no) }',
      variables: { no: false },
      data: { open: 'open' },
    },
  ])('$what', row => holds(row))
})

describe('through interfaces and unions, what its object needs', () => {
  test.each<Row>([
    {
      what: 'a field that some objects guard: theirs is null',
      query: '{ pets { __typename name id owner { name } } }',
      data: {
        pets: [
          { __typename: 'Dog', name: null, id: 'd', owner: { name: 'n1' } },
          { __typename: 'Cat', name: 'Cat', id: 'c', owner: { name: 'n1' } },
          null,
        ],
      },
      errors: [
        [NOBODY, 'pets.name'],
        [NOBODY, 'pets.id'],
        [NOBODY, 'pets.owner'],
      ],
    },
    {
      what: 'the type behind it is guarded: its nullable fields are null',
      query: '{ pets { name } }',
      data: { pets: [{ name: null }, { name: 'Cat' }, { name: null }] },
      errors: [[NOBODY, 'pets.name']],
    },
    {
      what: 'for whoever may have them all',
      query: '{ pets { name } }',
      caller: shopper(),
      data: { pets: [{ name: 'Dog' }, { name: 'Cat' }, { name: 'Fish' }] },
    },
    {
      what: 'in fragments on objects',
      query:
        '{ pets { ... on Dog { bark name owner { name } } ... on Cat { purr name } ... on Fish { name } } }',
      caller: shopper(),
      data: {
        pets: [
          { bark: null, name: 'Dog', owner: { name: 'n1' } },
          { purr: 4, name: 'Cat' },
          { name: 'Fish' },
        ],
      },
      errors: [[LACKS, 'pets.bark']],
      unsent: /bark/,
    },
    {
      what: 'in a fragment on the interface inside one on an object',
      query: '{ pets { ... on Cat { ... on Pet { name } } ... on Dog { ...P } } } fragment P on Pet { name }',
      data: { pets: [{ name: null }, { name: 'Cat' }, {}] },
      errors: [[NOBODY, 'pets.name']],
      unsent: /on Dog ?\{[^}]*name/,
    },
    {
      what: 'a guarded field of objects in another subgraph is not asked of them',
      query: '{ pets { ... on Dog { chip } ... on Cat { chip } } }',
      data: { pets: [{ chip: null }, { chip: 2 }, {}] },
      errors: [[NOBODY, 'pets.chip']],
      unsent: /on Dog ?\{[^}]*chip/,
    },
    {
      what: 'deeper fields of a field that some objects guard',
      query: '{ pets { owner { mail name } } }',
      data: {
        pets: [{ owner: { mail: null, name: 'n1' } }, { owner: { mail: null, name: 'n1' } }, { owner: null }],
      },
      errors: [
        [NOBODY, 'pets.owner'],
        [NOBODY, 'pets.owner.mail'],
      ],
      unsent: /mail/,
    },
    {
      what: 'a guarded member of a union',
      query: '{ found { __typename ... on User { name mail } ... on Secret { text } ... on Cat { name } } }',
      data: {
        found: [
          { __typename: 'User', name: 'n1', mail: null },
          { __typename: 'Secret', text: null },
          { __typename: 'Cat', name: 'Cat' },
        ],
      },
      errors: [
        [NOBODY, 'found.mail'],
        [NOBODY, 'found.text'],
      ],
      unsent: /mail|text/,
    },
    {
      what: 'one of a guarded member that cannot be null',
      query: '{ found { ... on Secret { id text } ... on Cat { id } } }',
      data: { found: [{}, null, { id: 'c' }] },
      errors: [
        [NOBODY, 'found.id'],
        [NOBODY, 'found.text'],
      ],
    },
  ])('$what', row => holds(row, older))

  test.each<Row>([
    {
      what: 'a field that returns it',
      query: '{ open pets { __typename } }',
      data: { open: 'open', pets: null },
      errors: [[NOBODY, 'pets']],
      requests: 1,
    },
    {
      what: 'a field that is selected of it is refused for all, and given where it is selected of an object',
      query:
        '{ pets { __typename bark: name ... on Cat { name } owner { name } ... on Cat { owner { id } } } }',
      caller: shopper('pets'),
      data: {
        pets: [
          { __typename: 'Dog', bark: null, owner: null },
          { __typename: 'Cat', bark: null, name: 'Cat', owner: { name: null, id: 'u1' } },
          { __typename: 'Fish', bark: null, owner: null },
        ],
      },
      errors: [
        [LACKS, 'pets.bark'],
        [LACKS, 'pets.owner'],
      ],
      unsent: /_a_bark|owner ?\{ ?name/,
    },
    {
      what: 'for whoever may have what all of its objects guard',
      query: '{ pets { bark: name owner { name } } }',
      caller: shopper('pets', 'of pets'),
      data: { pets: ['Dog', 'Cat', 'Fish'].map(name => ({ bark: name, owner: { name: 'n1' } })) },
    },
  ])('an interface that is guarded itself: $what', row =>
    holds(
      row,
      world({ shop, stock }, sdl =>
        sdl
          .replace(/(interface Pet[^{]*)\{/, '$1 @requiresScopes(scopes: [["pets"]]) {')
          .replace(/(interface Pet[^}]*name: String[^\n]*)/, '$1 @requiresScopes(scopes: [["of pets"]])')
          .replace(/(interface Pet[^}]*owner: User[^\n]*)/, '$1 @requiresScopes(scopes: [["of pets"]])'),
      ),
    ),
  )
})

test('a field that requires a guarded one is not asked for either', async () => {
  const sources = {
    goods: {
      sdl: 'type Query { item: Item }  type Item @key(fields: "id") { id: ID!  weight: Int @authenticated  name: String }',
      resolvers: { Query: { item: () => ({ id: 'i', weight: 7, name: 'tea' }) } },
    },
    freight: {
      sdl: `type Item @key(fields: "id") { id: ID!  weight: Int @external  fee: Int @requires(fields: "weight") @authenticated }`,
      resolvers: {
        Item: {
          __resolveReference: (given: object) => given,
          fee: ({ weight }: { weight: number }) => weight * 2,
        },
      },
    },
  }
  // Composition asks for the second guard; an older one does not.
  const w = world(sources, sdl => sdl.replace(/(fee: Int[^\n]*) @authenticated/, '$1'))
  const row = { what: '', query: '{ item { name fee } }' }
  await holds({ ...row, caller: shopper(), data: { item: { name: 'tea', fee: 14 } }, requests: 2 }, w)
  await holds(
    {
      ...row,
      data: { item: { name: 'tea', fee: null } },
      errors: [[NOBODY, 'item.fee']],
      unsent: /weight|fee/,
      requests: 1,
    },
    w,
  )
})

test('more places than an answer tells of are null all the same', async () => {
  const fields = Array.from({ length: 60 }, (_, i) => `x${i}: known`)
  const { data, errors } = await w.query(`{ open ${fields.join(' ')} }`)
  expect(Object.values(data as object).filter(value => value === null)).toHaveLength(60)
  expect(errors).toHaveLength(50)
})

test('interfaces below one another, of which some objects are refused, are too much at some depth', async () => {
  const members = ['A', 'B', 'C', 'D', 'E']
  const nodes = world(
    {
      one: {
        sdl: `type Query { node: Node }  interface Node { id: ID!  next: Node }
          ${members.map(name => `type ${name} implements Node { id: ID!  next: Node${name === 'A' ? ' @authenticated' : ''} }`).join('  ')}`,
        resolvers: { Query: { node: () => null } },
      },
    },
    sdl => print(visit(parse(sdl), { InterfaceTypeDefinition: unguarded })),
  )
  const deep = (depth: number): string => (depth === 0 ? '{ id }' : `{ next ${deep(depth - 1)} }`)
  expect((await nodes.query(`{ node ${deep(3)} }`)).data).toEqual({ node: null })
  await expect(nodes.query(`{ node ${deep(11)} }`)).rejects.toMatchObject({ code: 'OPERATION_TOO_LARGE' })
  expect((await nodes.query(`{ node ${deep(11)} }`, {}, { caller: shopper() })).data).toEqual({ node: null })
})

test("a subgraph's failure that left nothing is told first: it decides what becomes of the answer", async () => {
  const failing = world({
    shop: {
      sdl: 'type Query { known: Int @authenticated  must: Int! }',
      resolvers: {
        Query: {
          must: () => {
            throw new Error('no')
          },
        },
      },
    },
  })
  const { data, errors } = await failing.query('{ known must }')
  expect(data).toBeNull()
  expect(errors.map(({ code }) => code)).toEqual(['SUBGRAPH_ERROR', NOBODY])
})
