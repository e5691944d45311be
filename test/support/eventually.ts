import assert from 'node:assert/strict'
import { messageOf } from '../../src/errors.ts'

/**
 * Repeats a check every few milliseconds until it answers with something else than false or undefined, and gives that
 * back. A check that throws counts as not yet true. Fails after the deadline, with what the check said last.
 */
export async function eventually<Result>(
  what: string,
  check: () => Result | Promise<Result>,
  deadlineMs = 10_000,
): Promise<Exclude<Result, false | undefined>> {
  const end = performance.now() + deadlineMs
  let last = 'it was not true'
  while (true) {
    try {
      const result = await check()
      if (result !== false && result !== undefined) return result as Exclude<Result, false | undefined>
    } catch (thrown) {
      last = messageOf(thrown)
    }
    if (performance.now() > end) assert.fail(`${what}: not within ${deadlineMs} ms: ${last}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
