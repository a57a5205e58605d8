import type { GraphQLFormattedError } from 'graphql'

/** What a code promises. The table in README.md says the same, and a test holds the two equal. */
export interface ErrorEntry {
  /** HTTP status of an answer whose `data` it made null or absent. */
  readonly status: number
  /** Whether asking again, unchanged, may succeed. */
  readonly retryable: boolean
  readonly meaning: string
}

const entry = (status: number, retryable: boolean, meaning: string): ErrorEntry =>
  Object.freeze({ status, retryable, meaning })

/** Every code that an answer of the gateway may carry, but for codes of subgraphs that are not ours. */
export const ERRORS: Readonly<Record<string, ErrorEntry>> = Object.freeze({
  // A foreign subgraph's code may be the name of something that plain objects inherit.
  __proto__: null as never,

  // The request as HTTP and JSON.
  BAD_REQUEST: entry(400, false, 'The request is not well-formed GraphQL over HTTP; the message says where.'),
  NOT_FOUND: entry(404, false, 'There is nothing at this path.'),
  METHOD_NOT_ALLOWED: entry(
    405,
    false,
    'The method does not fit: mutations go by POST. See the header Allow.',
  ),
  NOT_ACCEPTABLE: entry(406, false, 'The header Accept allows none of the media types that are served.'),
  PAYLOAD_TOO_LARGE: entry(413, false, 'The body is larger than the gateway reads.'),
  REQUEST_TIMEOUT: entry(408, true, 'The request did not arrive whole in time.'),
  UNSUPPORTED_MEDIA_TYPE: entry(415, false, 'The body must be application/json.'),
  HEADERS_TOO_LARGE: entry(431, false, "The request's headers are larger than the gateway reads."),
  SHUTTING_DOWN: entry(503, true, 'This process is stopping; another one answers where there are several.'),

  // Who calls.
  UNAUTHENTICATED: entry(
    401,
    false,
    'A token is needed, or the token or key sent is malformed, unknown, forged or expired.',
  ),
  FORBIDDEN: entry(
    403,
    false,
    'The caller is known and may not do or see this; the message names the scope or policy.',
  ),
  TOKEN_KEYS_UNREACHABLE: entry(
    503,
    true,
    "The token issuer's keys cannot be read, so no new token can be verified.",
  ),

  // Which operation.
  PERSISTED_QUERY_NOT_FOUND: entry(
    200,
    true,
    'No operation has this hash yet; send it once more with its text.',
  ),
  PERSISTED_QUERY_HASH_MISMATCH: entry(400, false, 'The hash is not the SHA-256 of the text sent with it.'),
  PERSISTED_QUERY_NOT_IN_LIST: entry(404, false, 'No persisted operation of this client has this id.'),
  PERSISTED_QUERY_ID_REQUIRED: entry(400, false, 'Only ids of persisted operations are served, no text.'),
  QUERY_NOT_IN_SAFELIST: entry(403, false, 'The text is that of no persisted operation of this client.'),
  CANNOT_SEND_PQ_ID_AND_BODY: entry(
    400,
    false,
    'An operation is named by its id or by its text, not by both.',
  ),
  GRAPHQL_PARSE_FAILED: entry(400, false, 'The text is not GraphQL.'),
  GRAPHQL_VALIDATION_FAILED: entry(400, false, 'The operation does not fit the schema.'),
  OPERATION_RESOLUTION_FAILURE: entry(
    400,
    false,
    'The document has no operation of this name, or several and none was named.',
  ),
  OPERATION_NOT_SUPPORTED: entry(400, false, 'The operation uses what this gateway does not serve.'),
  PLAN_FAILED: entry(500, false, 'The operation cannot be planned over the subgraphs.'),
  OPERATION_TOO_LARGE: entry(
    400,
    false,
    'The operation has too many selections once its fragments are expanded, too many fields of one name, or too many conditions.',
  ),
  MAX_TOKENS_LIMIT: entry(400, false, 'The text has too many tokens.'),
  MAX_DEPTH_LIMIT: entry(400, false, 'The operation nests too deep.'),
  MAX_ROOT_FIELDS_LIMIT: entry(400, false, 'The operation has too many root fields, aliases counted.'),
  MAX_FETCHES_LIMIT: entry(400, false, 'The operation would take too many subgraph fetches.'),

  // What it costs.
  COST_ESTIMATED_TOO_EXPENSIVE: entry(
    400,
    false,
    'The operation is estimated at more points than are allowed, or than the budget ever holds; the three dearest fields are named.',
  ),
  SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE: entry(
    400,
    false,
    'What the plan asks of one subgraph is estimated at more points than are allowed for it.',
  ),
  COST_INVALID_SLICING_ARGUMENTS: entry(
    400,
    false,
    'A list must be asked for with exactly one of the arguments that say how long it may be.',
  ),
  THROTTLED: entry(
    429,
    true,
    'The budget of the caller or of a field does not hold the points now; nothing was executed.',
  ),

  // What it was given.
  BAD_INPUT: entry(400, false, 'A variable or argument is not what the schema or the service expects.'),
  BAD_ID: entry(400, false, 'An id is malformed, of another type, or of another shopper.'),

  // What became of it.
  OUTCOME_UNKNOWN: entry(
    503,
    true,
    'The change may or may not have been made. Asking again, unchanged, returns what is durable.',
  ),
  PENDING: entry(
    503,
    true,
    'The change is recorded and not yet in force everywhere; it is being carried through.',
  ),
  IDEMPOTENCY_IN_FLIGHT: entry(
    409,
    true,
    'An earlier request with the same idempotency key is still being worked on.',
  ),
  ORDER_BUSY: entry(409, true, 'Other requests keep changing the same order.'),
  OVERLOADED: entry(503, true, 'Too many requests of this kind are waiting; nothing was done.'),
  SURGE_SHED: entry(
    503,
    true,
    'The gateway is too busy for requests of this kind; nothing was done. Those that buy still pass.',
  ),
  SUBGRAPH_UNREACHABLE: entry(503, true, 'A subgraph cannot be reached.'),
  SUBGRAPH_OVERLOADED: entry(503, true, 'Too much is waiting for a subgraph.'),
  SUBGRAPH_TIMEOUT: entry(504, true, 'A subgraph did not answer within the time that the request had.'),
  SUBGRAPH_BAD_ANSWER: entry(502, false, 'A subgraph answered with something that is not a GraphQL answer.'),
  SUBGRAPH_ERROR: entry(502, false, 'A subgraph failed and gave no code of its own.'),
  DATABASE_UNAVAILABLE: entry(503, true, 'The database cannot be reached; nothing was changed.'),
  INTERNAL_SERVER_ERROR: entry(
    500,
    false,
    'A defect in the gateway or a subgraph. Details are in its log only.',
  ),
})

/** The status of a code; an unregistered one, which only a foreign subgraph can give, is partial failure of a well-formed answer. */
export const statusOf = (code: string): number => ERRORS[code]?.status ?? 200

export const codeOf = (error: {
  readonly extensions?: Readonly<Record<string, unknown>> | undefined
}): string => (typeof error.extensions?.code === 'string' ? error.extensions.code : 'INTERNAL_SERVER_ERROR')

/** What `extensions` never carry to a client. */
const INTERNAL_MEMBERS: ReadonlySet<string> = new Set(['stacktrace', 'exception', 'http', 'debug'])

/** An error as the pipeline meets it: a `Fault`, a subgraph's error, or anything else that was thrown. */
export interface RawError {
  readonly message: string
  readonly path?: readonly (string | number)[] | undefined
  readonly locations?: GraphQLFormattedError['locations']
  readonly extensions?: Readonly<Record<string, unknown>> | undefined
}

/**
 * An error as a client sees it.
 * - A registered code speaks for itself: message and extensions pass, without internals.
 * - A code that is not ours, or a subgraph's error without one: in production only the code passes.
 * - Anything else is a defect: one masked message, always.
 */
export function presentError(error: RawError, production: boolean): GraphQLFormattedError {
  const code = error.extensions?.code
  const place = {
    ...(error.locations === undefined ? {} : { locations: error.locations }),
    ...(error.path === undefined ? {} : { path: error.path }),
  }
  if (typeof code !== 'string' || code === 'INTERNAL_SERVER_ERROR') {
    const service = error.extensions?.service
    return {
      message: typeof service === 'string' ? `the ${service} service failed` : 'internal server error',
      ...place,
      extensions: { code: 'INTERNAL_SERVER_ERROR', ...(typeof service === 'string' ? { service } : {}) },
    }
  }
  const extensions = withoutInternals(error.extensions!)
  if ((ERRORS[code] !== undefined && code !== 'SUBGRAPH_ERROR') || !production)
    return { message: error.message, ...place, extensions }
  const service = error.extensions?.service
  return {
    message: `the ${typeof service === 'string' ? service : 'called'} service failed`,
    ...place,
    extensions: { code, ...(typeof service === 'string' ? { service } : {}) },
  }
}

function withoutInternals(extensions: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(extensions)) if (!INTERNAL_MEMBERS.has(name)) kept[name] = value
  return kept
}
