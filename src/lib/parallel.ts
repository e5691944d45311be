/** How one task ended. */
export type Outcome<Value> = { readonly value: Value } | { readonly thrown: unknown }

/** Runs a task on each item, at most `limit` at a time; yields outcomes as they come. */
export async function* inParallel<Item, Value>(
  items: Iterable<Item>,
  limit: number,
  task: (item: Item) => Promise<Value>,
): AsyncIterable<Outcome<Value>> {
  const running = new Set<Promise<readonly [self: Promise<unknown>, outcome: Outcome<Value>]>>()
  const start = (item: Item) => {
    const run = async (): Promise<Outcome<Value>> => {
      try {
        return { value: await task(item) }
      } catch (thrown) {
        return { thrown }
      }
    }
    const tracked: Promise<readonly [Promise<unknown>, Outcome<Value>]> = run().then(
      outcome => [tracked, outcome] as const,
    )
    running.add(tracked)
  }
  const next = async () => {
    const [done, outcome] = await Promise.race(running)
    for (const candidate of running) if (candidate === done) running.delete(candidate)
    return outcome
  }
  for (const item of items) {
    start(item)
    if (running.size >= limit) yield await next()
  }
  while (running.size > 0) yield await next()
}
