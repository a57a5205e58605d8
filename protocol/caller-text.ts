import type { Caller } from './caller.ts'

const texts = new WeakMap<Caller, string>()

/** The caller as JSON, written once an object: equal texts are equal callers. */
export function callerText(caller: Caller): string {
  let text = texts.get(caller)
  if (text === undefined) texts.set(caller, (text = JSON.stringify(caller)))
  return text
}
