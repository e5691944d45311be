/** How much of a long answer is made before others get a turn. */
const DOCUMENTS_A_TURN = 128

/**
 * Lets long answers take turns, one in each round of the event loop. Whoever makes an answer that the connection and the disk take
 * at once would otherwise do as much of it in every round as all others do together, and a short question waits for some rounds.
 */
export class FairTurns {
  readonly #waiting: (() => void)[] = []

  /** Resolves when it is the caller's turn. */
  take(): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(this.#next)
    })
  }

  readonly #next = (): void => {
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) setImmediate(this.#next)
  }
}

/** There is one event loop, which all answers share. */
const turns = new FairTurns()

/** The pages of an answer, each begun when it is this answer's turn. */
export async function* inTurns<Item>(
  pages: AsyncIterable<readonly Item[]>,
  all = turns,
): AsyncIterable<readonly Item[]> {
  let left = 0
  const iterator = pages[Symbol.asyncIterator]()
  let isDone = false
  try {
    for (;;) {
      if (left <= 0) {
        await all.take()
        left = DOCUMENTS_A_TURN
      }
      const page = await iterator.next()
      isDone = page.done === true
      if (page.done === true) return
      left -= Math.max(1, page.value.length)
      yield page.value
    }
  } finally {
    if (!isDone) await iterator.return?.()
  }
}
