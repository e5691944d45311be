import { ClusterError } from '../errors.ts'

/** How the wire says "no time": the zero time of Go. */
export const ZERO_TIME = '0001-01-01T00:00:00Z'

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9})\d*)?(?:Z|([+-])(\d{2}):(\d{2}))$/
// The last millisecond that RFC 3339 can write.
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** RFC 3339 text in UTC of Unix milliseconds, without trailing zeros of the fraction; undefined and 0 are the zero time. */
export function formatTime(ms: number | undefined): string {
  if (ms === undefined || ms === 0 || Math.abs(ms) > LAST_MS) return ZERO_TIME
  if (ms > 0 && ms % 1000 === 0) return formatSeconds(ms / 1000)
  const text = new Date(ms).toISOString()
  if (text.endsWith('.000Z')) return `${text.slice(0, -5)}Z`
  return text.endsWith('0Z') ? `${text.slice(0, -1).replace(/0+$/, '')}Z` : text
}

const DAY_SECONDS = 86_400
const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'))
let lastDay = { number: 0, text: '1970-01-01' }

/** Whole seconds, as times of pins are. In a listing many fall on one day, whose date is written only once. */
function formatSeconds(seconds: number): string {
  const number = Math.floor(seconds / DAY_SECONDS)
  if (number !== lastDay.number)
    lastDay = { number, text: new Date(number * DAY_SECONDS * 1000).toISOString().slice(0, 10) }
  const rest = seconds - number * DAY_SECONDS
  const [hour, minute] = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60]
  return `${lastDay.text}T${TWO_DIGITS[hour]}:${TWO_DIGITS[minute]}:${TWO_DIGITS[rest % 60]}Z`
}

/**
 * Unix milliseconds of an RFC 3339 text, digits beyond milliseconds cut off; undefined for the zero time.
 * Throws `INVALID_ARGUMENT` with the text in the message.
 */
export function parseTime(text: string): number | undefined {
  if (text === ZERO_TIME) return undefined
  const part = RFC_3339.exec(text)
  const [, year, month, day, hour, minute, second, fraction = ''] = part ?? []
  const dayMs = Date.UTC(Number(year), Number(month) - 1, Number(day))
  const isDay = new Date(dayMs).getUTCDate() === Number(day) && Number(month) <= 12
  const isClock = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
  if (part === null || !isDay || !isClock) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `"${text.slice(0, 100)}" is not a time: write it like 2030-01-31T12:00:00Z`,
    )
  }
  const offsetMinutes = (Number(part[9] ?? 0) * 60 + Number(part[10] ?? 0)) * (part[8] === '-' ? -1 : 1)
  const ofDayMs = ((Number(hour) * 60 + Number(minute) - offsetMinutes) * 60 + Number(second)) * 1000
  return dayMs + ofDayMs + Number(fraction.padEnd(3, '0').slice(0, 3))
}

/** Nanoseconds since the Unix epoch of Unix milliseconds. */
export function toNanoseconds(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * 1_000_000n
}
