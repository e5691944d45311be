import type { TokenJson } from '../model/token-json.ts'

const NEVER = '0001-01-01T00:00:00Z'

/** A token in one line: who, what for, until when, and how much of its limits is used. */
export function formatToken({ name, scope, expires_at, limits, used }: TokenJson): string {
  const of = (count: number, limit: number) => (limit === 0 ? String(count) : `${count} of ${limit}`)
  const rate = limits.requests_per_second
  return [
    name,
    scope,
    `expires: ${expires_at === NEVER ? 'never' : expires_at}`,
    ...(rate === 0 ? [] : [`at most ${rate} requests/s`]),
    `pins: ${of(used.pins, limits.pins)}`,
    `bytes: ${of(used.bytes, limits.bytes)}`,
    `last used: ${used.last_at === NEVER ? 'never' : used.last_at}`,
  ].join(' | ')
}
