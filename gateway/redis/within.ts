/**
 * What `answer` comes to, or a rejection once `ms` have passed without. A process that was busy for longer than that has
 * not looked at what came in meanwhile: it does so before the answer is called late.
 */
export async function within<T>(ms: number, what: string, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      setImmediate(() => reject(new Error(`${what}: no answer within ${ms} ms`)))
    }, ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
