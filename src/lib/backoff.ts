import type { Random } from './random.ts'

/** How retries spread out: from `firstMs`, doubling, up to `maxMs`, each shortened by up to a half by chance. */
export interface BackoffLimits {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * Milliseconds to wait after the given number of failures in a row (1 or more). Full doubling with "equal jitter":
 * half of the wait is fixed, half is chance, so that peers which failed together do not come back together.
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: Random): number {
  const whole = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)))
  return whole / 2 + (whole / 2) * random.next()
}
