import { hash } from 'node:crypto'
import type { Caller } from '../../../protocol/caller.ts'
import { callerText } from '../../../protocol/caller-text.ts'

/** 256 bits of a text in 43 letters. */
export const digestOf = (text: string): string => hash('sha256', text, 'base64url')

const digests = new WeakMap<Caller, string>()
const tags = new WeakMap<Caller, string>()

/** Equal for equal callers; stands in keys for what nobody needs to read there. */
export function callerDigest(caller: Caller): string {
  let digest = digests.get(caller)
  if (digest === undefined) digests.set(caller, (digest = digestOf(callerText(caller))))
  return digest
}

/**
 * The tag of everything that is kept for one caller alone. A shopper's is the same through every client, so that an
 * order placed in one app is seen in another.
 */
export function callerTag(caller: Caller): string {
  let tag = tags.get(caller)
  if (tag === undefined) {
    const { shopperId } = caller
    const who = shopperId === undefined ? `caller ${callerText(caller)}` : `shopper ${shopperId}`
    tags.set(caller, (tag = `caller:${digestOf(who).slice(0, 22)}`))
  }
  return tag
}
