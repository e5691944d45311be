import { type Clock, systemClock } from '../lib/clock.ts'

/** How much of a long answer is made before others get a turn. */
const DOCUMENTS_A_TURN = 128

/** Rounds of the event loop from one turn to the next: in each, one connection is taken in, and every other is served once. */
export const ROUNDS_BETWEEN = 16
/** What these may take together, some times as long as a turn: long answers go on, if slowly, also while others ask much. */
const OTHERS_MS = 50

/**
 * Lets long answers take turns, with some rounds of the event loop between them. Whoever makes an answer that the connection and
 * the disk take at once would otherwise do as much of it in every round as all others do together. A short question waits for
 * some rounds, and on a new connection for one more for each that came before it: the library takes in one a round.
 */
export class FairTurns {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #waiting: (() => void)[] = []
  #rounds = 0
  /** When somebody got the last turn. */
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Resolves when it is the caller's turn. */
  take(): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(this.#round)
    })
  }

  readonly #round = (): void => {
    this.#rounds += 1
    const isOver = this.#rounds >= ROUNDS_BETWEEN || this.#clock.monotonic() - this.#sinceMs >= OTHERS_MS
    if (!isOver) return void setImmediate(this.#round)
    this.#rounds = 0
    this.#sinceMs = this.#clock.monotonic()
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) setImmediate(this.#round)
  }
}

/** There is one event loop, which all answers share. */
const turns = new FairTurns(systemClock)

/** The pages of an answer: the first at once, so that short answers wait for nobody, the others when it is this answer's turn. */
export async function* inTurns<Item>(
  pages: AsyncIterable<readonly Item[]>,
  all = turns,
): AsyncIterable<readonly Item[]> {
  let left = DOCUMENTS_A_TURN
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
