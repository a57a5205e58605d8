/** How the owner of what a line hands out says that it stands. */
export interface LineStatus {
  /** How many are left to hand out. */
  readonly remaining: number
  /** An operator has stopped it, for now or for good. */
  readonly isPaused: boolean
  readonly noticeZh: string | undefined
  readonly noticeEn: string | undefined
}

/** States in which what is asked for is handed out. */
const FLOWING: ReadonlySet<unknown> = new Set(['OPEN', 'ACTIVE'])

type Members = Readonly<Record<string, unknown>>

/** What the first object that says how much is `remaining` says, the outermost first. */
export function lineStatusIn(data: unknown): LineStatus | undefined {
  let level: readonly unknown[] = [data]
  while (level.length > 0) {
    const objects = level.filter((value): value is Members => typeof value === 'object' && value !== null)
    const telling = objects.find(object => typeof object.remaining === 'number')
    if (telling !== undefined) return statusOf(telling)
    level = objects.flatMap(object => Object.values(object))
  }
  return undefined
}

function statusOf({ remaining, state, noticeZh, noticeEn }: Members): LineStatus {
  return {
    remaining: Math.max(0, remaining as number),
    isPaused: typeof state === 'string' && !FLOWING.has(state),
    noticeZh: typeof noticeZh === 'string' ? noticeZh : undefined,
    noticeEn: typeof noticeEn === 'string' ? noticeEn : undefined,
  }
}
