/** The head of a request, read. */
export interface RequestHead {
  /** By lower-case name; each once. */
  readonly headers: Readonly<Record<string, string>>
  /** Bytes of the body that follows. */
  readonly bodyBytes: number
}

const START = 'POST /graphql HTTP/1.1\r\n'
/**
 * A field name is a token (RFC 9110, section 5.6.2), its value visible ASCII and blanks. Every character can be matched
 * in one way only: a pattern that trims the value itself takes seconds over a thousand blanks.
 */
const FIELD = /([!#$%&'*+.^_`|~\w-]+):([\x20-\x7e]*)\r\n/y
/** Node drops silently what comes after its thousandth field. */
const FIELDS_MAX = 100
const LENGTH = /^(?:0|[1-9]\d{0,8})$/

/** Headers that change how the message is framed, read, or what becomes of the connection: not for this reader. */
const FRAMING = new Set([
  'transfer-encoding',
  'content-encoding',
  'expect',
  'upgrade',
  'te',
  'trailer',
  'http2-settings',
  'proxy-connection',
  // Node reads this one into a list.
  'set-cookie',
])

/**
 * Reads the one kind of head that most requests to a busy gateway have: a POST to `/graphql` with a content length, in
 * visible ASCII, no name twice, on a connection that stays. What is in doubt is not read: `undefined` leaves it to
 * Node's parser, so that this one accepts nothing that Node would read otherwise (a differential test holds it to that).
 *
 * @param head from the request line to the empty line, both included, as Latin-1.
 */
export function readRequestHead(head: string): RequestHead | undefined {
  if (!head.startsWith(START)) return undefined
  const headers: Record<string, string> = Object.create(null)
  FIELD.lastIndex = START.length
  const end = head.length - 2
  let count = 0
  while (FIELD.lastIndex < end) {
    const field = FIELD.exec(head)
    if (field === null || ++count > FIELDS_MAX) return undefined
    const name = field[1]!.toLowerCase()
    if (headers[name] !== undefined || FRAMING.has(name)) return undefined
    headers[name] = field[2]!.trim()
  }
  const { host, connection, 'content-length': length } = headers
  if (host === undefined || length === undefined || !LENGTH.test(length)) return undefined
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined
  return { headers, bodyBytes: Number(length) }
}
