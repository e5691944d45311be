import type { Clock } from '../lib/clock.ts'

const CHUNK = 16_384

/**
 * The names in order of their bytes. Sorts in pieces with a breath between them, so that a million names do not hold up
 * the event loop; then merges the pieces as they are asked for.
 */
export async function* sortedNames(
  names: Iterable<string>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const chunks: string[][] = []
  let chunk: string[] = []
  for (const name of names) {
    chunk.push(name)
    if (chunk.length < CHUNK) continue
    chunks.push(chunk.sort())
    chunk = []
    await clock.sleep(0, signal)
  }
  chunks.push(chunk.sort())
  yield* merge(chunks)
}

function* merge(chunks: readonly (readonly string[])[]): Generator<string> {
  const at = chunks.map(() => 0)
  for (;;) {
    let first: string | undefined
    let from = 0
    chunks.forEach((chunk, number) => {
      const name = chunk[at[number] ?? 0]
      if (name !== undefined && (first === undefined || name < first)) {
        first = name
        from = number
      }
    })
    if (first === undefined) return
    at[from] = (at[from] ?? 0) + 1
    yield first
  }
}
