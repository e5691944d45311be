import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapPages, Pages, pagesOf } from './pages.ts'

async function* pagesFrom<Item>(pages: readonly (readonly Item[])[], onEnd = () => {}) {
  try {
    yield* pages
  } finally {
    onEnd()
  }
}

async function listOf<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of source) items.push(item)
  return items
}

test('items come in order, whatever the pages are', async () => {
  assert.deepEqual(await listOf(new Pages(pagesFrom([[], [1, 2], [], [3]]))), [1, 2, 3])
})

test('pages stay pages through a conversion, and single items become pages of one', async () => {
  const double = (page: readonly number[]) => page.map(number => number * 2)
  const paged = mapPages(new Pages(pagesFrom([[1, 2], [], [3]])), double)
  assert.deepEqual(await listOf(pagesOf(paged)), [[2, 4], [], [6]])
  const single = mapPages(pagesFrom([[1]] as const), ([page]) => double(page ?? []))
  assert.deepEqual(await listOf(pagesOf(single)), [[2]])
})

test('whoever leaves in the middle ends the source', async () => {
  let ended = 0
  const source = () => new Pages(pagesFrom([[1, 2], [3]], () => void ended++))
  for await (const item of source()) if (item === 1) break
  for await (const item of mapPages(source(), page => page)) if (item === 1) break
  for await (const _page of pagesOf(mapPages(source(), page => page))) break
  assert.equal(ended, 3)
})
