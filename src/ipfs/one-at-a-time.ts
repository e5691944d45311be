import { unlessAborted } from '../lib/unless-aborted.ts'

/** Lets work through one after the other, in the order in which it came. */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve()

  /** Waits for its turn, which lasts until the answer is disposed. An aborted signal gives the turn up. */
  async enter(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    const before = this.#last
    const turn = Promise.withResolvers<void>()
    this.#last = before.then(() => turn.promise)
    try {
      await unlessAborted(before, signal)
    } catch (thrown) {
      turn.resolve()
      throw thrown
    }
    return { [Symbol.dispose]: () => turn.resolve() }
  }
}
