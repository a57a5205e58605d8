import type { Place } from './lines.ts'

/** What a shown token is found to be. `FOREIGN`: another caller's or line's, or another key's. */
export type PlaceTokenProblem = 'MALFORMED' | 'FOREIGN'

/** Signs places, so that a caller can show one to a gateway, or a line, that knows nothing of it. */
export interface PlaceTokens {
  /** @param lineKey of the bucket that is the line. @param caller as the line knows it. */
  sign(place: Place, lineKey: string, caller: string): string
  /** Whether it is expired, or was honoured before, only the line can tell. */
  read(token: string, lineKey: string, caller: string): Place | PlaceTokenProblem
}
