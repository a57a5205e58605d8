import type { SubgraphAnswer, SubgraphError } from './subgraph-client.ts'

/**
 * A GraphQL response as another process wrote it (https://spec.graphql.org/October2021/#sec-Response-Format). Lenient
 * where servers are known to differ: `errors` and `path` may be null, `errors` may be empty beside data.
 * @throws TypeError saying what was expected and what was got.
 */
export function parseAnswer(value: unknown): SubgraphAnswer {
  if (!isRecord(value)) throw expected('an object with data or errors', value)
  const { data, errors, extensions } = value
  if (data !== undefined && data !== null && !isRecord(data)) throw expected('data to be an object', data)
  if (errors !== undefined && errors !== null && !Array.isArray(errors)) {
    throw expected('errors to be a list', errors)
  }
  const hasErrors = Array.isArray(errors) && errors.length > 0
  if (!hasErrors && (data === undefined || data === null)) throw expected('data or errors', value)
  // Nearly every answer, and worth its own line: it is made for every operation.
  if (!hasErrors && extensions === undefined) return { data: data as Record<string, unknown> }
  return {
    ...(data === undefined ? {} : { data }),
    ...(hasErrors ? { errors: errors.map(parseError) } : {}),
    ...(isRecord(extensions) ? { extensions } : {}),
  }
}

function parseError(value: unknown): SubgraphError {
  if (!isRecord(value) || typeof value.message !== 'string') throw expected('an error with a message', value)
  const { message, path, extensions } = value
  return {
    message,
    ...(Array.isArray(path) ? { path: path as readonly (string | number)[] } : {}),
    ...(isRecord(extensions) ? { extensions } : {}),
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function expected(what: string, got: unknown): TypeError {
  return new TypeError(`expected ${what}, got ${String(JSON.stringify(got)).slice(0, 64)}`)
}
