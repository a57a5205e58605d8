/** Slices a shopper id may fall into. Stored in every wallet, order and ledger key: it can never change. */
export const SLICES = 256

const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193

/**
 * The slice of a shopper: FNV-1a, 32 bits, over the id's UTF-8 bytes, modulo {@link SLICES}. Fixed for ever; nothing
 * else may compute it (http://www.isthe.com/chongo/tech/comp/fnv/). Half a lone surrogate hashes as U+FFFD, as UTF-8 encoders write it.
 */
export function sliceOf(shopperId: string): number {
  let hash = OFFSET_BASIS
  for (let i = 0; i < shopperId.length; i++) {
    const unit = shopperId.charCodeAt(i)
    // Shopper ids are ASCII, where code units are the bytes; anything else takes the encoder's word.
    if (unit > 0x7f) return sliceOfBytes(new TextEncoder().encode(shopperId))
    hash = Math.imul(hash ^ unit, PRIME)
  }
  return (hash >>> 0) % SLICES
}

/** A slice as ids write it: two lower-case hex digits. */
export function sliceHex(slice: number): string {
  return HEX[slice] ?? refuse(slice)
}

const HEX: readonly string[] = Array.from({ length: SLICES }, (_, slice) =>
  slice.toString(16).padStart(2, '0'),
)

function sliceOfBytes(bytes: Uint8Array): number {
  let hash = OFFSET_BASIS
  for (const byte of bytes) hash = Math.imul(hash ^ byte, PRIME)
  return (hash >>> 0) % SLICES
}

function refuse(slice: number): never {
  throw new RangeError(`expected a slice from 0 to ${SLICES - 1}, got ${slice}`)
}
