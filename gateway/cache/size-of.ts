const VALUES_MAX = 250_000
const DEPTH_MAX = 200

const OBJECT_BYTES = 24
const POINTER_BYTES = 8

/**
 * About how many bytes of memory a value of JSON takes; keys count little, since objects alike share them. Infinity when
 * it has more values, or nests deeper, than anybody should keep.
 */
export function sizeOf(value: unknown): number {
  let left = VALUES_MAX
  return walk(value, DEPTH_MAX)

  function walk(current: unknown, depth: number): number {
    if (--left < 0 || depth === 0) return Infinity
    if (typeof current === 'string') return OBJECT_BYTES + 2 * current.length
    if (typeof current !== 'object' || current === null) return POINTER_BYTES
    let bytes = OBJECT_BYTES
    if (Array.isArray(current)) {
      for (let i = 0; i < current.length && bytes !== Infinity; i++)
        bytes += POINTER_BYTES + walk(current[i], depth - 1)
      return bytes
    }
    const object = current as Readonly<Record<string, unknown>>
    for (const key in object) {
      bytes += POINTER_BYTES + walk(object[key], depth - 1)
      if (bytes === Infinity) break
    }
    return bytes
  }
}
