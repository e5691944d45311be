import { booleanOf } from '../query.ts'

/**
 * An option that says yes or no, in any form that Kubo takes (`true`, `1`, `T`, …); the first one counts, and an empty one is
 * none. Throws `INVALID_ARGUMENT`: passed over, a mistake would pin or unpin what it was to leave alone.
 */
export function flagOf(query: URLSearchParams, name: string, otherwise = false): boolean {
  return booleanOf({ [name]: query.get(name) ?? '' }, name, otherwise)
}
