import { expect, test } from 'vitest'
import { answerType } from '../../gateway/accept.ts'

const JSON_TYPE = 'application/json'
const GRAPHQL_TYPE = 'application/graphql-response+json'

test.each([
  [undefined, JSON_TYPE],
  ['', JSON_TYPE],
  ['*/*', JSON_TYPE],
  ['application/*', JSON_TYPE],
  [JSON_TYPE, JSON_TYPE],
  [GRAPHQL_TYPE, GRAPHQL_TYPE],
  [`${GRAPHQL_TYPE}; charset=utf-8`, GRAPHQL_TYPE],
  ['APPLICATION/JSON', JSON_TYPE],
  [`${GRAPHQL_TYPE}, ${JSON_TYPE}`, GRAPHQL_TYPE],
  [`${JSON_TYPE}, ${GRAPHQL_TYPE}`, JSON_TYPE],
  [`${GRAPHQL_TYPE}, ${JSON_TYPE};q=0.9`, GRAPHQL_TYPE],
  [`${GRAPHQL_TYPE};q=0.1, ${JSON_TYPE};q=0.2`, JSON_TYPE],
  [`${GRAPHQL_TYPE}, */*;q=0.1`, GRAPHQL_TYPE],
  [`${GRAPHQL_TYPE}, */*`, GRAPHQL_TYPE],
  [`*/*, ${JSON_TYPE};q=0`, GRAPHQL_TYPE],
  ['text/html, application/xhtml+xml, */*;q=0.8', JSON_TYPE],
  ['text/html', undefined],
  ['*/*;q=0', undefined],
  [`${JSON_TYPE};q=0`, undefined],
  [`${JSON_TYPE};q=nonsense`, undefined],
  [',,;', undefined],
])('accept: %s → %s', (accept, type) => {
  expect(answerType(accept)).toBe(type)
})
