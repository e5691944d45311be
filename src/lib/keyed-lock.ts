/** Runs tasks that share a key one after the other, and all others at once. */
export class KeyedLock {
  readonly #last = new Map<string, Promise<unknown>>()

  /** The task's own outcome. It begins when every task of that key which came before has ended. */
  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key)
    const turn = before === undefined ? task() : before.then(task)
    const ended = turn.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(key, ended)
    try {
      return await turn
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key)
    }
  }
}
