import { promisify } from 'node:util'
import {
  constants,
  crc32,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib'
import { nowMs } from '../../../protocol/deadline.ts'
import type { Entry } from '../entry.ts'

/** Between this process's clock (`nowMs`) and the one that all gateways of a Redis go by (fleet-tags.ts). Always finite. */
export interface FleetTime {
  toFleetMs(atMs: number): number
  fromFleetMs(fleetMs: number): number
}

export interface EntryCodecOptions {
  readonly fleetTime: FleetTime
  /** Smaller bodies stay as they are. */
  readonly compressBytesMin: number
  /** Default: `nowMs`. */
  readonly clock?: () => number
}

/** An entry as bytes that another process can check and read. Nothing here throws or rejects. */
export interface EntryCodec {
  /** `undefined`: its value is nothing that JSON carries, or too large. */
  encode(key: string, entry: Entry): Buffer | undefined | Promise<Buffer | undefined>
  /**
   * `undefined`: it is damaged, of another format, of another key, or of a time that cannot be. Its age is never
   * negative: by how much it is from the future, it is older than it says.
   * @param tick that the entry is born with here: of before the bytes were asked for.
   */
  decode(key: string, bytes: Buffer, tick: number): Entry | undefined | Promise<Entry | undefined>
}

/*
 * All numbers little-endian, instants of the fleet's clock in milliseconds:
 *
 *     0 magic and version  4 flags  8 CRC-32 of all the rest  12 born.version  20 born.atMs  28 freshUntilMs
 *     36 staleUntilMs  44 stretchedUntilMs  52 bytes  60 length of the body's JSON  64 the body: [key, tags, value]
 *
 * The key stands inside the JSON since only there two keys that differ in half a surrogate pair differ too.
 */
const MAGIC = 0x32_65_77_53
const CRC_AT = 8
const CRC_END = 12
const HEAD_BYTES = 64
const COMPRESSED = 1
const BODY_BYTES_MAX = 64 * 1024 * 1024

/** Longer ones are (de)compressed by a thread of Node's pool: the way there takes some 0.2 ms, 100 KB here 0.1 to 0.2. */
const INLINE_BYTES_MAX = 64 * 1024
/** An entry that lives for longer tells of a broken clock. */
const LIFE_MS_MAX = 366 * 24 * 60 * 60 * 1_000
/**
 * Two processes are at one about the time to some milliseconds. One born further in the future is of before the fleet's
 * clock went back: each time that it is read it would be as good as new, until the clock has come to where it was.
 */
const AHEAD_MS_MAX = 1_000

/**
 * Measured on lists of products of 1, 10 and 100 KB (Node 24), µs to compress / decompress, and what is left:
 *
 *     zstd 1     33 / 24, 31 %     45 / 26, 13 %    152 / 124, 11 %
 *     brotli 1   13 / 10, 32 %     31 / 23, 16 %    219 / 190, 12 %
 *     brotli 4   36 /  9, 27 %    102 / 18, 13 %    747 / 175, 11 %
 *     deflate 1  23 / 12, 29 %     38 / 13, 15 %    380 / 148, 14 %
 *     deflate 6  25 /  8, 29 %     81 / 14, 14 %   1278 / 113, 13 %
 *
 * JSON itself takes 3 / 5, 30 / 45 and 233 / 382, the checksum 0.5, 3 and 32. So zstd, and not for what is small.
 */
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const compressElsewhere = promisify(zstdCompress)
const decompressElsewhere = promisify(zstdDecompress)

export function createEntryCodec(options: EntryCodecOptions): EntryCodec {
  const { fleetTime, compressBytesMin, clock = nowMs } = options

  function sealed(entry: Entry, flags: number, bodyBytes: number, body: Buffer): Buffer {
    const { born, freshUntilMs, staleUntilMs, stretchedUntilMs, bytes } = entry
    const sealed = Buffer.alloc(HEAD_BYTES + body.length)
    sealed.writeUInt32LE(MAGIC, 0)
    sealed.writeUInt8(flags, 4)
    sealed.writeDoubleLE(born.version, 12)
    sealed.writeDoubleLE(fleetTime.toFleetMs(born.atMs), 20)
    sealed.writeDoubleLE(fleetTime.toFleetMs(freshUntilMs), 28)
    sealed.writeDoubleLE(fleetTime.toFleetMs(staleUntilMs), 36)
    sealed.writeDoubleLE(fleetTime.toFleetMs(stretchedUntilMs), 44)
    sealed.writeDoubleLE(bytes, 52)
    sealed.writeUInt32LE(bodyBytes, 60)
    body.copy(sealed, HEAD_BYTES)
    sealed.writeUInt32LE(checksumOf(sealed), CRC_AT)
    return sealed
  }

  function opened(key: string, head: Buffer, body: Buffer, tick: number): Entry | undefined {
    const [ownKey, tags, value] = JSON.parse(body.toString()) as unknown[]
    if (ownKey !== key || !Array.isArray(tags) || !tags.every(isText)) return undefined
    const atMs = clock()
    const bornMs = fleetTime.fromFleetMs(head.readDoubleLE(20))
    const freshUntilMs = fleetTime.fromFleetMs(head.readDoubleLE(28))
    const staleUntilMs = fleetTime.fromFleetMs(head.readDoubleLE(36))
    const stretchedUntilMs = fleetTime.fromFleetMs(head.readDoubleLE(44))
    const isOfItsTime =
      bornMs <= freshUntilMs &&
      freshUntilMs <= staleUntilMs &&
      staleUntilMs <= stretchedUntilMs &&
      stretchedUntilMs - bornMs <= LIFE_MS_MAX &&
      bornMs - atMs <= AHEAD_MS_MAX
    if (!isOfItsTime) return undefined
    const aheadMs = Math.max(0, bornMs - atMs)
    return {
      value,
      born: { atMs: bornMs - aheadMs, tick, version: head.readDoubleLE(12) },
      freshUntilMs: freshUntilMs - aheadMs,
      staleUntilMs: staleUntilMs - aheadMs,
      stretchedUntilMs: stretchedUntilMs - aheadMs,
      tags,
      bytes: head.readDoubleLE(52),
    }
  }

  return {
    encode(key, entry) {
      try {
        const body = Buffer.from(JSON.stringify([key, entry.tags, entry.value]))
        if (body.length > BODY_BYTES_MAX) return undefined
        if (body.length < compressBytesMin) return sealed(entry, 0, body.length, body)
        const sealedSmall = (small: Buffer): Buffer => sealed(entry, COMPRESSED, body.length, small)
        if (body.length <= INLINE_BYTES_MAX) return sealedSmall(zstdCompressSync(body, COMPRESSION))
        return compressElsewhere(body, COMPRESSION).then(sealedSmall).catch(nothing)
      } catch {
        return undefined
      }
    },
    decode(key, bytes, tick) {
      if (bytes.length < HEAD_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined
      if (bytes.readUInt32LE(CRC_AT) !== checksumOf(bytes)) return undefined
      const flags = bytes.readUInt8(4)
      const bodyBytes = bytes.readUInt32LE(60)
      if (flags > COMPRESSED || bodyBytes > BODY_BYTES_MAX) return undefined
      const body = bytes.subarray(HEAD_BYTES)
      try {
        if (flags !== COMPRESSED) return opened(key, bytes, body, tick)
        const bound = { maxOutputLength: Math.max(1, bodyBytes) }
        if (bodyBytes <= INLINE_BYTES_MAX) return opened(key, bytes, zstdDecompressSync(body, bound), tick)
        return decompressElsewhere(body, bound)
          .then(large => opened(key, bytes, large, tick))
          .catch(nothing)
      } catch {
        return undefined
      }
    },
  }
}

const nothing = (): undefined => undefined

const isText = (tag: unknown): tag is string => typeof tag === 'string'

const checksumOf = (bytes: Buffer): number => crc32(bytes.subarray(CRC_END), crc32(bytes.subarray(0, CRC_AT)))
