/** Lets work through one after the other, in the order in which it came. */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve()

  /** Waits for its turn, which lasts until the answer is disposed. An aborted signal gives the turn up. */
  async enter(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    const before = this.#last
    const turn = Promise.withResolvers<void>()
    this.#last = before.then(() => turn.promise)
    const stopped = Promise.withResolvers<never>()
    const onAbort = () => stopped.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([before, stopped.promise])
    } catch (thrown) {
      turn.resolve()
      throw thrown
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
    return { [Symbol.dispose]: () => turn.resolve() }
  }
}
