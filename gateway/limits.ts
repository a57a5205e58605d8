/** Every limit on one request; each has its own error code. */
export interface GatewayLimits {
  /** PAYLOAD_TOO_LARGE */
  readonly bodyBytesMax: number
  /** HEADERS_TOO_LARGE; the path and its query count too. */
  readonly headerBytesMax: number
  /** MAX_TOKENS_LIMIT */
  readonly tokensMax: number
  /** MAX_DEPTH_LIMIT */
  readonly depthMax: number
  /** MAX_ROOT_FIELDS_LIMIT */
  readonly rootFieldsMax: number
  /** MAX_FETCHES_LIMIT */
  readonly fetchesMax: number
  /** SUBGRAPH_TIMEOUT, or OUTCOME_UNKNOWN for a mutation that was sent. */
  readonly requestMsMax: number
}

export const DEFAULT_LIMITS: GatewayLimits = Object.freeze({
  bodyBytesMax: 256 * 1024,
  headerBytesMax: 16 * 1024,
  tokensMax: 2_000,
  depthMax: 12,
  rootFieldsMax: 15,
  fetchesMax: 64,
  requestMsMax: 10_000,
})

/** @throws RangeError naming the limit that is no positive integer, or that contradicts another. */
export function assertLimits(limits: GatewayLimits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`expected the limit ${name} to be a positive integer, got ${value}`)
    }
  }
  // Every level takes a field and a brace: a smaller budget of tokens would make the depth meaningless.
  if (limits.tokensMax < limits.depthMax) {
    throw new RangeError(
      `expected tokensMax to be at least depthMax ${limits.depthMax}, got ${limits.tokensMax}`,
    )
  }
}
