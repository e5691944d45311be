import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { ClusterError } from '../errors.ts'
import { Pages } from '../lib/pages.ts'
import { type MergeGroup, type MergeOptions, type MergeSource, mergeSorted } from './merge-sorted.ts'

const never = new AbortController().signal

function options(more: Partial<MergeOptions<number>> = {}): MergeOptions<number> {
  const compare = (a: number, b: number) => a - b
  return { signal: never, clock: virtualClock(), compare, stallMs: 1000, isOrderRequired: true, ...more }
}

function source(name: string, items: readonly number[], failAt?: number): MergeSource<number> {
  return {
    name,
    open: async function* () {
      for (const [at, item] of items.entries()) {
        if (at === failAt) throw new ClusterError('PEER_UNREACHABLE', `${name} broke`)
        yield item
      }
      if (failAt !== undefined && failAt >= items.length)
        throw new ClusterError('PEER_UNREACHABLE', `${name} broke`)
    },
  }
}

async function groupsOf(merge: AsyncIterable<MergeGroup<number>>): Promise<MergeGroup<number>[]> {
  const groups: MergeGroup<number>[] = []
  for await (const group of merge) groups.push(group)
  return groups
}

const sortedList = fc
  .uniqueArray(fc.integer({ min: 0, max: 50 }), { maxLength: 30 })
  .map(list => list.sort((a, b) => a - b))

test('the merge gives every item once, in order, with exactly the sources that have it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sortedList, { maxLength: 6 }), async lists => {
      const groups = await groupsOf(
        mergeSorted(
          lists.map((list, at) => source(`s${at}`, list)),
          options(),
        ),
      )
      const expected = [...new Set(lists.flat())].sort((a, b) => a - b)
      assert.deepEqual(
        groups.map(({ items }) => [...items.values()][0]),
        expected,
      )
      for (const { items, failed } of groups) {
        assert.equal(failed.size, 0)
        const [item] = items.values()
        assert.ok([...items.values()].every(other => other === item))
        const holders = lists.flatMap((list, at) =>
          item !== undefined && list.includes(item) ? [`s${at}`] : [],
        )
        assert.deepEqual([...items.keys()].sort(), holders.sort())
      }
    }),
  )
})

test('a source that fails takes nothing from the others, and is named from there to the end', async () => {
  await fc.assert(
    fc.asyncProperty(sortedList, sortedList, fc.nat(30), async (good, bad, failAt) => {
      const merge = mergeSorted(
        [source('good', good), source('bad', bad, Math.min(failAt, bad.length))],
        options(),
      )
      const groups = await groupsOf(merge)
      const seen = groups.flatMap(({ items }) =>
        [...items].flatMap(([name, item]) => (name === 'good' ? [item] : [])),
      )
      assert.deepEqual(seen, good)
      const named = groups.map(({ failed }) => failed.has('bad'))
      assert.equal(named.at(-1), true, 'the last group names the failure')
      assert.ok(!named.slice(named.indexOf(true)).includes(false), 'once named, always named')
    }),
  )
})

test('the first group comes when each source has given one item, whatever is behind', async () => {
  const open = async function* ({ signal }: { signal: AbortSignal }) {
    yield 1
    await new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    )
  }
  const merge = mergeSorted([{ name: 'slow', open }, source('fast', [2, 3])], options())
  for await (const { items } of merge) {
    assert.deepEqual(items, new Map([['slow', 1]]))
    break
  }
})

test('no source is read ahead by more than one page, and by one item where there are no pages', async () => {
  let given = 0
  const pages = async function* () {
    for (let page = 0; page < 1000; page++) {
      given++
      yield [page * 2, page * 2 + 1]
    }
  }
  const singles = async function* () {
    for await (const page of pages()) yield page[0] ?? 0
  }
  for (const open of [() => new Pages(pages()), singles]) {
    given = 0
    for await (const _group of mergeSorted([{ name: 'a', open }], options())) {
      await new Promise(resolve => setImmediate(resolve))
      assert.ok(given <= 2, `${given} pages were read`)
      break
    }
  }
})

test('pages of any size, also empty ones, are merged like single items', async () => {
  const lists = fc.array(fc.tuple(sortedList, fc.infiniteStream(fc.nat(4))), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(lists, async sources => {
      const paged = sources.map(([list, sizes], at): MergeSource<number> => {
        const open = async function* () {
          for (let from = 0; from < list.length; ) {
            const size = sizes.next().value ?? 1
            yield list.slice(from, from + size)
            from += size
          }
        }
        return { name: `s${at}`, open: () => new Pages(open()) }
      })
      const single = sources.map(([list], at) => source(`s${at}`, list))
      assert.deepEqual(
        await groupsOf(mergeSorted(paged, options())),
        await groupsOf(mergeSorted(single, options())),
      )
    }),
  )
})

test('a source that is silent for too long has failed, and is told to end', async () => {
  const clock = virtualClock()
  let isEnded = false
  const open = async function* ({ signal }: { signal: AbortSignal }): AsyncGenerator<number> {
    try {
      await new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
      yield 0
    } finally {
      isEnded = true
    }
  }
  const whole = groupsOf(mergeSorted([{ name: 'silent', open }, source('good', [1, 2])], options({ clock })))
  await clock.advance(1000)
  const groups = await whole
  assert.deepEqual(
    groups.map(({ items }) => items.get('good')),
    [1, 2],
  )
  assert.equal(groups[0]?.failed.get('silent')?.code, 'TIMEOUT')
  assert.ok(isEnded)
})

test('a source out of order has failed where order is required, and is merged as it comes where not', async () => {
  const sources = () => [source('bad', [5, 3]), source('good', [4, 6])]
  const strict = await groupsOf(mergeSorted(sources(), options()))
  assert.deepEqual(
    strict.map(({ items }) => [...items.values()]),
    [[4], [5], [6]],
  )
  assert.match(strict.at(-1)?.failed.get('bad')?.message ?? '', /out of order/)
  const loose = await groupsOf(mergeSorted(sources(), options({ isOrderRequired: false })))
  assert.deepEqual(new Set(loose.flatMap(({ items }) => [...items.values()])), new Set([3, 4, 5, 6]))
})

test('an aborted merge throws the reason and ends its sources; so does one that nobody reads on', async () => {
  let ended = 0
  const open = async function* () {
    try {
      for (let item = 0; ; item++) yield item
    } finally {
      ended++
    }
  }
  const stopping = new AbortController()
  const merge = mergeSorted([{ name: 'a', open }], options({ signal: stopping.signal }))
  const reading = async () => {
    for await (const _group of merge) stopping.abort(new Error('enough'))
  }
  await assert.rejects(reading(), /enough/)
  for await (const _group of mergeSorted([{ name: 'a', open }], options())) break
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(ended, 2)
})
