import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { repeat } from './repeat.ts'

const MINUTE_MS = 60_000

/** When rounds began, each as long as said. */
async function rounds(lengthsMs: readonly number[], restPerRound?: number): Promise<number[]> {
  const clock = virtualClock()
  const startMs = clock.monotonic()
  const begun: number[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const options = {
    clock,
    everyMs: MINUTE_MS,
    onError: (thrown: unknown) => assert.fail(String(thrown)),
    isEager: true,
    ...(restPerRound === undefined ? {} : { restPerRound }),
  }
  await using _ = repeat(options, async signal => {
    const lengthMs = lengthsMs[begun.length]
    begun.push(clock.monotonic() - startMs)
    if (lengthMs === undefined) resolve()
    else await clock.sleep(lengthMs, signal)
  })
  await Promise.all([promise, clock.advance(100 * MINUTE_MS)])
  return begun.slice(0, lengthsMs.length + 1)
}

test('pauses are equal, however long a round was', async () => {
  assert.deepEqual(await rounds([0, 5000]), [0, MINUTE_MS, 2 * MINUTE_MS + 5000])
})

test('with a rest per round, the pause after a long one grows with it', async () => {
  assert.deepEqual(await rounds([1000, 5000], 50), [0, MINUTE_MS + 1000, MINUTE_MS + 1000 + 5000 + 250_000])
})
