import { type DocumentNode, type FieldNode, Kind, parse, type SelectionSetNode } from 'graphql'
import { Fault } from '../../protocol/fault.ts'

/**
 * Pairs of fields of one response key, and of fragments. Validation compares each with each where they may meet: 490
 * times `deep { leaf }`, a text of 5 kB, held the process for 140 ms, whatever other rule refused it.
 */
const PAIRS_MAX = 10_000
/** Fields with neither arguments nor selections are compared in a hundredth of the time. */
const LEAF_WEIGHT = 0.01
/** No shorter text has so many: `a{b}` is the shortest field that counts. */
const CHARS_MIN = 512

/**
 * Whether a client's text has more of the same than is worth comparing: asked before it is validated, since all rules run
 * at once. `undefined`: no, or it does not parse, which others say better.
 */
export function tooManyAlike(text: string, tokensMax: number): Fault | undefined {
  if (text.length < CHARS_MIN) return undefined
  let document: DocumentNode
  try {
    document = parse(text, { maxTokens: tokensMax, noLocation: true })
  } catch {
    return undefined
  }
  const pairs = Math.floor(pairsIn(document))
  if (pairs <= PAIRS_MAX) return undefined
  return new Fault(
    'OPERATION_TOO_LARGE',
    `expected at most ${PAIRS_MAX} pairs of fields of one name to compare, got ${pairs}`,
  )
}

function pairsIn({ definitions }: DocumentNode): number {
  const fields = new Map<string, { count: number; weight: number }>()
  const left: SelectionSetNode[] = []
  let fragments = 0
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments++
    if ('selectionSet' in definition) left.push(definition.selectionSet)
  }
  for (let set = left.pop(); set !== undefined; set = left.pop())
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) note(selection)
      if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet) left.push(selection.selectionSet)
    }

  function note({ alias, name, arguments: given = [], selectionSet }: FieldNode): void {
    const key = alias?.value ?? name.value
    const weight = given.length > 0 || selectionSet ? 1 : LEAF_WEIGHT
    const known = fields.get(key)
    if (known === undefined) fields.set(key, { count: 1, weight })
    else {
      known.count++
      known.weight = Math.max(known.weight, weight)
    }
  }

  let pairs = pairsOf(fragments)
  for (const { count, weight } of fields.values()) pairs += pairsOf(count) * weight
  return pairs
}

const pairsOf = (count: number): number => (count * (count - 1)) / 2
