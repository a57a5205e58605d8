/** The two media types of an answer; the first is preferred where both are as welcome. */
export type AnswerType = 'application/json' | 'application/graphql-response+json'

const JSON_TYPE = 'application/json'
const GRAPHQL_TYPE = 'application/graphql-response+json'

/**
 * Which media type to answer in, by the header `accept` (RFC 9110, section 12.5.1); `undefined`: neither is accepted.
 * Of two equally welcome the one named more exactly wins, then the one named first, then application/json.
 */
export function answerType(accept: string | undefined): AnswerType | undefined {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === JSON_TYPE) return JSON_TYPE
  if (accept === GRAPHQL_TYPE) return GRAPHQL_TYPE
  const ranges = accept.split(',').map(parseRange)
  const json = welcome(JSON_TYPE, ranges)
  const graphql = welcome(GRAPHQL_TYPE, ranges)
  if (json.quality === 0 && graphql.quality === 0) return undefined
  const difference =
    graphql.quality - json.quality || graphql.exactness - json.exactness || json.position - graphql.position
  return difference > 0 ? GRAPHQL_TYPE : JSON_TYPE
}

interface Range {
  readonly type: string
  readonly quality: number
}

interface Welcome {
  /** 0 to 1; 0: not accepted. */
  readonly quality: number
  /** 0 by any range, 1 by type, 2 by type and subtype. */
  readonly exactness: number
  readonly position: number
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map(part => part.trim().toLowerCase())
  const quality = parameters.find(parameter => parameter.startsWith('q='))
  const value = quality === undefined ? 1 : Number(quality.slice(2))
  return { type, quality: value >= 0 && value <= 1 ? value : 0 }
}

/** The most exact range that covers the type decides. */
function welcome(type: AnswerType, ranges: readonly Range[]): Welcome {
  let found: Welcome = { quality: 0, exactness: -1, position: 0 }
  for (const [position, range] of ranges.entries()) {
    const exactness =
      range.type === type ? 2 : range.type === 'application/*' ? 1 : range.type === '*/*' ? 0 : -1
    if (exactness > found.exactness) found = { quality: range.quality, exactness, position }
  }
  return found
}
