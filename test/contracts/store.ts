import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { ByteStore, KeyRange } from '../../src/interfaces.ts'
import { compareBytes } from '../../src/lib/bytes.ts'

const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const text = (value: Uint8Array) => Buffer.from(value).toString()

async function pairs(store: ByteStore, range: KeyRange): Promise<[string, string][]> {
  const found: [string, string][] = []
  for await (const [key, value] of store.entries(range)) found.push([text(key), text(value)])
  return found
}

/** What every `ByteStore` keeps to. `open` gives a new, empty store. */
export function storeContract(name: string, open: () => Promise<ByteStore>): void {
  describe(`ByteStore contract: ${name}`, () => {
    it('gives back what was put, and nothing for other keys', async () => {
      await using store = await open()
      await store.batch([{ key: bytes('a'), value: bytes('1') }], { isSynced: true })
      const value = await store.get(bytes('a'))
      assert.deepEqual(value, bytes('1'))
      assert.equal(await store.get(bytes('b')), undefined)
      assert.deepEqual(await store.getMany([bytes('b'), bytes('a')]), [undefined, bytes('1')])
      assert.deepEqual(await store.getMany([]), [])
    })

    it('tells an empty value from a missing one', async () => {
      await using store = await open()
      await store.batch([{ key: bytes('a'), value: new Uint8Array() }], { isSynced: false })
      assert.deepEqual(await store.get(bytes('a')), new Uint8Array())
    })

    it('applies the writes of a batch in their order', async () => {
      await using store = await open()
      const key = bytes('a')
      await store.batch([{ key, value: bytes('1') }], { isSynced: false })
      await store.batch(
        [
          { key, value: undefined },
          { key, value: bytes('2') },
        ],
        { isSynced: false },
      )
      assert.deepEqual(await store.get(key), bytes('2'))
      await store.batch([{ key, value: undefined }], { isSynced: true })
      assert.equal(await store.get(key), undefined)
      await store.batch([{ key, value: undefined }], { isSynced: true })
    })

    it('keeps its own copy of keys and values', async () => {
      await using store = await open()
      const key = bytes('a')
      const value = bytes('1')
      await store.batch([{ key, value }], { isSynced: false })
      value.fill(0)
      key.fill(0)
      const read = await store.get(bytes('a'))
      assert.deepEqual(read, bytes('1'))
      read?.fill(0)
      assert.deepEqual(await store.get(bytes('a')), bytes('1'))
    })

    it('lists a range from either end, with bounds and a limit', async () => {
      await using store = await open()
      const letters = ['a', 'b', 'c', 'd', 'e']
      await store.batch(
        letters.map(letter => ({ key: bytes(letter), value: bytes(letter.toUpperCase()) })),
        { isSynced: false },
      )
      const keysOf = async (range: KeyRange) => (await pairs(store, range)).map(([key]) => key).join('')
      assert.equal(await keysOf({}), 'abcde')
      assert.equal(await keysOf({ reverse: true }), 'edcba')
      assert.equal(await keysOf({ gte: bytes('b'), lt: bytes('d') }), 'bc')
      assert.equal(await keysOf({ gt: bytes('b'), lt: bytes('d') }), 'c')
      assert.equal(await keysOf({ gt: bytes('b'), reverse: true }), 'edc')
      assert.equal(await keysOf({ lt: bytes('d'), reverse: true, limit: 2 }), 'cb')
      assert.equal(await keysOf({ limit: 2 }), 'ab')
      assert.equal(await keysOf({ gte: bytes('x') }), '')
      assert.equal(await keysOf({ lt: bytes('A'), reverse: true }), '')
      const keys: string[] = []
      for await (const key of store.keys({ gt: bytes('c') })) keys.push(text(key))
      assert.deepEqual(keys, ['d', 'e'])
    })

    it('lists a range as it was when the listing began', async () => {
      await using store = await open()
      const key = (index: number) => bytes(String(index).padStart(5, '0'))
      const writes = Array.from({ length: 3000 }, (_, index) => ({ key: key(index), value: bytes('old') }))
      await store.batch(writes, { isSynced: false })
      let count = 0
      for await (const [, value] of store.entries({})) {
        assert.equal(text(value), 'old')
        if (count === 0) {
          await store.batch(
            [
              { key: key(2999), value: bytes('new') },
              { key: key(2998), value: undefined },
              { key: key(3000), value: bytes('new') },
            ],
            { isSynced: false },
          )
        }
        count++
      }
      assert.equal(count, 3000)
      assert.equal((await pairs(store, { gte: key(2998) })).length, 2)
    })

    it('gives the same in pages, none of them empty, as it was when the reading began', async () => {
      await using store = await open()
      const key = (index: number) => bytes(String(index).padStart(5, '0'))
      const writes = Array.from({ length: 3000 }, (_, index) => ({ key: key(index), value: bytes('old') }))
      await store.batch(writes, { isSynced: false })
      const ranges = [{}, { reverse: true }, { gt: key(10), lt: key(2990) }, { gte: key(7), limit: 1000 }]
      for (const range of ranges) {
        const expected = await pairs(store, range)
        const found: [string, string][] = []
        for await (const page of store.pages(range)) {
          assert.notEqual(page.length, 0)
          found.push(...page.map(([name, value]): [string, string] => [text(name), text(value)]))
        }
        assert.deepEqual(found, expected)
      }
      let count = 0
      for await (const page of store.pages({})) {
        if (count === 0) await store.batch([{ key: key(2999), value: undefined }], { isSynced: false })
        count += page.length
      }
      assert.equal(count, 3000)
      for await (const page of store.pages({ gte: bytes('x') })) assert.fail(`a page of ${page.length}`)
    })

    it('may be left in the middle of a listing', async () => {
      const store = await open()
      await store.batch(
        ['a', 'b', 'c'].map(letter => ({ key: bytes(letter), value: bytes('1') })),
        { isSynced: false },
      )
      for await (const key of store.keys({})) {
        assert.equal(text(key), 'a')
        break
      }
      for await (const _page of store.pages({})) break
      await store[Symbol.asyncDispose]()
    })

    it('measures how much lies between two keys', async () => {
      await using store = await open()
      assert.equal(await store.sizeBytes(bytes('a'), bytes('z')), 0)
    })

    it('fails with STORE_FAILED once it is closed', async () => {
      const store = await open()
      await store[Symbol.asyncDispose]()
      const isClosed = { name: 'ClusterError', code: 'STORE_FAILED' }
      await assert.rejects(store.get(bytes('a')), isClosed)
      await assert.rejects(store.getMany([bytes('a')]), isClosed)
      await assert.rejects(
        store.batch([{ key: bytes('a'), value: bytes('1') }], { isSynced: true }),
        isClosed,
      )
      await assert.rejects(pairs(store, {}), isClosed)
      await assert.rejects(store.pages({})[Symbol.asyncIterator]().next(), isClosed)
      await assert.rejects(store.sizeBytes(bytes('a'), bytes('b')), isClosed)
    })

    it('behaves like a sorted map under any batches', async () => {
      const anyKey = fc.uint8Array({ minLength: 1, maxLength: 3 })
      const anyWrite = fc.record({
        key: anyKey,
        value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }),
      })
      const anyRange = fc.record(
        { gte: anyKey, gt: anyKey, lt: anyKey, limit: fc.nat(20), reverse: fc.boolean() },
        { requiredKeys: [] },
      )
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(anyWrite, { maxLength: 40 }), { maxLength: 6 }),
          fc.array(anyRange, { maxLength: 5 }),
          async (batches, ranges) => {
            await using store = await open()
            const model = new Map<string, Uint8Array>()
            for (const writes of batches) {
              await store.batch(writes, { isSynced: false })
              for (const { key, value } of writes) {
                const name = Buffer.from(key).toString('latin1')
                if (value === undefined) model.delete(name)
                else model.set(name, value)
              }
            }
            const sorted = [...model]
              .map(([key, value]) => [new Uint8Array(Buffer.from(key, 'latin1')), value] as const)
              .sort(([a], [b]) => compareBytes(a, b))
            for (const range of [{}, ...ranges]) {
              const found: (readonly [Uint8Array, Uint8Array])[] = []
              for await (const entry of store.entries(range)) found.push(entry)
              assert.deepEqual(found, select(sorted, range))
            }
          },
        ),
        { numRuns: 25 },
      )
    })
  })
}

function select(sorted: readonly (readonly [Uint8Array, Uint8Array])[], range: KeyRange) {
  const within = sorted.filter(
    ([key]) =>
      (range.gte === undefined || compareBytes(key, range.gte) >= 0) &&
      (range.gt === undefined || compareBytes(key, range.gt) > 0) &&
      (range.lt === undefined || compareBytes(key, range.lt) < 0),
  )
  return (range.reverse === true ? within.reverse() : within).slice(0, range.limit)
}
