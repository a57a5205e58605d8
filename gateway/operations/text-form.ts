import { createHash } from 'node:crypto'
import {
  type DefinitionNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  OperationTypeNode,
  parse,
  type SelectionSetNode,
} from 'graphql'

/** What is seen of a text before it is validated. */
export interface TextForm {
  /** {@link normalHashOf} its document; `undefined`: it does not parse, or is too long to be read. */
  readonly normalHash: string | undefined
  /** Whether it asks for nothing but `__schema`, `__type` and `__typename` of the query type. */
  readonly isIntrospection: boolean
}

const FORMS_MAX = 10_000
/** Whoever asks is told nothing yet and has paid nothing: a block string of 200,000 lines takes 80 ms to parse. */
const FORM_CHARS_MAX = 32 * 1024
const NO_FORM: TextForm = Object.freeze({ normalHash: undefined, isIntrospection: false })
const INTROSPECTION_FIELDS: ReadonlySet<string> = new Set(['__schema', '__type', '__typename'])

/** Lower-case hex, the form in which a text is named. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/**
 * SHA-256 of a document with its definitions in order: the same for two texts that differ in blanks, commas, comments
 * and the order of definitions alone. Of the tree, not of printed text: that is indented, and lines of a block string
 * under hundreds of braces become a hundred megabytes.
 * @param document parsed without locations.
 */
export function normalHashOf({ definitions }: DocumentNode): string {
  const ordered = definitions.length === 1 ? definitions : [...definitions].sort(byKindAndName)
  return sha256(JSON.stringify(ordered))
}

/**
 * Reads texts, each once as long as it is among the last that were asked for.
 * @param tokensMax texts of more tokens are not read, nor those of more than 32 Ki characters.
 * @returns takes a text with its SHA-256.
 */
export function createTextForms(
  tokensMax: number,
  formsMax: number = FORMS_MAX,
): (text: string, hash: string) => TextForm {
  /** By hash, so that what is kept is bounded whatever the texts; least recently used first. */
  const forms = new Map<string, TextForm>()
  return (text, hash) => {
    const form = forms.get(hash) ?? formOf(text, tokensMax)
    forms.delete(hash)
    forms.set(hash, form)
    if (forms.size > formsMax) forms.delete(forms.keys().next().value!)
    return form
  }
}

function formOf(text: string, tokensMax: number): TextForm {
  if (text.length > FORM_CHARS_MAX) return NO_FORM
  try {
    const document = parse(text, { maxTokens: tokensMax, noLocation: true })
    return { normalHash: normalHashOf(document), isIntrospection: isIntrospection(document) }
  } catch {
    return NO_FORM
  }
}

function byKindAndName(a: DefinitionNode, b: DefinitionNode): number {
  const [left, right] = [keyOf(a), keyOf(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

const keyOf = (definition: DefinitionNode): string =>
  `${definition.kind} ${('name' in definition && definition.name?.value) || ''}`

/** Of every operation in it, so that no name can choose another one. */
function isIntrospection({ definitions }: DocumentNode): boolean {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  let operations = 0
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) continue
    if (definition.kind !== Kind.OPERATION_DEFINITION) return false
    if (definition.operation !== OperationTypeNode.QUERY) return false
    if (!selectsIntrospection(definition.selectionSet, fragments, new Set())) return false
    operations++
  }
  return operations > 0
}

/** @param seen fragments that are being looked at or were: each is looked at once, and a circle ends. */
function selectsIntrospection(
  { selections }: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  seen: Set<string>,
): boolean {
  return selections.every(selection => {
    if (selection.kind === Kind.FIELD) return INTROSPECTION_FIELDS.has(selection.name.value)
    if (selection.kind === Kind.INLINE_FRAGMENT)
      return selectsIntrospection(selection.selectionSet, fragments, seen)
    const name = selection.name.value
    if (seen.has(name)) return true
    seen.add(name)
    const fragment = fragments.get(name)
    return fragment !== undefined && selectsIntrospection(fragment.selectionSet, fragments, seen)
  })
}
