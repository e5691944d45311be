import { pagesOf } from '../lib/pages.ts'

const ITEMS_MAX = 128
const BYTES_MAX = 128 * 1024
/** How many turns of the microtask queue an item may take and still count as there already. */
const TURNS = 32

/**
 * Items in groups, so that a long listing does not pay the way of a message for each. A group ends when it is full, and
 * as soon as the next page of items is not there at once: nothing waits for company. What is thrown comes behind the items
 * that came before it.
 */
export async function* inBatches(items: AsyncIterable<Uint8Array>): AsyncIterable<readonly Uint8Array[]> {
  const iterator = pagesOf(items)[Symbol.asyncIterator]()
  let batch: Uint8Array[] = []
  let bytes = 0
  let isOver = false
  const take = () => {
    const whole = batch
    batch = []
    bytes = 0
    return whole
  }
  try {
    while (true) {
      const next = settle(iterator.next())
      if (batch.length > 0 && !(await isThere(next))) yield take()
      const step = await next
      if ('thrown' in step || step.value.done === true) {
        isOver = true
        if (batch.length > 0) yield take()
        if ('thrown' in step) throw step.thrown
        return
      }
      for (const item of step.value.value) {
        batch.push(item)
        bytes += item.length
        if (batch.length >= ITEMS_MAX || bytes >= BYTES_MAX) yield take()
      }
    }
  } finally {
    if (!isOver) await iterator.return?.()
  }
}

type Settled<Value> = { readonly value: Value } | { readonly thrown: unknown }

function settle<Value>(promise: Promise<Value>): Promise<Settled<Value>> {
  return promise.then(
    value => ({ value }),
    (thrown: unknown) => ({ thrown }),
  )
}

async function isThere(promise: Promise<unknown>): Promise<boolean> {
  const state = { isSettled: false }
  const mark = promise.then(() => {
    state.isSettled = true
  })
  for (let turn = 0; turn < TURNS && !state.isSettled; turn++) await Promise.race([mark, Promise.resolve()])
  return state.isSettled
}
