import type { Block } from '../../interfaces.ts'

const PUTS_MAX = 16

/** Stores blocks as they come, several at a time. Ends with the first error, when all that were begun have ended. */
export async function putAll(
  blocks: AsyncIterable<Block>,
  signal: AbortSignal,
  put: (block: Block) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  try {
    for await (const block of blocks) {
      signal.throwIfAborted()
      const task = put(block)
        .catch((thrown: unknown) => void failures.push(thrown))
        .finally(() => running.delete(task))
      running.add(task)
      if (running.size >= PUTS_MAX) await Promise.race(running)
      if (failures.length > 0) break
    }
  } finally {
    await Promise.all(running)
  }
  if (failures.length > 0) throw failures[0]
}
