import { hash } from 'node:crypto'
import type { GraphQLFormattedError } from 'graphql'
import { codeOf, statusOf } from './errors.ts'

/** What a client is answered. `data` absent: nothing was executed. */
export interface Outcome {
  readonly data?: Readonly<Record<string, unknown>> | null
  /** The data as JSON text, in place of `data`. */
  readonly json?: JsonText
  readonly errors?: readonly GraphQLFormattedError[]
  readonly extensions?: Readonly<Record<string, unknown>>
  /** Beside `json`: anybody may be given this answer, for so long. It is no part of what is sent. */
  readonly validity?: Validity
}

/** How old an answer is, and how long it holds. */
export interface Validity {
  readonly ageMs: number
  /** From age 0 on. */
  readonly freshMs: number
  /** From then on it may still be served, while it is asked for again. */
  readonly staleMs: number
}

/**
 * A response's data as JSON text. Those who are answered the same, at the same time or out of what is kept, share it and
 * what has been made of it.
 */
export class JsonText {
  readonly text: string
  /** Others will be answered with it too: what is made of it is worth keeping. */
  isKept = false
  #body: Buffer | undefined
  #etag: string | undefined
  #encodings: Map<string, unknown> | undefined

  constructor(text: string) {
    this.text = text
  }

  get isNull(): boolean {
    return this.text === 'null'
  }

  /** `{"data":…}` in UTF-8, made once. */
  get body(): Buffer {
    if (this.#body === undefined) {
      const body = `{"data":${this.text}}`
      this.#body = this.isKept ? bytesApart(body) : Buffer.from(body)
    }
    return this.#body
  }

  /** A weak entity tag (RFC 9110, section 8.8.3) of the data, the same at every gateway. */
  get etag(): string {
    this.#etag ??= `W/"${hash('sha256', this.text, 'base64url').slice(0, ETAG_CHARS)}"`
    return this.#etag
  }

  /** What compression.ts has made of the body, or is making, by encoding. */
  get encodings(): Map<string, unknown> {
    this.#encodings ??= new Map()
    return this.#encodings
  }
}

/** 128 bits and some. */
const ETAG_CHARS = 22

/** In memory of their own: a small piece of Node's pool would keep all 8 KB of it for as long as the answer is kept. */
function bytesApart(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}

/** An outcome in one word: `OK`, `PARTIAL` for data with errors, else the code that decided it. */
export function outcomeCode(outcome: Outcome): string {
  if (outcome.errors === undefined || outcome.errors.length === 0) return 'OK'
  const deciding = decidingError(outcome)
  return deciding === undefined ? 'PARTIAL' : codeOf(deciding)
}

/** Of an outcome without data, the first error whose code is ours, else the first. */
export function decidingError({ data, json, errors }: Outcome): GraphQLFormattedError | undefined {
  if (errors === undefined || (data !== undefined && data !== null)) return undefined
  if (json !== undefined && !json.isNull) return undefined
  return errors.find(error => statusOf(codeOf(error)) !== 200) ?? errors[0]
}

/** Whether no root field came to be data: those that may be null are, and the others leave none. */
export function isNothing({ data, json }: Outcome): boolean {
  const roots: object | null = json === undefined ? (data ?? null) : JSON.parse(json.text)
  return Object.values(roots ?? {}).every(root => root === null)
}

/** As it stands in JSON text, where no text of anybody's can look like it. */
const RETRYABLE = '"retryable":true'

/**
 * Whether nothing came of a request: each of its root fields is null for an error, or an outcome that says of itself that
 * asking again may bring another.
 */
export function isInVain(outcome: Outcome): boolean {
  const { data, json, errors } = outcome
  if (errors !== undefined && isNothing(outcome)) return true
  if (json !== undefined && !json.text.includes(RETRYABLE)) return false
  const roots: object | null = json === undefined ? (data ?? null) : JSON.parse(json.text)
  const outcomes: readonly ({ readonly retryable?: unknown } | null | undefined)[] = Object.values(
    roots ?? {},
  )
  return outcomes.some(root => root?.retryable === true) && outcomes.every(isNullOrRetryable)
}

const isNullOrRetryable = (root: { readonly retryable?: unknown } | null | undefined): boolean =>
  root === null || root?.retryable === true

/** How a request names what it wants done. */
export interface OperationNamed {
  /** The SHA-256 by which it names a persisted operation. */
  readonly hash: string | undefined
  /** Its own text, not parsed. */
  readonly text: string | undefined
  readonly operationName: string | undefined
  /** Whether `extensions` has members that mean nothing here: they are for whoever extends Apollo Server. */
  readonly hasForeignExtensions: boolean
}

/** `enforce` and `require-id` serve the manifest alone. */
export const SAFELIST_MODES = ['off', 'audit', 'enforce', 'require-id'] as const

/**
 * What of clients' own texts is served. `off`: all, and a text may be registered under its hash; `audit`: the same, and
 * those that are not of the manifest are told of; `enforce`: those that are of the manifest; `require-id`: none.
 * Introspection passes in each of them where it is on.
 */
export type SafelistMode = (typeof SAFELIST_MODES)[number]

/** What a client's headers are believed to say. */
const CLIENT_NAME = /^[\x20-\x7e]{1,128}$/
const CLIENT_VERSION = /^[\x20-\x7e]{1,64}$/
const REQUEST_ID = /^[\w.:-]{1,64}$/
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

type Headers = Readonly<Record<string, string | string[] | undefined>>

export function clientNameOf(headers: Headers): string | undefined {
  return matching(headers['apollographql-client-name'] ?? headers['graphql-client-name'], CLIENT_NAME)
}

export function clientVersionOf(headers: Headers): string | undefined {
  return matching(
    headers['apollographql-client-version'] ?? headers['graphql-client-version'],
    CLIENT_VERSION,
  )
}

/** Malformed ones are dropped: whoever sent one starts no trace of ours. */
export function traceparentOf(headers: Headers): string | undefined {
  return matching(headers.traceparent, TRACEPARENT)
}

export function requestIdOf(headers: Headers): string | undefined {
  return matching(headers['x-request-id'], REQUEST_ID)
}

function matching(value: string | string[] | undefined, form: RegExp): string | undefined {
  return typeof value === 'string' && form.test(value) ? value : undefined
}
