import { ClusterError, toClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'

/** One stream of the merge, under the name that its items appear with. */
export interface MergeSource<Item> {
  readonly name: string
  readonly open: (options: Options) => AsyncIterable<Item>
}

/** Items that are equal in order, each from another source, and the sources that have failed up to here. */
export interface MergeGroup<Item> {
  readonly items: ReadonlyMap<string, Item>
  readonly failed: ReadonlyMap<string, ClusterError>
}

/** How to merge. */
export interface MergeOptions<Item> extends Options {
  readonly clock: Clock
  readonly compare: (a: Item, b: Item) => number
  /** A source that gives nothing for so long has failed. */
  readonly stallMs: number
  /** Whether a source that goes back in order has failed; otherwise its item comes in a group of its own. */
  readonly isOrderRequired: boolean
}

interface Head<Item> {
  readonly name: string
  readonly iterator: AsyncIterator<Item>
  /** Ends the source alone. */
  readonly ending: AbortController
  readonly signal: AbortSignal
  /** The item that is next in turn, or on its way. */
  next: Promise<Arrival<Item>>
  last: Item | undefined
}

type Arrival<Item> =
  | { readonly kind: 'item'; readonly item: Item }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly error: ClusterError }

/**
 * Merges sorted streams into one: each group has the smallest item at hand, from every source that has an equal one.
 * Holds one item of each source, and asks for the next only when a group was taken. A source that fails is named in every
 * group from there on, also in those of the others; the last group has no items when failures came after all of them.
 */
export async function* mergeSorted<Item>(
  sources: readonly MergeSource<Item>[],
  options: MergeOptions<Item>,
): AsyncGenerator<MergeGroup<Item>> {
  const heads = new Set(sources.map(source => openHead(source, options)))
  const failed = new Map<string, ClusterError>()
  let told: ReadonlyMap<string, ClusterError> = new Map()
  try {
    for (;;) {
      const ready = await smallest(heads, failed, options)
      options.signal.throwIfAborted()
      if (failed.size > told.size) told = new Map(failed)
      else if (ready.length === 0) return
      const items = new Map<string, Item>()
      for (const { head, item } of ready) {
        items.set(head.name, item)
        head.last = item
        head.next = pull(head, options)
      }
      yield { items, failed: told }
      if (items.size === 0) return
    }
  } finally {
    await Promise.allSettled([...heads].map(closeHead))
  }
}

function openHead<Item>({ name, open }: MergeSource<Item>, options: MergeOptions<Item>): Head<Item> {
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const iterator = open({ signal })[Symbol.asyncIterator]()
  return { name, iterator, ending, signal, next: pull({ iterator, signal }, options), last: undefined }
}

/** Tells the source to end. One that is at rest is closed; one with a step under way ends by its signal. */
async function closeHead<Item>({ ending, next, iterator }: Head<Item>): Promise<void> {
  ending.abort(new DOMException('the merge has ended', 'AbortError'))
  const { kind } = await next
  if (kind === 'item') await iterator.return?.()
}

async function pull<Item>(
  { iterator, signal }: Pick<Head<Item>, 'iterator' | 'signal'>,
  { clock, stallMs }: MergeOptions<Item>,
): Promise<Arrival<Item>> {
  const { promise: stop, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const stalled = () => reject(new ClusterError('TIMEOUT', `the peer sent nothing for ${stallMs / 1000} s`))
  const timer = clock.schedule(stallMs, stalled)
  try {
    if (signal.aborted) onAbort()
    const step = await Promise.race([iterator.next(), stop])
    return step.done === true ? { kind: 'end' } : { kind: 'item', item: step.value }
  } catch (thrown) {
    return { kind: 'failed', error: toClusterError(thrown) }
  } finally {
    timer[Symbol.dispose]()
    signal.removeEventListener('abort', onAbort)
  }
}

/** The heads with the smallest item. Those that have ended or failed leave the set. */
async function smallest<Item>(
  heads: Set<Head<Item>>,
  failed: Map<string, ClusterError>,
  { compare, isOrderRequired }: MergeOptions<Item>,
): Promise<readonly { readonly head: Head<Item>; readonly item: Item }[]> {
  let least: { readonly head: Head<Item>; readonly item: Item }[] = []
  for (const head of heads) {
    const arrival = await head.next
    if (arrival.kind === 'item') {
      const { item } = arrival
      const isBack = isOrderRequired && head.last !== undefined && compare(item, head.last) <= 0
      if (!isBack) {
        const order = least[0] === undefined ? -1 : compare(item, least[0].item)
        if (order < 0) least = [{ head, item }]
        else if (order === 0) least.push({ head, item })
        continue
      }
      failed.set(head.name, new ClusterError('INTERNAL', 'the peer sent its list out of order'))
    }
    if (arrival.kind === 'failed') failed.set(head.name, arrival.error)
    heads.delete(head)
    await closeHead(head)
  }
  return least
}
