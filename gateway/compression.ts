import { promisify } from 'node:util'
import { brotliCompress, gzip, constants as zlib } from 'node:zlib'
import type { JsonText } from './request.ts'

/** An answer's body as it is sent. */
export interface Compressed {
  readonly encoding: 'br' | 'gzip'
  readonly bytes: Buffer
}

/**
 * Compresses a body for whoever accepts it, off the event loop; of a JsonText its body, once for all who share it, and at
 * once where that is done. `undefined`, at once or after a failure: it is sent as it is. Never rejects.
 */
export interface Compress {
  (body: string, acceptEncoding: string | undefined): Promise<Compressed | undefined> | undefined
  (
    body: JsonText,
    acceptEncoding: string | undefined,
  ): Compressed | Promise<Compressed | undefined> | undefined
}

export interface CompressionSettings {
  /** Shorter bodies, in UTF-16 units, are left alone: they fit a packet or two. Default 1,024. */
  readonly bytesMin?: number | undefined
}

const BYTES_MIN = 1_024
/** What stands around the text of the data. */
const DATA_CHARS = '{"data":}'.length
/** Bodies being compressed at once. Beyond, zlib's four threads are behind, and sending more bytes is quicker. */
const UNDER_WAY_MAX = 64

/**
 * Of 86 kB of JSON, on one thread: brotli 1 leaves 22.1 kB in 0.8 ms, gzip 1 24.2 kB in 1.6 ms, gzip 6 22.5 kB in 2.3 ms,
 * brotli 4 21.5 kB in 2.0 ms.
 */
const QUALITY = { br: 1, gzip: 1 } as const

/** Headers whose meaning is remembered: clients send a handful of them. */
const ACCEPTED_MAX = 256

export function createCompress({ bytesMin = BYTES_MIN }: CompressionSettings = {}): Compress {
  let underWay = 0
  const accepted = new Map<string, Compressed['encoding'] | undefined>()

  function encodingFor(acceptEncoding: string): Compressed['encoding'] | undefined {
    if (accepted.has(acceptEncoding)) return accepted.get(acceptEncoding)
    const encoding = preferredEncoding(acceptEncoding)
    if (accepted.size < ACCEPTED_MAX) accepted.set(acceptEncoding, encoding)
    return encoding
  }

  async function compressed(
    encoding: Compressed['encoding'],
    body: string | Buffer,
  ): Promise<Compressed | undefined> {
    underWay++
    try {
      return { encoding, bytes: await ENCODERS[encoding](body) }
    } catch {
      return undefined
    } finally {
      underWay--
    }
  }

  function compressedOnce(
    encoding: Compressed['encoding'],
    json: JsonText,
  ): Compressed | Promise<Compressed | undefined> | undefined {
    const { encodings } = json
    const known = encodings.get(encoding)
    if (known !== undefined) return known as Compressed | Promise<Compressed | undefined>
    if (underWay >= UNDER_WAY_MAX) return undefined
    const { body } = json
    const making = compressed(encoding, body).then(chunk => {
      const made = chunk && { encoding, bytes: apart(chunk.bytes) }
      if (made === undefined) encodings.delete(encoding)
      else encodings.set(encoding, made)
      return made
    })
    encodings.set(encoding, making)
    return making
  }

  return ((body: string | JsonText, acceptEncoding: string | undefined) => {
    if (acceptEncoding === undefined) return undefined
    const isText = typeof body === 'string'
    if ((isText ? body.length : body.text.length + DATA_CHARS) < bytesMin) return undefined
    if (isText && underWay >= UNDER_WAY_MAX) return undefined
    const encoding = encodingFor(acceptEncoding)
    if (encoding === undefined) return undefined
    return isText ? compressed(encoding, body) : compressedOnce(encoding, body)
  }) as Compress
}

/** What zlib gives is the beginning of a chunk of 16 KB, all of which would stay for as long as the answer is kept. */
function apart(chunk: Buffer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(chunk.length)
  chunk.copy(bytes)
  return bytes
}

const brotliAsync = promisify(brotliCompress)
const gzipAsync = promisify(gzip)
const ENCODERS: Readonly<Record<Compressed['encoding'], (body: string | Buffer) => Promise<Buffer>>> = {
  br: body =>
    brotliAsync(body, {
      params: {
        [zlib.BROTLI_PARAM_QUALITY]: QUALITY.br,
        [zlib.BROTLI_PARAM_MODE]: zlib.BROTLI_MODE_TEXT,
        [zlib.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    }),
  gzip: body => gzipAsync(body, { level: QUALITY.gzip }),
}

/**
 * What the header `accept-encoding` asks for (RFC 9110, section 12.5.3), brotli of two as welcome; `undefined`: the body
 * as it is.
 */
export function preferredEncoding(acceptEncoding: string): Compressed['encoding'] | undefined {
  const welcome = new Map<string, number>()
  for (const item of acceptEncoding.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map(part => part.trim())
    const quality = parameters.find(parameter => parameter.startsWith('q='))
    const value = quality === undefined ? 1 : Number(quality.slice(2))
    welcome.set(name, value >= 0 && value <= 1 ? value : 0)
  }
  const anyOther = welcome.get('*') ?? 0
  const br = welcome.get('br') ?? anyOther
  const plainGzip = welcome.get('gzip') ?? welcome.get('x-gzip') ?? anyOther
  // As it is is always acceptable, but only named is it preferred.
  const identity = welcome.get('identity') ?? 0
  if (br > 0 && br >= plainGzip && br >= identity) return 'br'
  return plainGzip > 0 && plainGzip >= identity ? 'gzip' : undefined
}
