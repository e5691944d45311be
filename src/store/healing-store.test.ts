import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteStore } from '../interfaces.ts'
import { healing } from './healing-store.ts'
import { openMemoryStore } from './memory.ts'

const KEY = Uint8Array.of(1)
const WRITE = [{ key: KEY, value: Uint8Array.of(2) }]

test('a write that fails fails, and the next one goes to the store opened anew', async () => {
  let isDiskFull = true
  let isBroken = false
  let reopened = 0
  const memory = openMemoryStore()
  const fragile: ByteStore = {
    get: key => memory.get(key),
    getMany: keys => memory.getMany(keys),
    batch: async (writes, options) => {
      if (isDiskFull) isBroken = true
      if (isBroken) throw new Error('no more writes')
      await memory.batch(writes, options)
    },
    entries: range => memory.entries(range),
    pages: range => memory.pages(range),
    keys: range => memory.keys(range),
    reopen: async () => {
      reopened++
      if (isDiskFull) throw new Error('no room to open')
      isBroken = false
    },
    sizeBytes: (from, to) => memory.sizeBytes(from, to),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  }
  const store = healing(fragile)
  const write = () => store.batch(WRITE, { isSynced: true })
  await assert.rejects(write(), /no more writes/)
  await assert.rejects(write(), /no room/)
  isDiskFull = false
  await Promise.all([write(), write(), write()])
  assert.equal(reopened, 2, 'writes that come together wait for one opening')
  assert.deepEqual(await store.get(KEY), Uint8Array.of(2))
  await write()
  assert.equal(reopened, 2, 'a sound store is not opened again')
})
