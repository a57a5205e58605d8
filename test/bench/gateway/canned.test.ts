import { describe, expect, it } from 'vitest'
import { CannedSubgraph } from './canned.ts'
import { WORLDS, type WorldName } from './worlds.ts'

function subgraph(world: WorldName, name: string): CannedSubgraph {
  return new CannedSubgraph(world, WORLDS[world].subgraphs.find(one => one.name === name)!)
}

describe('CannedSubgraph', () => {
  it('fills every later id into the answer that it has recorded for the first', async () => {
    const catalog = subgraph('page', 'catalog')
    const text = 'query ($id: ID!) { product(id: $id) { id name priceFen } }'
    const answerFor = (id: string): string =>
      `"data":{"product":{"id":"${id}","name":"Product ${id}","priceFen":12900}}`
    expect(await catalog.answer(text, { id: 'p1' })).toBe(answerFor('p1'))
    expect(catalog.answer(text, { id: 'p2' })).toBe(answerFor('p2'))
  })

  it('finds the id in a representation', async () => {
    const inventory = subgraph('page', 'inventory')
    const text = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Product { id warehouse } } }'
    const ask = (...ids: string[]): string | Promise<string> =>
      inventory.answer(text, { r: ids.map(id => ({ __typename: 'Product', id })) })
    const answerFor = (...ids: string[]): string =>
      `"data":{"_entities":[${ids.map(id => `{"id":"${id}","warehouse":"Hangzhou 3"}`).join(',')}]}`
    expect(await ask('p1')).toBe(answerFor('p1'))
    expect(ask('p2')).toBe(answerFor('p2'))
    expect(await ask('p1', 'p2')).toBe(answerFor('p1', 'p2'))
  })

  it('answers with what graphql-js answers, errors too, where there are no ids', async () => {
    const accounts = subgraph('deep', 'accounts')
    expect(await accounts.answer('{ users { id } }', {})).toMatch(/^"data":\{"users":\[\{"id":"user-0"\},/)
    expect(accounts.answer('{ users { id } }', {})).toMatch(/^"data":/)
    const text = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { name } } }'
    const unknown = { r: [{ __typename: 'Nobody', id: 'user-0' }] }
    expect(await accounts.answer(text, unknown)).toContain('"errors":[')
  })
})
