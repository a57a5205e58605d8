/** Exits 0 when the process beside it in the container says that it is ready: the image's health check. */
const ANSWER_MS_MAX = 3_000

const url = `http://127.0.0.1:${process.env.PORT || 4000}/health/ready`
const isReady = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) }).then(
  answer => answer.ok,
  () => false,
)
process.exitCode = isReady ? 0 : 1
