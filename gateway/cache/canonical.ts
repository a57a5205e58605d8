/** Values that nest deeper are no key; whoever sends them gets an answer all the same. */
const DEPTH_MAX = 64

/**
 * JSON text that is the same for equal values, whatever the order of their members: keys ascend by their UTF-16 units at
 * every depth. What JSON leaves out (`undefined`) is left out, so that a variable that is absent and one that is
 * `undefined` are alike, and `null` is neither.
 *
 * @returns undefined: it nests deeper than a key may, or something in it JSON cannot say (a bigint), or writes itself
 * (`toJSON`).
 */
export function canonicalJson(value: unknown): string | undefined {
  return textOf(value, DEPTH_MAX)
}

function textOf(value: unknown, depth: number): string | undefined {
  if (typeof value === 'bigint') return undefined
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (depth === 0) return undefined
  return Array.isArray(value)
    ? textOfList(value, depth)
    : textOfObject(value as Readonly<Record<string, unknown>>, depth)
}

function textOfList(items: readonly unknown[], depth: number): string | undefined {
  let text = '['
  for (let i = 0; i < items.length; i++) {
    const item = textOf(items[i], depth - 1)
    if (item === undefined) return undefined
    text += i === 0 ? item : `,${item}`
  }
  return `${text}]`
}

function textOfObject(object: Readonly<Record<string, unknown>>, depth: number): string | undefined {
  if (typeof object.toJSON === 'function') return undefined
  const names = Object.keys(object)
  if (names.length > 1) names.sort()
  let text = '{'
  for (const name of names) {
    const member = object[name]
    if (member === undefined) continue
    const value = textOf(member, depth - 1)
    if (value === undefined) return undefined
    text += `${text.length === 1 ? '' : ','}${JSON.stringify(name)}:${value}`
  }
  return `${text}}`
}
