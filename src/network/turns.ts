/** Lets a number of tasks with the same key run at a time; the others wait in the order in which they came. */
export class Turns {
  readonly #max: number
  readonly #queues = new Map<string, Queue>()

  constructor(max: number) {
    this.#max = max
  }

  /** Resolves when it is the caller's turn, which lasts until it is disposed. Throws the signal's reason. */
  async take(key: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    const queue = this.#queues.get(key) ?? { running: 0, waiting: new Set() }
    this.#queues.set(key, queue)
    if (queue.running < this.#max) queue.running++
    else await waitIn(queue, signal)
    let isOver = false
    return {
      [Symbol.dispose]: () => {
        if (isOver) return
        isOver = true
        this.#pass(key, queue)
      },
    }
  }

  /** Hands a turn on, or gives it back. */
  #pass(key: string, queue: Queue): void {
    for (const next of queue.waiting) {
      queue.waiting.delete(next)
      return next()
    }
    queue.running--
    if (queue.running === 0) this.#queues.delete(key)
  }
}

interface Queue {
  running: number
  readonly waiting: Set<() => void>
}

async function waitIn(queue: Queue, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = () => {
    // Who was handed the turn already keeps it: the promise is settled.
    queue.waiting.delete(resolve)
    reject(signal.reason)
  }
  queue.waiting.add(resolve)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
