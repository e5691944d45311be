import type { Outcome } from '../lib/parallel.ts'

/** Work on a chunk that has begun: how much it counts, and what it will answer. */
export interface Begun<Answer> {
  readonly size: number
  readonly answer: Promise<Answer>
}

type Event<Chunk, Answer> =
  | { readonly kind: 'input'; readonly outcome: Outcome<IteratorResult<Chunk>> }
  | { readonly kind: 'answer'; readonly outcome: Outcome<Answer> }

/**
 * Works on chunks as they come and yields the answers in their order. `begin` prepares one chunk after the other; what it
 * began may run beside the next, as long as less than `sizeMax` is under way. Whoever does not take answers is not read
 * from. A failure ends it behind the answers before it; the source is to end by its own signal then.
 */
export async function* answerInOrder<Chunk, Answer>(
  chunks: AsyncIterable<Chunk>,
  sizeMax: number,
  begin: (chunk: Chunk) => Promise<Begun<Answer>>,
): AsyncIterable<Answer> {
  const iterator = chunks[Symbol.asyncIterator]()
  const running: { readonly size: number; readonly event: Promise<Event<Chunk, Answer>> }[] = []
  let size = 0
  let input: Promise<Event<Chunk, Answer>> | undefined
  let failure: { readonly thrown: unknown } | undefined
  let isEnded = false
  try {
    for (;;) {
      if (!isEnded && size < sizeMax) input ??= toEvent('input', iterator.next())
      const waiting = [running[0]?.event, input].filter(event => event !== undefined)
      if (waiting.length === 0) break
      const { kind, outcome } = await Promise.race(waiting)
      if (kind === 'answer') {
        size -= running.shift()?.size ?? 0
        if ('thrown' in outcome) throw outcome.thrown
        yield outcome.value
        continue
      }
      input = undefined
      if ('thrown' in outcome) failure = outcome
      isEnded = 'thrown' in outcome || outcome.value.done === true
      if ('thrown' in outcome || outcome.value.done === true) continue
      try {
        const begun = await begin(outcome.value.value)
        size += begun.size
        running.push({ size: begun.size, event: toEvent('answer', begun.answer) })
      } catch (thrown) {
        failure = { thrown }
        isEnded = true
      }
    }
    if (failure !== undefined) throw failure.thrown
  } finally {
    await Promise.all(running.map(({ event }) => event))
    // A source that is being waited for would hold its end back for as long as it stands still.
    if (input === undefined && !isEnded) await iterator.return?.()
  }
}

/** Events never reject, so that nothing has to watch them all the time. */
function toEvent<Value>(kind: 'input', value: Promise<IteratorResult<Value>>): Promise<Event<Value, never>>
function toEvent<Value>(kind: 'answer', value: Promise<Value>): Promise<Event<never, Value>>
async function toEvent(kind: 'input' | 'answer', value: Promise<unknown>): Promise<unknown> {
  try {
    return { kind, outcome: { value: await value } }
  } catch (thrown) {
    return { kind, outcome: { thrown } }
  }
}
