import type { TagSet } from './tag-set.ts'

/** Where a placeholder takes its values from: what a field was asked with, or what it came to. */
export type TemplateSource = 'args' | 'result'

export interface Placeholder {
  readonly source: TemplateSource
  readonly path: readonly string[]
}

/** `"Campaign:{args.input.campaignId}"`, read: text and placeholders in turn, text first and last. */
export interface TagTemplate {
  readonly text: string
  readonly literals: readonly string[]
  readonly placeholders: readonly Placeholder[]
  /** What stands before the colon, where text does; `undefined`: values may be tags by themselves. */
  readonly prefix: string | undefined
}

/** Tags that one template comes to; where there are more, all of its prefix. */
export const TEMPLATE_TAGS_MAX = 100

const PLACEHOLDER = /\{([^{}]*)\}/
const PATH = /^(args|result)((?:\.[A-Za-z_]\w*)+)$/
const LITERAL = /^[^\p{C}\p{Z}{}*]*$/u
const PREFIX = /^[^:]+(?=:)/

/** @returns a string: what is wrong with it. */
export function parseTemplate(text: string): TagTemplate | string {
  const literals: string[] = []
  const placeholders: Placeholder[] = []
  for (const [index, part] of text.split(PLACEHOLDER).entries()) {
    if (index % 2 === 0) {
      if (!LITERAL.test(part))
        return 'expected visible characters without blanks, { } or * beside placeholders'
      literals.push(part)
      continue
    }
    const [, source, path] = PATH.exec(part) ?? []
    if (path === undefined)
      return `expected placeholders such as {args.id} or {result.shop.id}, got {${part}}`
    placeholders.push({ source: source as TemplateSource, path: path.slice(1).split('.') })
  }
  return { text, literals, placeholders, prefix: PREFIX.exec(literals[0]!)?.[0] }
}

/**
 * Adds the tags that a template comes to with these values, one list a placeholder; of several placeholders every
 * combination. Without a value for one of them there is none; with one that is no scalar there are all of its prefix.
 */
export function addTags(
  { literals, placeholders, prefix }: TagTemplate,
  values: readonly (readonly unknown[])[],
  into: TagSet,
): void {
  if (placeholders.length === 0) {
    into.addText(literals[0])
    return
  }
  const count = values.reduce((product, list) => product * list.length, 1)
  if (count === 0) return
  if (count > TEMPLATE_TAGS_MAX) {
    if (prefix === undefined) into.addText(undefined)
    else into.addKey(prefix, undefined)
    return
  }
  for (let i = 0; i < count; i++) {
    let text: string | undefined = literals[0]!
    let rest = i
    for (let p = 0; p < placeholders.length; p++) {
      const list = values[p]!
      const value = list[rest % list.length]
      rest = Math.floor(rest / list.length)
      text = isScalar(value) && text !== undefined ? `${text}${value}${literals[p + 1]}` : undefined
    }
    if (prefix === undefined) into.addText(text)
    else into.addKey(prefix, text?.slice(prefix.length + 1))
  }
}

/** Adds a value to those of a placeholder: lists one by one, null and what is missing not at all. */
export function gather(value: unknown, into: unknown[]): void {
  if (Array.isArray(value)) {
    // One more than are told apart says that there are too many.
    for (const item of value) if (into.length <= TEMPLATE_TAGS_MAX) gather(item, into)
  } else if (value !== null && value !== undefined && value !== '') into.push(value)
}

const isScalar = (value: unknown): boolean =>
  typeof value === 'string' ||
  typeof value === 'number' ||
  typeof value === 'boolean' ||
  typeof value === 'bigint'
