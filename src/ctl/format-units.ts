const SI = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']

/** A number of bytes in powers of 1000: `7 B`, `1.8 kB`, `83 MB`. One decimal below 10, none from there. */
export function formatBytes(bytes: number): string {
  if (bytes < 10) return `${Math.trunc(bytes)} B`
  const power = Math.min(SI.length - 1, Math.floor(Math.log(bytes) / Math.log(1000) + 1e-9))
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${SI[power] ?? ''}`
}

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY
const MONTH = 30 * DAY
const YEAR = 12 * MONTH
const LONG = 37 * YEAR

/** Spans from their upper bound down: how one is said, and the unit to count in (0 = none). */
const SPANS: readonly (readonly [below: number, unit: number, one: string, many: string])[] = [
  [1, 0, 'now', ''],
  [2, 0, '1 second', ''],
  [MINUTE, 1, '', 'seconds'],
  [2 * MINUTE, 0, '1 minute', ''],
  [HOUR, MINUTE, '', 'minutes'],
  [2 * HOUR, 0, '1 hour', ''],
  [DAY, HOUR, '', 'hours'],
  [2 * DAY, 0, '1 day', ''],
  [WEEK, DAY, '', 'days'],
  [2 * WEEK, 0, '1 week', ''],
  [MONTH, WEEK, '', 'weeks'],
  [2 * MONTH, 0, '1 month', ''],
  [YEAR, MONTH, '', 'months'],
  [18 * MONTH, 0, '1 year', ''],
  [2 * YEAR, 0, '2 years', ''],
  [LONG, YEAR, '', 'years'],
]

/** How far a time is from now, in words: `9 seconds from now`, `1 minute ago`, `now`, `a long while ago`. */
export function formatRelative(ms: number, nowMs: number): string {
  const seconds = Math.abs(ms - nowMs) / 1000
  const side = ms > nowMs ? 'from now' : 'ago'
  const span = SPANS.find(([below]) => seconds < below)
  if (span === undefined) return `a long while ${side}`
  const [, unit, one, many] = span
  if (one === 'now') return one
  return unit === 0 ? `${one} ${side}` : `${Math.trunc(seconds / unit)} ${many} ${side}`
}
