/** What a shopper reads of the answer to a claim. */
export interface ClaimAnswer {
  /** `coupon`: it is the shopper's. `place`: a time to come back at. `none`: neither. */
  readonly kind: 'coupon' | 'place' | 'none'
  /** The result's type, the error's code, or what went wrong on the way. */
  readonly outcome: string
  readonly retryAfterMs: number | undefined
  /** Of a kept place; to be shown when coming back. */
  readonly placeToken: string | undefined
}

const ISSUED = /"__typename":"Coupon(?:Already)?Issued"/

/** A kept place may come as data, or beside the error THROTTLED. */
export function readClaim(status: number, body: string): ClaimAnswer {
  const issued = ISSUED.exec(body)
  if (status === 200 && issued !== null) {
    return { kind: 'coupon', outcome: 'coupon', retryAfterMs: undefined, placeToken: undefined }
  }
  if (status === 0) return { kind: 'none', outcome: body, retryAfterMs: undefined, placeToken: undefined }
  const answer = parsed(body)
  const result = answer?.data?.claimCoupon
  const error = answer?.errors?.[0]?.extensions
  const place = result?.__typename === 'KeptPlace' ? result : (error?.place ?? answer?.extensions?.place)
  return {
    kind: place === undefined ? 'none' : 'place',
    outcome: result?.__typename ?? error?.code ?? `HTTP ${status}`,
    retryAfterMs: place?.retryAfterMs ?? result?.retryAfterMs ?? error?.retryAfterMs,
    placeToken: place?.token,
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a missing member shows as an outcome
function parsed(body: string): any {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
