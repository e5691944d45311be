import assert from 'node:assert/strict'
import { it } from 'node:test'
import { inBatches } from './in-batches.ts'

async function sizesOf(items: AsyncIterable<Uint8Array>): Promise<number[]> {
  const sizes: number[] = []
  for await (const batch of inBatches(items)) sizes.push(batch.length)
  return sizes
}

async function* repeated(count: number, lengthBytes: number): AsyncIterable<Uint8Array> {
  for (let index = 0; index < count; index++) yield new Uint8Array(lengthBytes)
}

it('what is there goes together, up to a number and a size', async () => {
  assert.deepEqual(await sizesOf(repeated(300, 1)), [128, 128, 44])
  assert.deepEqual(await sizesOf(repeated(5, 100_000)), [2, 2, 1])
  assert.deepEqual(await sizesOf(repeated(0, 1)), [])
})

it('an item does not wait for the next one', async () => {
  const gate = Promise.withResolvers<void>()
  const items = async function* () {
    yield Uint8Array.of(1)
    yield Uint8Array.of(2)
    await gate.promise
    yield Uint8Array.of(3)
  }
  const sizes: number[] = []
  for await (const batch of inBatches(items())) {
    sizes.push(batch.length)
    gate.resolve()
  }
  assert.deepEqual(sizes, [2, 1])
})

it('an error comes behind the items before it', async () => {
  const items = async function* () {
    yield Uint8Array.of(1)
    yield Uint8Array.of(2)
    throw new Error('no more')
  }
  const sizes: number[] = []
  const reading = async () => {
    for await (const batch of inBatches(items())) sizes.push(batch.length)
  }
  await assert.rejects(reading(), { message: 'no more' })
  assert.deepEqual(sizes, [2])
})

it('a reader that stops closes the source', async () => {
  let isClosed = false
  const items = async function* () {
    try {
      while (true) yield new Uint8Array(1000)
    } finally {
      isClosed = true
    }
  }
  for await (const _ of inBatches(items())) break
  assert.ok(isClosed)
})
