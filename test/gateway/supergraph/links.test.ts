import { parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { linksOf } from '../../../gateway/supergraph/links.ts'

describe('directiveOf', () => {
  const COST = 'https://specs.apollo.dev/cost'
  it.each([
    ['@link(url: "https://specs.apollo.dev/cost/v0.1")', 'cost', 'cost__listSize'],
    ['@link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@listSize"])', 'cost', 'listSize'],
    ['@link(url: "https://specs.apollo.dev/cost/v0.1", as: "price")', 'price', 'price__listSize'],
    [
      '@link(url: "https://specs.apollo.dev/cost/v0.1", import: [{name: "@cost", as: "@federation__cost"}, "@listSize"])',
      'federation__cost',
      'listSize',
    ],
    ['@link(url: "https://elsewhere.example/cost/v0.1")', undefined, undefined],
    ['', undefined, undefined],
  ])('reads %s', (link, cost, listSize) => {
    const links = linksOf(parse(`schema ${link} { query: Query } type Query { a: Int }`))
    expect(links.directiveOf(COST, 'cost')).toBe(cost)
    expect(links.directiveOf(COST, 'listSize')).toBe(listSize)
  })
})
