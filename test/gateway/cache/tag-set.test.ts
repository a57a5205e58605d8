import { expect, test } from 'vitest'
import { TagSet } from '../../../gateway/cache/tag-set.ts'

test('where there are too many keys those of the commonest prefix become one, and make place for others', () => {
  const tags = new TagSet(3, true)
  for (const [prefix, key] of ['A1', 'B1', 'B2', 'B3', 'B4', 'C1', 'C2']) tags.addKey(prefix!, key)
  expect(tags.list().sort()).toEqual(['A', 'A:1', 'B', 'B:*', 'C', 'C:1', 'C:2'])
})
