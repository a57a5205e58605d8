/** Instants as shoppers read them: Asia/Shanghai, which has been UTC+8 without summer time since 1991. */

/** The same thing said in both languages. */
export interface Bilingual {
  readonly zh: string
  readonly en: string
}

/** An instant to the minute: 2027年3月1日 08:00 · March 1, 2027, 08:00 (Beijing time). */
export function momentWords(instant: Date): Bilingual {
  const local = new Date(instant.getTime() + OFFSET_MS)
  const time = local.toISOString().slice(11, 16)
  const day = dayWords(local)
  return { zh: `${day.zh} ${time}`, en: `${day.en}, ${time} (Beijing time)` }
}

/**
 * The end of something that is valid before `end`. Midnight ends the day before it: 2027-03-01T00:00+08:00 reads
 * 有效期至2027年2月28日（含当日） · through February 28, 2027.
 */
export function validityWords(end: Date): Bilingual {
  const local = new Date(end.getTime() + OFFSET_MS)
  if (local.getTime() % DAY_MS !== 0) {
    const moment = momentWords(end)
    return { zh: `有效期至${moment.zh}之前`, en: `until just before ${moment.en}` }
  }
  const day = dayWords(new Date(local.getTime() - DAY_MS))
  return { zh: `有效期至${day.zh}（含当日）`, en: `through ${day.en}` }
}

const DAY_MS = 86_400_000
const OFFSET_MS = 8 * 3_600_000
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const

/** `local` carries Shanghai's wall clock in its UTC fields. */
function dayWords(local: Date): Bilingual {
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
  return { zh: `${year}年${month + 1}月${day}日`, en: `${MONTHS[month]} ${day}, ${year}` }
}
