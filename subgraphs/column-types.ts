import pg from 'pg'

type Parse = (text: string) => unknown

/** Object ids of the built-in types (`SELECT oid FROM pg_type`): fixed for ever. */
const oid = { int8: 20, int8Array: 1016, date: 1082, timestamp: 1114, numeric: 1700 } as const

/**
 * How columns become JavaScript values where pg's own choice would mislead:
 * - `int8`, and `numeric` without a fraction (the type of `sum(bigint)`), are numbers; beyond 2⁵³−1 they are refused
 * - `date` stays 'YYYY-MM-DD': pg would make it midnight of the machine's own zone
 * - `timestamp` is refused: it is no instant; use timestamptz, which is a Date (milliseconds: microseconds are cut off)
 */
export const columnTypes: { getTypeParser(oid: number, format?: string): Parse } = {
  getTypeParser(id, format) {
    return ours.get(id) ?? (pg.types.getTypeParser(id, format as 'text') as Parse)
  },
}

const ours = new Map<number, Parse>([
  [oid.int8, parseInteger],
  [oid.numeric, parseInteger],
  [oid.int8Array, text => eachInteger(pg.types.getTypeParser(oid.int8Array as number, 'text')(text))],
  [oid.date, text => text],
  [
    oid.timestamp,
    text => {
      throw new TypeError(`expected a timestamptz, got the timestamp ${text}, which names no instant`)
    },
  ],
])

function parseInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`expected an integer within ±(2^53-1), got ${text}`)
  }
  return value
}

function eachInteger(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(eachInteger)
  return value === null ? null : parseInteger(String(value))
}
