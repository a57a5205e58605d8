/** The members of `ShopperMessage` that differ between outcomes. Sentences carry no personal data. */
export interface MessageText {
  readonly severity: 'SUCCESS' | 'INFO' | 'WARNING' | 'ERROR'
  readonly zh: string
  readonly en: string
  /** Present: asking again, unchanged, may succeed after this long. */
  readonly retryAfterMs?: number
}

export interface ShopperMessage {
  readonly __typename: string
  readonly code: string
  readonly severity: MessageText['severity']
  readonly messageZh: string
  readonly messageEn: string
  readonly retryable: boolean
  readonly retryAfterMs: number | null
}

/** An outcome as data: `__typename` and, from it, the code (`CouponIssued` → `COUPON_ISSUED`), the words, and its fields. */
export function outcome<Fields extends object>(
  typename: string,
  text: MessageText,
  fields: Fields,
): ShopperMessage & Fields {
  return {
    __typename: typename,
    code: typename.replace(/(?!^)([A-Z])/g, '_$1').toUpperCase(),
    severity: text.severity,
    messageZh: text.zh,
    messageEn: text.en,
    retryable: text.retryAfterMs !== undefined,
    retryAfterMs: text.retryAfterMs ?? null,
    ...fields,
  }
}
