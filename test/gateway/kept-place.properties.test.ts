import fc from 'fast-check'
import { execute, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { keptPlaceOf } from '../../gateway/kept-place.ts'
import { placeWords } from '../../gateway/kept-place-words.ts'
import { compiled, SCHEMA, TOLD } from './place-schema.ts'

const SEED = 20_270_206
const { zh, en } = placeWords(TOLD)

/** The place as an object that graphql-js resolves to. */
const PLACE = {
  __typename: 'KeptPlace',
  code: 'KEPT_PLACE',
  severity: 'WARNING',
  messageZh: zh,
  messageEn: en,
  retryable: true,
  retryAfterMs: TOLD.retryAfterMs,
  token: TOLD.token,
  admitAt: '2027-02-06T12:15:06.400Z',
  position: TOLD.position,
}

const VARIABLES = '($x: Boolean!, $y: Boolean!, $constructor: Boolean = true)'

const condition = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  fc
    .tuple(fc.constantFrom('skip', 'include'), fc.constantFrom('$x', '$y', '$constructor', 'true', 'false'))
    .map(([name, value]) => ` @${name}(if: ${value})`),
  fc
    .tuple(fc.constantFrom('$x', '$y'), fc.constantFrom('$x', '$y'))
    .map(([a, b]) => ` @skip(if: ${a}) @include(if: ${b})`),
)

/** An alias is one field's, so that most texts are valid. */
const fieldOf = (...names: string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...names), fc.constantFrom('', 'a_', 'b_'), condition)
    .map(([name, alias, when]) => `${alias === '' ? '' : `${alias}${name}: `}${name}${when}`)

const MESSAGE = ['code', 'severity', 'messageZh', 'messageEn', 'retryable', 'retryAfterMs', '__typename']
const OF_PLACE = [...MESSAGE, 'token', 'admitAt', 'position']
const NAMES: Readonly<Record<string, readonly string[]>> = {
  Message: MESSAGE,
  Waiting: ['position', 'retryAfterMs', '__typename'],
  KeptPlace: OF_PLACE,
  Issued: [...MESSAGE, 'coupon'],
  Result: ['__typename'],
}

/** Selections of a type, with fragments on others that may be the same object. */
function selections(type: string, depth: number): fc.Arbitrary<string> {
  const field = fieldOf(...NAMES[type]!)
  if (depth === 0) return fc.array(field, { minLength: 1, maxLength: 4 }).map(all => all.join(' '))
  const others =
    type === 'Issued' ? ['Issued', 'Message', 'Result'] : ['KeptPlace', 'Message', 'Waiting', 'Result']
  const inline = fc
    .constantFrom(...others, type === 'Result' || type === 'Message' ? 'Issued' : type)
    .chain(on =>
      fc.tuple(fc.constantFrom(on, ...(on === type ? [''] : [])), condition, selections(on, depth - 1)),
    )
    .map(([on, when, inner]) => `...${on === '' ? '' : ` on ${on}`}${when} { ${inner} }`)
  const spread = fc
    .tuple(
      fc.constantFrom(...(type === 'Issued' ? ['OnMessage'] : ['OnPlace', 'OnMessage', 'OnResult'])),
      condition,
    )
    .map(([name, when]) => `...${name}${when}`)
  return fc
    .array(fc.oneof({ weight: 3, arbitrary: field }, { weight: 2, arbitrary: inline }, spread), {
      minLength: 1,
      maxLength: 5,
    })
    .map(all => all.join(' '))
}

const claim = fc
  .tuple(fc.constantFrom('', 'c: '), condition, selections('Result', 2))
  .map(([alias, when, set]) => `${alias}claim${when} { ${set} }`)
const message = fc
  .tuple(condition, selections('Message', 2))
  .map(([when, set]) => `message${when} { ${set} }`)
const root = fc.oneof(
  { weight: 6, arbitrary: claim },
  message,
  fieldOf('__typename'),
  fieldOf('number'),
  fc
    .tuple(fc.constantFrom('Root', 'Mutation'), condition, claim)
    .map(([on, when, set]) => `... on ${on}${when} { ${set} }`),
  fc.constantFrom('...OnRoot', '...OnRoot @skip(if: $x)'),
)

const text = fc
  .tuple(
    fc.array(root, { minLength: 1, maxLength: 3 }),
    selections('KeptPlace', 0),
    selections('Message', 0),
    selections('Result', 0),
    fc.oneof(fc.constant('claim { ...OnPlace }'), claim),
  )
  .map(
    ([roots, place, ofMessage, ofResult, ofRoot]) =>
      `mutation${VARIABLES} { ${roots.join(' ')} }
      fragment OnPlace on KeptPlace { ${place} ...OnMessage }
      fragment OnMessage on Message { ${ofMessage} }
      fragment OnResult on Result { ${ofResult} ...OnPlace }
      fragment OnRoot on Mutation { ${ofRoot} }`,
  )
const variables = fc.record({ x: fc.boolean(), y: fc.boolean(), constructor: fc.boolean() })

test('a place is answered as graphql-js answers it, key by key, wherever one root field is asked for', () => {
  let compared = 0
  let refused = 0
  fc.assert(
    fc.property(text, variables, (operation, given) => {
      const document = parse(operation)
      const problems = validate(SCHEMA, document).filter(
        ({ message: problem }) => !/^(Fragment|Variable) ".+" is never used/.test(problem),
      )
      fc.pre(problems.length === 0)
      const ours = keptPlaceOf(compiled(operation))(given, TOLD)
      const theirs = execute({
        schema: SCHEMA,
        document,
        variableValues: given,
        rootValue: { claim: PLACE, message: PLACE, number: 7 },
      }) as { data: Record<string, unknown>; errors?: unknown }
      expect(theirs.errors).toBeUndefined()
      const isPlace = Object.values(theirs.data).filter(value => value !== 'Mutation')
      const hasOne = isPlace.length === 1 && typeof isPlace[0] === 'object'
      expect(ours === undefined).toBe(!hasOne)
      if (ours === undefined) refused++
      else {
        compared++
        expect(JSON.stringify(ours)).toBe(JSON.stringify(theirs.data))
      }
    }),
    { seed: SEED, numRuns: 2_000 },
  )
  expect(compared).toBeGreaterThan(800)
  expect(refused).toBeGreaterThan(200)
})
