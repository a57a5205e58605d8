import fc from 'fast-check'

const type = fc.constantFrom('Product', 'Shop', 'Coupon')
const key = fc.tuple(type, fc.integer({ min: 1, max: 8 })).map(([name, id]) => `${name}:${id}`)
const allOf = type.map(name => `${name}:*`)

/** What is made void at once: seldom much. */
export const invalidatedTags: fc.Arbitrary<string[]> = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: key },
    { weight: 3, arbitrary: type },
    { weight: 1, arbitrary: allOf },
    { weight: 1, arbitrary: fc.constant('*') },
  ),
  { minLength: 1, maxLength: 4 },
)

/** What an entry carries, its types among it. */
export const carriedTags: fc.Arbitrary<string[]> = fc
  .uniqueArray(fc.oneof({ weight: 6, arbitrary: key }, { weight: 1, arbitrary: allOf }), { maxLength: 3 })
  .map(tags => [...new Set(tags.map(tag => tag.replace(/:.*$/, ''))), ...tags])
