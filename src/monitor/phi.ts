/** The largest phi that is told: beyond it the number says nothing more, and JSON needs a finite one. */
export const PHI_MAX = 100

/**
 * Suspicion after a silence: φ = −log₁₀ P(a heartbeat comes later than that), the times between arrivals being taken for
 * normally distributed (Hayashibara et al., "The φ accrual failure detector", 2004). φ = 1 is wrong once in 10 times, φ = 8
 * once in 10⁸, as far as the distribution is right.
 *
 * Numerics: with y = (silence − mean) / deviation the tail of the normal distribution is approximated by the logistic
 * function, P ≈ 1 / (1 + eˣ) with x = y · (1.5976 + 0.070566 · y²). Its logarithm is worked out directly, as
 * φ = (max(x, 0) + ln(1 + e^−|x|)) / ln 10: the usual detour over P itself is infinite as soon as e^−x is 0 (from about 20
 * deviations on) and not a number far below the mean. Against the exact tail φ is right to 0.01 up to 2 deviations, and too
 * large beyond: 2.9 for 2.9 at 3, 4.7 for 4.5 at 4, 7.3 for 6.5 at 5, 10.8 for 9.0 at 6, 21 for 15 at 8.
 * Thresholds that are in use elsewhere are of the same approximation. The answer is capped at `PHI_MAX`.
 */
export function phiOf(silenceMs: number, meanMs: number, deviationMs: number): number {
  const y = (silenceMs - meanMs) / deviationMs
  const x = y * (1.5976 + 0.070566 * y * y)
  return Math.min(PHI_MAX, (Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))) / Math.LN10)
}
