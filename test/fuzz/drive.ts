import assert from 'node:assert/strict'
import { ClusterError } from '../../src/errors.ts'
import { seededRandom } from '../support/seeded-random.ts'
import type { Outcome, Target } from './target.ts'

/** Inputs between two thorough checks. */
const CHECK_EVERY = 250

/** What a run of a target came to. */
export interface Report {
  readonly target: string
  readonly inputs: number
  readonly outcomes: ReadonlyMap<Outcome, number>
  /** The longest that one input took, milliseconds of wall time. */
  readonly slowestMs: number
  readonly heapBeforeBytes: number
  readonly heapAfterBytes: number
}

/** Runs a call that may refuse with a `ClusterError` and with nothing else. */
export async function outcomeOf(call: () => unknown): Promise<Outcome> {
  try {
    await call()
    return 'accepted'
  } catch (thrown) {
    if (thrown instanceof ClusterError && thrown.code !== 'INTERNAL') return thrown.code
    throw thrown
  }
}

/**
 * Feeds a target with inputs that the seed determines. Fails at the first property that does not hold, naming seed and
 * number of the input; also when the heap ends more than `heapGrowthMax` bytes larger (with --expose-gc).
 */
export async function drive(
  target: Target,
  options: { readonly seed: number; readonly inputs: number; readonly heapGrowthMax?: number },
): Promise<Report> {
  const { seed, inputs, heapGrowthMax = Number.POSITIVE_INFINITY } = options
  const outcomes = new Map<Outcome, number>()
  let slowestMs = 0
  let heapBeforeBytes = 0
  let input = 0
  const onRejection = (thrown: unknown) => {
    throw new Error(`${target.name}, seed ${seed}, input ${input}: a rejection that nobody handled`, {
      cause: thrown,
    })
  }
  process.on('unhandledRejection', onRejection)
  try {
    await using session = await target.open(seededRandom(seed))
    for (; input < inputs; input++) {
      // What is cached is there after the first inputs.
      if (input === Math.min(1000, inputs - 1)) heapBeforeBytes = heapBytes()
      const began = performance.now()
      const outcome = await session.feed()
      slowestMs = Math.max(slowestMs, performance.now() - began)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      if (input % CHECK_EVERY === CHECK_EVERY - 1) await session.check()
    }
    await session.check()
    const heapAfterBytes = heapBytes()
    assert.ok(
      heapAfterBytes - heapBeforeBytes < heapGrowthMax,
      `the heap grew from ${heapBeforeBytes} to ${heapAfterBytes} bytes`,
    )
    return { target: target.name, inputs, outcomes, slowestMs, heapBeforeBytes, heapAfterBytes }
  } catch (cause) {
    throw new Error(`${target.name}, seed ${seed}, input ${input}: ${String(cause)}`, { cause })
  } finally {
    process.off('unhandledRejection', onRejection)
  }
}

function heapBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}
