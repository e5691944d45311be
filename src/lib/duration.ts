import { ClusterError } from '../errors.ts'

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
// Written so that digits can be split in one way only: what has no unit is found out in one pass.
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/** Go's own bound, 2^63 nanoseconds: some 292 years. */
const LONGEST_MS = 2 ** 63 / 1e6

/**
 * Milliseconds of a duration in Go's syntax (`300ms`, `1.5h`, `2h45m`, `-1s`, `0`).
 * Throws `INVALID_ARGUMENT` for anything else, and for what is longer than 292 years.
 */
export function parseDuration(text: string): number {
  const isNegative = text.startsWith('-')
  const body = text.replace(/^[+-]/, '')
  if (body === '0') return 0
  let ms = 0
  PART.lastIndex = 0
  while (PART.lastIndex < body.length) {
    const part = PART.exec(body)
    if (part === null) break
    ms += Number(part[1]) * (UNITS_MS[part[2] ?? ''] ?? Number.NaN)
    if (PART.lastIndex === body.length && ms < LONGEST_MS) return isNegative ? -ms : ms
  }
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text
  throw new ClusterError('INVALID_ARGUMENT', `invalid duration "${shown}": write it like 30s, 5m or 1h30m`)
}

/** A duration in Go's own form: `1h0m0s`, `2m0s`, `15s`, `1.5s`, `200ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  const sign = ms < 0 ? '-' : ''
  const abs = Math.abs(ms)
  if (abs < 1000) return abs >= 1 ? `${sign}${trim(abs)}ms` : `${sign}${trim(abs * 1000)}µs`
  const hours = Math.floor(abs / 3_600_000)
  const minutes = Math.floor((abs % 3_600_000) / 60_000)
  const seconds = `${trim((abs % 60_000) / 1000)}s`
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`
}

function trim(value: number): string {
  return String(Number(value.toFixed(6)))
}
