import type { Clock } from '../lib/clock.ts'

/**
 * The items of a stream, and a sign of life whenever the next one has not come for a while. Closes the stream when the
 * reader stops.
 */
export async function* withAlive<Item>(
  items: AsyncIterable<Item>,
  sign: Item,
  clock: Clock,
  everyMs: number,
): AsyncIterable<Item> {
  const iterator = items[Symbol.asyncIterator]()
  let isOver = false
  try {
    while (true) {
      const next = iterator.next()
      let step = await orTimeout(next, clock, everyMs)
      while (step === undefined) {
        yield sign
        step = await orTimeout(next, clock, everyMs)
      }
      if (step.done === true) break
      yield step.value
    }
    isOver = true
  } finally {
    if (!isOver) await iterator.return?.()
  }
}

/** The value, or undefined when it has not come in time. */
async function orTimeout<Value>(value: Promise<Value>, clock: Clock, ms: number): Promise<Value | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  using _ = clock.schedule(ms, () => resolve(undefined))
  return await Promise.race([value, promise])
}
