import assert from 'node:assert/strict'
import { it } from 'node:test'
import { storeContract } from '../../test/contracts/store.ts'
import { openMemoryStore } from './memory.ts'

storeContract('memory', async () => openMemoryStore())

const key = (index: number) => Uint8Array.of(index >> 8, index & 255)

it('a crash keeps what was synced and the chosen share of what was not, oldest first', async () => {
  const keptAfter = async (share: number) => {
    const store = openMemoryStore()
    for (let index = 0; index < 5; index++) {
      await store.batch([{ key: key(index), value: key(index) }], { isSynced: index === 2 })
    }
    await using left = store.afterCrash(share)
    await assert.rejects(store.get(key(0)), { code: 'STORE_FAILED' })
    const found = await left.getMany([0, 1, 2, 3, 4].map(key))
    return found.map(value => (value === undefined ? 0 : 1)).join('')
  }
  assert.equal(await keptAfter(0), '11100')
  assert.equal(await keptAfter(0.5), '11110')
  assert.equal(await keptAfter(1), '11111')
})

it('a hundred thousand single writes take a moment, not minutes', async () => {
  await using store = openMemoryStore()
  const start = performance.now()
  for (let index = 0; index < 100_000; index++) {
    const scattered = (index * 7919) % 100_000
    const name = Uint8Array.of(scattered >> 16, (scattered >> 8) & 255, scattered & 255)
    await store.batch([{ key: name, value: name }], { isSynced: true })
  }
  let count = 0
  for await (const _ of store.keys({})) count++
  assert.equal(count, 100_000)
  assert.ok(performance.now() - start < 20_000, `took ${performance.now() - start} ms`)
})
