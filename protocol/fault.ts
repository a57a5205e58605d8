import { GraphQLError } from 'graphql'

/**
 * Something a caller cannot be given as data: a refusal or a failure, with a code that gateway/errors.ts documents.
 * `retryAfterMs` present means that asking again, unchanged, may succeed.
 */
export class Fault extends GraphQLError {
  readonly code: string
  constructor(
    code: string,
    message: string,
    options: { retryAfterMs?: number; cause?: unknown; details?: object } = {},
  ) {
    super(message, {
      extensions: {
        code,
        ...(options.retryAfterMs === undefined ? {} : { retryAfterMs: options.retryAfterMs }),
        ...options.details,
      },
      ...(options.cause instanceof Error ? { originalError: options.cause } : {}),
    })
    this.name = 'Fault'
    this.code = code
  }
}
