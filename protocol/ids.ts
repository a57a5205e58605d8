import { v7 } from 'uuid'
import { Fault } from './fault.ts'
import { sliceHex, sliceOf } from './slice.ts'

/** What a shopper-bound id says: `coupon_3f_0198…` is slice 0x3f and a uuidv7 of 32 hex digits without dashes. */
export interface ParsedId {
  readonly slice: number
  readonly uuid: string
}

const SHAPE = /^([0-9a-f]{2})_([0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15})$/
const ECHO_CHARS_MAX = 64

/** A new id of a thing that belongs to a shopper: `<type>_<2 hex slice>_<32 hex uuidv7>`. Ids of one process ascend. */
export function newId(type: string, shopperId: string): string {
  return `${type}_${sliceHex(sliceOf(shopperId))}_${v7().replaceAll('-', '')}`
}

/** @throws Fault BAD_ID unless `text` is an id of this type, in exactly the form that {@link newId} writes. */
export function parseId(type: string, text: string): ParsedId {
  const parts = text.startsWith(`${type}_`) ? SHAPE.exec(text.slice(type.length + 1)) : null
  if (parts === null) throw badId(`expected ${type}_<2 hex>_<32 hex uuidv7>, got ${echo(text)}`)
  return { slice: Number.parseInt(parts[1]!, 16), uuid: parts[2]! }
}

/**
 * As {@link parseId}, for an id that must lie in this shopper's slice. A match proves the shard, not the owner: 1 in 256
 * strangers share it, so the row's shopper is still compared.
 * @throws Fault BAD_ID for a malformed or foreign id.
 */
export function parseOwnId(type: string, text: string, shopperId: string): ParsedId {
  const id = parseId(type, text)
  if (id.slice !== sliceOf(shopperId)) throw badId(`expected the id of one of your own, got ${echo(text)}`)
  return id
}

function badId(message: string): Fault {
  return new Fault('BAD_ID', message)
}

function echo(text: string): string {
  const shown = JSON.stringify(text.slice(0, ECHO_CHARS_MAX))
  return text.length > ECHO_CHARS_MAX ? `${shown}… (${text.length} characters)` : shown
}
