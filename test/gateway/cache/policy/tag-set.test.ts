import { expect, test } from 'vitest'
import { TagSet } from '../../../../gateway/cache/policy/tag-set.ts'
import { addTags, parseTemplate, type TagTemplate } from '../../../../gateway/cache/policy/tag-template.ts'

test('where there are too many keys those of the commonest prefix become one, and make place for others', () => {
  const tags = new TagSet(3, true)
  for (const [prefix, key] of ['A1', 'B1', 'B2', 'B3', 'B4', 'C1', 'C2']) tags.addKey(prefix!, key)
  expect(tags.list().sort()).toEqual(['A', 'A:1', 'B', 'B:*', 'C', 'C:1', 'C:2'])
})

test('a template with several placeholders comes to every combination of their values', () => {
  const tags = new TagSet(9, false)
  const values = [
    ['1', '2'],
    ['x', 'y'],
  ]
  addTags(parseTemplate('P:{args.a}-{args.b}') as TagTemplate, values, tags)
  expect(tags.list().sort()).toEqual(['P:1-x', 'P:1-y', 'P:2-x', 'P:2-y'])
})
