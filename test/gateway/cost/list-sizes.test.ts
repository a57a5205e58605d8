import { buildASTSchema, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { type Weights, weightsOf } from '../../../gateway/cost/weights.ts'

const NONE = buildASTSchema(parse('type Query { a: Int }'))

const read = (listSize: string): Weights =>
  weightsOf({
    apiSchema: NONE,
    sdl: `
      type Query {
        items(first: Int, name: String, ids: [ID!], page: Page, pages: [Page]): Items @listSize(${listSize})
      }
      type Items { list: [Item] other: [Item] one: Item name: String }
      type Item { list: [Item] other: [Int!]! id: ID }
      input Page { first: Int ids: [ID] next: Page name: String }
    `,
  })

describe('@listSize', () => {
  it.each([
    ['first', 'value'],
    ['ids', 'length'],
    ['pages', 'length'],
    ['page.first', 'value'],
    ['page.next.next.ids', 'length'],
  ])('takes its size from %s, by its %s', (path, takes) => {
    const [listSize] = read(`slicingArguments: ["${path}"]`).field('Query', 'items')!.listSizes
    expect(listSize!.slicing).toEqual([{ text: path, segments: path.split('.'), takes }])
  })

  it('hands sizes down along paths, each list once', () => {
    const [listSize] = read('sizedFields: ["list", "one { list }", "one { other }", "other { list }"]').field(
      'Query',
      'items',
    )!.listSizes
    expect(listSize!.sizedFields).toEqual(
      new Map<string, unknown>([
        ['list', 'list'],
        [
          'one',
          new Map([
            ['list', 'list'],
            ['other', 'list'],
          ]),
        ],
        ['other', new Map([['list', 'list']])],
      ]),
    )
  })

  it('requires one slicing argument unless it says that it does not', () => {
    const of = (text: string): unknown => read(text).field('Query', 'items')!.listSizes[0]!.requiresOne
    expect(of('slicingArguments: ["first"]')).toBe(true)
    expect(of('slicingArguments: ["first"], requireOneSlicingArgument: false')).toBe(false)
  })

  it.each([
    [
      'assumedSize: -1',
      'Expected assumedSize in @listSize on Query.items to be an Int of at least 0, got -1',
    ],
    [
      'slicingArguments: ["last"]',
      'Expected the slicing argument "last" in @listSize on Query.items to exist, got no "last"',
    ],
    [
      'slicingArguments: ["page.first.deep"]',
      'Expected the slicing argument "page.first.deep" in @listSize on Query.items to exist, got no "deep"',
    ],
    [
      'slicingArguments: ["pages.first"]',
      'Expected the slicing argument "pages.first" in @listSize on Query.items to exist, got no "first"',
    ],
    [
      'slicingArguments: ["name"]',
      'Expected the slicing argument "name" in @listSize on Query.items to be an Int or a list, got String',
    ],
    [
      'slicingArguments: ["page"]',
      'Expected the slicing argument "page" in @listSize on Query.items to be an Int or a list, got Page',
    ],
    [
      'sizedFields: ["lots"]',
      'Expected "lots" of sizedFields in @listSize on Query.items to name fields that exist, got Items.lots',
    ],
    [
      'sizedFields: ["one { two }"]',
      'Expected "one { two }" of sizedFields in @listSize on Query.items to name fields that exist, got Item.two',
    ],
    [
      'sizedFields: ["one"]',
      'Expected "one" of sizedFields in @listSize on Query.items to lead to lists, got Items.one',
    ],
    [
      'sizedFields: ["one { id }"]',
      'Expected "one { id }" of sizedFields in @listSize on Query.items to lead to lists, got Item.id',
    ],
    [
      'sizedFields: ["list other"]',
      'Expected "list other" of sizedFields in @listSize on Query.items to name one list a level, got Items.other too',
    ],
    [
      'sizedFields: ["one { list other }"]',
      'Expected "one { list other }" of sizedFields in @listSize on Query.items to name one list a level, got Item.other too',
    ],
    [
      'sizedFields: ["list {"]',
      'Expected sizedFields in @listSize on Query.items to be field sets, got "list {"',
    ],
    [
      'sizedFields: ["... on Items { list }"]',
      'Expected "... on Items { list }" of sizedFields in @listSize on Query.items to name fields only, got a fragment',
    ],
  ])('refuses %s', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })
})
