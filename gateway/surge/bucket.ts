/** Points that flow in at `perSecond`, up to `burst`. Both positive; a demand above `burst` never fits. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** A budget of points that requests draw on; who names the same key names the same rate. */
export interface Bucket {
  /** At most 200 characters of ASCII. */
  readonly key: string
  readonly rate: Rate
}
