import { type FSWatcher, watch as watchFolder } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface Watch {
  close(): void
}

export interface WatchOptions {
  /** Between two looks when nothing has been heard. Default 1 s. */
  readonly everyMs?: number
  /** How long a file must stand still before it counts as written. Default 100 ms. */
  readonly settleMs?: number
}

/**
 * Tells when any of the files has changed, however it was done: written in place, another file renamed into its place
 * (editors), or a link on its way pointed elsewhere (Kubernetes' config maps). The files are looked at again and again,
 * since not every file system tells of changes; where it does, the look is at once. A file that is away for the moment
 * has not changed yet. The first call comes soon after the start: a change before it would be missed otherwise.
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  options: WatchOptions = {},
): Watch {
  const { everyMs = 1_000, settleMs = 100 } = options
  /** What was told of last, and what the last look saw. */
  let told: string | undefined
  let seen: string | undefined
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  let dueMs = Number.POSITIVE_INFINITY
  const folders = watchersOf(paths, () => lookIn(settleMs))

  /** A look that comes sooner stands: a busy folder must not put it off. */
  function lookIn(waitMs: number): void {
    const newDueMs = performance.now() + waitMs
    if (isClosed || newDueMs >= dueMs) return
    dueMs = newDueMs
    clearTimeout(timer)
    timer = setTimeout(look, waitMs)
  }

  async function look(): Promise<void> {
    dueMs = Number.POSITIVE_INFINITY
    const now = await signatureOf(paths)
    if (now !== seen) {
      seen = now
      lookIn(settleMs)
      return
    }
    if (now !== told && now !== undefined && !isClosed) {
      told = now
      onChange()
    }
    lookIn(everyMs)
  }

  lookIn(0)
  return {
    close() {
      isClosed = true
      clearTimeout(timer)
      for (const folder of folders) folder.close()
    },
  }
}

/** The files behind the paths, links followed, as far as a change shows; `undefined`: one of them is not there. */
async function signatureOf(paths: readonly string[]): Promise<string | undefined> {
  try {
    const stats = await Promise.all(paths.map(path => stat(path)))
    return stats
      .map(({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs].join(' '))
      .join(', ')
  } catch {
    return undefined
  }
}

/** Where folders cannot be watched, looking again must do. */
function watchersOf(paths: readonly string[], onEvent: () => void): readonly FSWatcher[] {
  const watchers: FSWatcher[] = []
  for (const folder of new Set(paths.map(dirname))) {
    try {
      watchers.push(watchFolder(folder, onEvent).on('error', () => {}))
    } catch {}
  }
  return watchers
}
