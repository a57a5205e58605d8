import { type DestinationStream, type Logger, pino } from 'pino'

export interface LogOptions {
  /** Who writes: stands in every line. Default `gateway`. */
  readonly name?: string
  /** Default `info`. */
  readonly level?: string
  /** Default: standard output. */
  readonly destination?: DestinationStream
}

/** Member names whose values are secrets wherever in a line they stand, down to three levels. */
const SECRETS = [
  'authorization',
  'x-api-key',
  'cookie',
  'password',
  'secret',
  'token',
  'placeToken',
  'paymentToken',
  'identityKey',
  'identityKeyPrevious',
  'spillway-identity',
  'spillway-place',
  'variables',
]

/** JSON lines without secrets. Variables count as secrets: they hold what shoppers write. */
export function createLogger(options: LogOptions = {}): Logger {
  const paths = SECRETS.flatMap(name => {
    const member = `["${name}"]`
    return [member, `*${member}`, `*.*${member}`]
  })
  const { name = 'gateway', level = 'info', destination } = options
  const settings = { level, base: { name }, redact: { paths, censor: '[redacted]' } }
  return destination === undefined ? pino(settings) : pino(settings, destination)
}
