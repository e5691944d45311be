/** Runs `work` on every item, at most `parallel` at a time. Ends with the first error, when all that ran has ended. */
export async function eachBounded<Item>(
  items: readonly Item[],
  parallel: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: { readonly thrown: unknown } | undefined
  const worker = async () => {
    while (next < items.length && failure === undefined) {
      const item = items[next++]
      if (item === undefined) continue
      try {
        await work(item)
      } catch (thrown) {
        failure ??= { thrown }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker))
  if (failure !== undefined) throw failure.thrown
}
