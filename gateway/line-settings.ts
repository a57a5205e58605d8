import { BRAKED_RETRY_MS_MIN, DEFAULT_LINE_TERMS, type LineTerms } from './surge/lines.ts'

/** What of the terms of lines is a deployment's to choose. */
export type LineSettings = Pick<LineTerms, 'horizonMs' | 'graceMs' | 'placesMax'>

const DAY_MS = 86_400_000
/** Where there is nothing but places, a newcomer's turn is `aheadMs` ahead: there must be room behind it. */
const HORIZON_MS_MIN = 2 * DEFAULT_LINE_TERMS.aheadMs
/**
 * In a pause a holder whose turn has come is told to ask again a minute later. If the pause ends at once, that minute, what
 * gateways take to hear of it (`heed`: two seconds), and the way there and back are all of its grace.
 */
const GRACE_MS_MIN = BRAKED_RETRY_MS_MIN + 5_000
/** A `Map` of V8's holds 2 to the power of 24. */
const PLACES_MAX = 16_000_000

const BOUNDS: Readonly<Record<keyof LineSettings, readonly [least: number, most: number]>> = {
  horizonMs: [HORIZON_MS_MIN, DAY_MS],
  graceMs: [GRACE_MS_MIN, DAY_MS],
  placesMax: [1, PLACES_MAX],
}

/**
 * The terms of all lines: those of {@link DEFAULT_LINE_TERMS} but for what is given.
 * @throws RangeError naming the setting that is no integer within its bounds.
 */
export function lineTermsOf(
  given: {
    readonly [Name in keyof LineSettings]?: number | undefined
  },
): LineTerms {
  const settings: Partial<Record<keyof LineSettings, number>> = {}
  for (const [name, [least, most]] of Object.entries(BOUNDS) as [keyof LineSettings, [number, number]][]) {
    const value = given[name] ?? DEFAULT_LINE_TERMS[name]
    if (!Number.isSafeInteger(value) || value < least || value > most)
      throw new RangeError(`lineTerms.${name}: expected an integer from ${least} to ${most}, got ${value}`)
    settings[name] = value
  }
  return { ...DEFAULT_LINE_TERMS, ...settings }
}

/** What of them operators see. */
export function shownTerms({ horizonMs, graceMs, placesMax }: LineTerms): LineSettings {
  return { horizonMs, graceMs, placesMax }
}
