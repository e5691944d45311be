import { ClusterError, toClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { Pages, pagesOf } from '../lib/pages.ts'

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
  readonly iterator: AsyncIterator<readonly Item[]>
  /** Ends the source alone. */
  readonly ending: AbortController
  readonly signal: AbortSignal
  /** What is being merged, and how far it is. */
  page: readonly Item[]
  at: number
  /** What comes behind it. */
  next: Promise<Arrival<Item>>
}

type Arrival<Item> =
  | { readonly kind: 'page'; readonly page: readonly Item[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly error: ClusterError }

/**
 * Merges sorted streams into one: each group has the smallest item at hand, from every source that has an equal one. Holds
 * one page of each source and asks for one more; sources that come item by item have pages of one. A source that fails is
 * named in every group from there on, also in those of the others; the last group has no items when failures came after all
 * of them.
 */
export function mergeSorted<Item>(
  sources: readonly MergeSource<Item>[],
  options: MergeOptions<Item>,
): AsyncIterable<MergeGroup<Item>> {
  return new Pages(mergePages(sources, options))
}

async function* mergePages<Item>(
  sources: readonly MergeSource<Item>[],
  options: MergeOptions<Item>,
): AsyncGenerator<readonly MergeGroup<Item>[]> {
  const heads = new Set(sources.map(source => openHead(source, options)))
  const failed = new Map<string, ClusterError>()
  let told: ReadonlyMap<string, ClusterError> = new Map()
  try {
    for (;;) {
      for (const head of heads) {
        const end = await fill(head, options)
        if (end === undefined) continue
        if (end.kind === 'failed') failed.set(head.name, end.error)
        heads.delete(head)
        await closeHead(head)
      }
      options.signal.throwIfAborted()
      const hasNews = failed.size > told.size
      if (hasNews) told = new Map(failed)
      if (heads.size > 0) yield takeGroups([...heads], told, options)
      else {
        if (hasNews) yield [{ items: new Map(), failed: told }]
        return
      }
    }
  } finally {
    await Promise.allSettled([...heads].map(closeHead))
  }
}

function openHead<Item>({ name, open }: MergeSource<Item>, options: MergeOptions<Item>): Head<Item> {
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const iterator = pagesOf(open({ signal }))[Symbol.asyncIterator]()
  return { name, iterator, ending, signal, page: [], at: 0, next: pull({ iterator, signal }, options) }
}

/** Tells the source to end. One that is at rest is closed; one with a step under way is so behind it, and not waited for. */
async function closeHead<Item>({ ending, next, iterator }: Head<Item>): Promise<void> {
  const end = new DOMException('the merge has ended', 'AbortError')
  ending.abort(end)
  const { kind } = await next
  const closed = iterator.return?.()
  if (kind === 'page') await closed
  else closed?.catch(() => end)
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
    return step.done === true ? { kind: 'end' } : { kind: 'page', page: step.value }
  } catch (thrown) {
    return { kind: 'failed', error: toClusterError(thrown) }
  } finally {
    timer[Symbol.dispose]()
    signal.removeEventListener('abort', onAbort)
  }
}

/** Waits until the head has an item; answers with how it ended when none comes any more. */
async function fill<Item>(
  head: Head<Item>,
  options: MergeOptions<Item>,
): Promise<Exclude<Arrival<Item>, { kind: 'page' }> | undefined> {
  while (head.at >= head.page.length) {
    const arrival = await head.next
    if (arrival.kind !== 'page') return arrival
    const isBack = options.isOrderRequired ? firstBack(arrival.page, head.page.at(-1), options) : -1
    if (isBack === 0) {
      return { kind: 'failed', error: new ClusterError('INTERNAL', 'the peer sent its list out of order') }
    }
    if (isBack > 0) {
      // What came in order counts; the rest comes up again as the next page, and is refused then.
      head.page = arrival.page.slice(0, isBack)
      head.next = Promise.resolve({ kind: 'page', page: arrival.page.slice(isBack) })
    } else {
      if (arrival.page.length > 0) head.page = arrival.page
      head.next = pull(head, options)
      if (arrival.page.length === 0) continue
    }
    head.at = 0
  }
  return undefined
}

/** Place of the first item that is not behind the one before it; -1 when all are. */
function firstBack<Item>(
  page: readonly Item[],
  last: Item | undefined,
  { compare }: MergeOptions<Item>,
): number {
  let before = last
  return page.findIndex(item => {
    const isBack = before !== undefined && compare(item, before) <= 0
    before = item
    return isBack
  })
}

/** Groups until one of the heads has no item at hand. Each must have one now. */
function takeGroups<Item>(
  heads: readonly Head<Item>[],
  failed: ReadonlyMap<string, ClusterError>,
  { compare }: MergeOptions<Item>,
): readonly MergeGroup<Item>[] {
  const groups: MergeGroup<Item>[] = []
  for (;;) {
    let least: { readonly head: Head<Item>; readonly item: Item }[] = []
    for (const head of heads) {
      const item = head.page[head.at]
      if (item === undefined) return groups
      const order = least[0] === undefined ? -1 : compare(item, least[0].item)
      if (order < 0) least = [{ head, item }]
      else if (order === 0) least.push({ head, item })
    }
    const items = new Map<string, Item>()
    for (const { head, item } of least) {
      items.set(head.name, item)
      head.at += 1
    }
    groups.push({ items, failed })
  }
}
