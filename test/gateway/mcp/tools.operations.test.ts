import { readFileSync } from 'node:fs'
import { buildSchema, Kind, parse } from 'graphql'
import { expect, test } from 'vitest'
import { tokenArgumentOf } from '../../../gateway/mcp/arguments.ts'
import { toolInput } from '../../../gateway/mcp/input-schema.ts'

const schema = buildSchema(readFileSync('schema/api.graphql', 'utf8'))
const { operations } = JSON.parse(readFileSync('schema/operations.json', 'utf8')) as {
  operations: readonly { name: string; body: string; description: string }[]
}

test('whoever claims a coupon is told when to give the token of a place, and to leave it out before', () => {
  const claim = operations.find(({ name }) => name === 'ClaimCoupon')!
  const definition = parse(claim.body).definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION)
  const { schema: inputSchema } = toolInput(schema, definition as never)
  expect(inputSchema.required).toEqual(['campaignId'])
  expect(tokenArgumentOf(inputSchema)).toBe('placeToken')
  expect(inputSchema.properties.placeToken).toEqual({
    type: 'string',
    description: expect.stringMatching(/Leave it out at first.+KeptPlace.+`token`.+`admitAt`/),
  })
  expect(claim.description).toContain('KeptPlace')
})
