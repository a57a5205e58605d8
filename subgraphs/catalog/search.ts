import { Fault } from '../../protocol/fault.ts'

/**
 * What a text can be found by: its lower-case words, and of the scripts written without spaces (Chinese, kana, hangul,
 * and whatever is no alphabet here) every character and every pair of neighbours. Distinct, in no particular order.
 * The twin of the SQL function `grams` that fills the index (migrations/0001-catalog.sql).
 */
export function gramsOf(text: string): readonly string[] {
  return [...cut(text, true)]
}

/**
 * What to look for: as {@link gramsOf}, without the single characters of a pair that is looked for anyway (they add
 * nothing to a full match, and as partial matches they find 茶 in everything). At most {@link QUERY_GRAMS_MAX}; none
 * for punctuation.
 * @throws Fault BAD_INPUT unless the query is well-formed text of 1 to 100 characters
 */
export function queryGramsOf(query: string): readonly string[] {
  // No string of this length can have few enough characters, so the long ones are not even counted.
  const characters = query.length > 2 * QUERY_CHARACTERS_MAX ? query.length : [...query].length
  if (characters < 1 || characters > QUERY_CHARACTERS_MAX) {
    throw new Fault('BAD_INPUT', `query expects 1 to ${QUERY_CHARACTERS_MAX} characters, got ${characters}`)
  }
  if (!query.isWellFormed() || query.includes('\0')) {
    throw new Fault('BAD_INPUT', 'query expects well-formed text, got a NUL or half a surrogate pair')
  }
  return [...cut(query, false)].slice(0, QUERY_GRAMS_MAX)
}

const QUERY_CHARACTERS_MAX = 100
export const QUERY_GRAMS_MAX = 64

/** Latin with its extensions, Greek and Cyrillic, folded: letters that make words. */
const WORDS = /[0-9a-z\u{DF}-\u{F6}\u{F8}-\u{24F}\u{370}-\u{52F}]+/gu

/** Every other script, without its punctuation: ・ and 、 part, ー and 々 do not. Surrogates and symbols are in neither. */
const RUNS =
  /[\u{530}-\u{1FFF}\u{2E80}-\u{2FDF}\u{3005}-\u{3007}\u{3021}-\u{3029}\u{3031}-\u{3035}\u{3038}-\u{303C}\u{3040}-\u{309F}\u{30A1}-\u{30FA}\u{30FC}-\u{318F}\u{31A0}-\u{31BF}\u{31F0}-\u{31FF}\u{3400}-\u{4DBF}\u{4E00}-\u{A4CF}\u{A960}-\u{A97F}\u{AC00}-\u{D7FF}\u{F900}-\u{FAFF}\u{1B000}-\u{1B16F}\u{20000}-\u{3FFFF}]+/gu

/** `singles`: whether every character of a run counts, or only one that stands alone. */
function cut(text: string, singles: boolean): Set<string> {
  const folded = fold(text)
  const grams = new Set<string>(folded.match(WORDS))
  for (const run of folded.match(RUNS) ?? []) {
    const characters = [...run]
    if (singles || characters.length === 1) for (const character of characters) grams.add(character)
    for (let at = 1; at < characters.length; at++) grams.add(`${characters[at - 1]}${characters[at]}`)
  }
  return grams
}

/** Full width becomes plain, É becomes e; hangul and voiced kana are taken apart and put together again. */
const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u{300}-\u{36F}]+/gu, '')
    .normalize('NFC')
    // JavaScript alone writes a sigma at a word's end differently.
    .replaceAll('ς', 'σ')
