import { DEFAULT_LINE_TERMS } from '../../gateway/surge/lines.ts'
import { type Check, checkOf, type Grounds } from './check-result.ts'
import type { Figures, PlaceGiven } from './figures.ts'

/**
 * I10: whoever came back within the grace of their instant was admitted within it, or, having come at its very end, by
 * the answer to that request. Those whose grace had not ended when the replay did are told and not judged, but for whoever
 * had given up by then: nobody is honoured who has to ask that often.
 */
export function checkPlacesHonoured(
  {
    places,
    startedAt,
    tookMs,
    latencyOfSteps,
  }: Pick<Figures, 'places' | 'startedAt' | 'tookMs' | 'latencyOfSteps'>,
  { graceMs = DEFAULT_LINE_TERMS.graceMs }: Pick<Grounds, 'graceMs'>,
): Check {
  const endedMs = Date.parse(startedAt) + tookMs
  const answerMs = latencyOfSteps.claim?.max ?? 0
  let judged = 0
  let broken = 0
  let open = 0
  let latestMs = 0
  for (const { admitAtMs, admittedMs, returnedMs, hasGivenUp } of places) {
    const graceEndsMs = admitAtMs + graceMs
    if (returnedMs === undefined || returnedMs > graceEndsMs) continue
    if (admittedMs === undefined) {
      if (graceEndsMs > endedMs && hasGivenUp === undefined) open++
      else {
        judged++
        broken++
      }
      continue
    }
    judged++
    latestMs = Math.max(latestMs, admittedMs - admitAtMs)
    if (admittedMs > Math.max(graceEndsMs, returnedMs + answerMs)) broken++
  }
  const found = `${places.length} places given, ${judged} holders came back in their grace of ${graceMs / 1_000} s, ${broken} were not admitted within it`
  const latest = judged > broken ? `; the latest ${Math.round(latestMs)} ms after its instant` : ''
  const unjudged = open === 0 ? '' : `; ${open} were still within it when the replay ended`
  return checkOf('I10', broken === 0, judged, `${found}${latest}${unjudged}`)
}

/**
 * I12: if one was told its place before another asked, its instant is not later. An inversion is one who asked after
 * somebody had been told a later instant than its own.
 */
export function checkOrderOfPlaces({ places }: Pick<Figures, 'places'>): Check {
  const asked = places.toSorted((a, b) => a.askedMs - b.askedMs)
  const answered = places.toSorted((a, b) => a.answeredMs - b.answeredMs)
  let inversions = 0
  let worstMs = 0
  let next = 0
  /** Of all who had been told when the one at hand asked. */
  let latestMs = Number.NEGATIVE_INFINITY
  for (const place of asked) {
    for (let told: PlaceGiven | undefined; (told = answered[next]) && told.answeredMs < place.askedMs; next++)
      latestMs = Math.max(latestMs, told.admitAtMs)
    if (latestMs <= place.admitAtMs) continue
    inversions++
    worstMs = Math.max(worstMs, latestMs - place.admitAtMs)
  }
  const worst = inversions === 0 ? '' : `, by ${Math.round(worstMs)} ms at most`
  return checkOf(
    'I12',
    inversions === 0,
    places.length,
    `${places.length} places, ${inversions} inversions${worst}`,
  )
}
