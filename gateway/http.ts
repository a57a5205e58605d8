import { Fault } from '../protocol/fault.ts'
import { codeOf, statusOf } from './errors.ts'
import { decidingError, type OperationNamed, type Outcome } from './request.ts'

/**
 * The rules of GraphQL over HTTP that hold at every door: they are checked here, once, before a door is chosen, so that
 * the doors cannot differ.
 */

/** A request's parameters, from a POST's body or a GET's query. A hash is of `extensions.persistedQuery` or `documentId`. */
export interface GraphqlParams extends OperationNamed {
  readonly variables: Readonly<Record<string, unknown>> | undefined
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

const HASH = /^[0-9a-f]{64}$/
const DOCUMENT_ID = /^sha256:([0-9a-f]{64})$/
/** A browser sends these across origins only after asking (as Apollo's clients do). */
const PREFLIGHT_HEADERS = ['x-apollo-operation-name', 'apollo-require-preflight']

/** Parameters of a POST. Its content type has been checked by whoever parsed the body. */
export function paramsOfBody(body: unknown): GraphqlParams | Fault {
  if (Array.isArray(body)) return bad('batching is not supported: send one operation a request')
  if (!isRecord(body) || Object.keys(body).length === 0)
    return bad('expected the body to be a JSON object with members')
  const { query, operationName, variables, extensions, documentId } = body
  for (const [name, value] of [
    ['query', query],
    ['operationName', operationName],
    ['documentId', documentId],
  ]) {
    if (value !== undefined && value !== null && typeof value !== 'string') {
      return bad(`expected ${name} to be a string, got ${kindOf(value)}`)
    }
  }
  return paramsOf(query, operationName, variables, extensions, documentId)
}

/** Parameters of a GET: `variables` and `extensions` are JSON texts. */
export function paramsOfQuery(search: Readonly<Record<string, unknown>>): GraphqlParams | Fault {
  const { query, operationName, variables, extensions, documentId } = search
  for (const name of ['query', 'operationName', 'variables', 'extensions', 'documentId']) {
    if (Array.isArray(search[name])) return bad(`expected the parameter ${name} once, got it several times`)
  }
  const parsed: unknown[] = []
  for (const [name, text] of [
    ['variables', variables],
    ['extensions', extensions],
  ] as const) {
    try {
      parsed.push(text === undefined || text === '' ? undefined : JSON.parse(text as string))
    } catch {
      return bad(`expected the parameter ${name} to be JSON`)
    }
  }
  return paramsOf(query, operationName, parsed[0], parsed[1], documentId)
}

function paramsOf(
  query: unknown,
  operationName: unknown,
  variables: unknown,
  extensions: unknown,
  documentId: unknown,
): GraphqlParams | Fault {
  for (const [name, value] of [
    ['variables', variables],
    ['extensions', extensions],
  ]) {
    if (value !== undefined && value !== null && !isRecord(value)) {
      return bad(`expected ${name} to be an object, got ${kindOf(value)}`)
    }
  }
  const hash = hashOf(isRecord(extensions) ? extensions.persistedQuery : undefined, documentId)
  if (hash instanceof Fault) return hash
  const text = typeof query === 'string' && query !== '' ? query : undefined
  if (text === undefined && hash === undefined) {
    return bad('expected query, documentId or extensions.persistedQuery to name an operation')
  }
  return {
    text,
    operationName: typeof operationName === 'string' && operationName !== '' ? operationName : undefined,
    variables: isRecord(variables) ? variables : undefined,
    hash,
    hasForeignExtensions:
      isRecord(extensions) && Object.keys(extensions).some(name => name !== 'persistedQuery'),
  }
}

function hashOf(persistedQuery: unknown, documentId: unknown): string | undefined | Fault {
  let hash: string | undefined
  if (persistedQuery !== undefined && persistedQuery !== null) {
    if (!isRecord(persistedQuery))
      return bad(`expected extensions.persistedQuery to be an object, got ${kindOf(persistedQuery)}`)
    if (persistedQuery.version !== 1) return bad('expected extensions.persistedQuery.version to be 1')
    if (typeof persistedQuery.sha256Hash !== 'string' || !HASH.test(persistedQuery.sha256Hash)) {
      return bad('expected extensions.persistedQuery.sha256Hash to be 64 lower-case hex digits')
    }
    hash = persistedQuery.sha256Hash
  }
  if (typeof documentId !== 'string' || documentId === '') return hash
  const named = DOCUMENT_ID.exec(documentId)?.[1]
  if (named === undefined) return bad('expected documentId to be "sha256:" and 64 lower-case hex digits')
  if (hash !== undefined && hash !== named)
    return bad('documentId and extensions.persistedQuery name different operations')
  return named
}

/** A GET could be sent by any page that a browser shows, unless a header shows that the browser has asked first. */
export function checkCsrf(headers: Headers): Fault | undefined {
  const type = headers['content-type']
  if (typeof type === 'string') {
    const essence = type.split(';', 1)[0]!.trim().toLowerCase()
    if (essence === 'application/json') return undefined
    return new Fault(
      'UNSUPPORTED_MEDIA_TYPE',
      `expected the content type application/json, got ${JSON.stringify(essence.slice(0, 64))}`,
    )
  }
  if (PREFLIGHT_HEADERS.some(name => headers[name] !== undefined && headers[name] !== '')) return undefined
  return bad(
    `blocked as a possible cross-site request forgery: send the content type application/json or a header ${PREFLIGHT_HEADERS.join(' or ')}`,
  )
}

/** Status and headers that an outcome is sent with, the same on both media types. */
export interface ResponseHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** A subgraph may name any number, whose text need not be one that a header can have. */
const RETRY_AFTER_S_MAX = 86_400

const OK: ResponseHead = { status: 200, headers: {} }

/** What is not known now may be in a moment. That ids alone are served is so for everybody, and for as long as a process runs. */
const NOT_YET = 'private, no-cache, must-revalidate'
const CACHING: Readonly<Record<string, string>> = {
  __proto__: null as never,
  PERSISTED_QUERY_NOT_FOUND: NOT_YET,
  PERSISTED_QUERY_NOT_IN_LIST: NOT_YET,
  QUERY_NOT_IN_SAFELIST: NOT_YET,
  CANNOT_SEND_PQ_ID_AND_BODY: NOT_YET,
  PERSISTED_QUERY_ID_REQUIRED: 'public, max-age=60',
}

/**
 * The status of an outcome: 200 whenever there is data; else that of the first error whose code is ours.
 * A refusal says when to come back, who to be, or what to use instead.
 */
export function headOf(outcome: Outcome): ResponseHead {
  const deciding = decidingError(outcome)
  if (deciding === undefined) return OK
  const code = codeOf(deciding)
  const status = statusOf(code)
  const headers: Record<string, string> = {}
  const { retryAfterMs, reason } = deciding.extensions ?? {}
  if (typeof retryAfterMs === 'number')
    headers['retry-after'] = String(Math.min(RETRY_AFTER_S_MAX, Math.max(1, Math.ceil(retryAfterMs / 1_000))))
  if (status === 401) headers['www-authenticate'] = challenge(reason)
  if (status === 405) headers.allow = 'POST'
  const caching = CACHING[code]
  if (caching !== undefined) headers['cache-control'] = caching
  return { status, headers }
}

/** RFC 6750, section 3: an error is named only to whoever sent a token. */
function challenge(reason: unknown): string {
  const error = reason === 'invalid_token' || reason === 'invalid_request' ? `, error="${reason}"` : ''
  return `Bearer realm="spillway"${error}`
}

const bad = (message: string): Fault => new Fault('BAD_REQUEST', message)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const kindOf = (value: unknown): string =>
  Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`
