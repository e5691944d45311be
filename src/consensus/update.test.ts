import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import * as Y from 'yjs'
import { ClusterError } from '../errors.ts'
import { decodeChange, encodeChange, itemKey, MAP_NAME } from './update.ts'

const CLIENT = 2 ** 51 + 12_345

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

/** What Yjs itself emits when the values are set, one transaction, in a document that knows `fromClock` items already. */
function emittedByYjs(values: readonly Uint8Array[], fromClock: number): Uint8Array {
  const doc = new Y.Doc()
  const earlier = Array.from({ length: fromClock }, () => Uint8Array.of(0))
  if (fromClock > 0) {
    Y.applyUpdate(doc, encodeChange({ client: CLIENT, fromClock: 0, values: earlier, deletes: [] }))
  }
  doc.clientID = CLIENT
  let emitted: Uint8Array | undefined
  doc.on('update', (update: Uint8Array) => {
    emitted = update
  })
  doc.transact(() => {
    values.forEach((value, index) =>
      doc.getMap(MAP_NAME).set(itemKey({ client: CLIENT, clock: fromClock + index }), value),
    )
  })
  assert.ok(emitted)
  return emitted
}

test('an encoded change is byte for byte what Yjs emits', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.uint8Array({ maxLength: 300 }).map(bytes => new Uint8Array(bytes)),
        { minLength: 1, maxLength: 20 },
      ),
      fc.integer({ min: 0, max: 300 }),
      (values, fromClock) => {
        const encoded = encodeChange({ client: CLIENT, fromClock, values, deletes: [] })
        assert.deepEqual(encoded, emittedByYjs(values, fromClock))
      },
    ),
    { numRuns: 50 },
  )
})

test('an encoded deletion is byte for byte what Yjs emits', () => {
  const doc = new Y.Doc()
  const values = Array.from({ length: 10 }, (_, index) => bytesOf(`v${index}`))
  Y.applyUpdate(doc, encodeChange({ client: CLIENT, fromClock: 0, values, deletes: [] }))
  let emitted: Uint8Array | undefined
  doc.on('update', (update: Uint8Array) => {
    emitted = update
  })
  const clocks = [7, 2, 3]
  doc.transact(() => {
    for (const clock of clocks) doc.getMap(MAP_NAME).delete(itemKey({ client: CLIENT, clock }))
  })
  const deletes = clocks.map(clock => ({ client: CLIENT, clock }))
  assert.deepEqual(encodeChange({ client: CLIENT, fromClock: 0, values: [], deletes }), emitted)
})

test('a change reads back as it was written', () => {
  const change = {
    client: CLIENT,
    fromClock: 40,
    values: [bytesOf('a'), bytesOf('b')],
    deletes: [
      { client: CLIENT, clock: 3 },
      { client: CLIENT, clock: 4 },
      { client: 9, clock: 0 },
    ],
  }
  assert.deepEqual(decodeChange(encodeChange(change)), change)
})

test('any other bytes are refused with an error, never with a crash', () => {
  const valid = encodeChange({
    client: CLIENT,
    fromClock: 4,
    values: [bytesOf('abc')],
    deletes: [{ client: 1, clock: 1 }],
  })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (noise, at) => {
      const mutated = Uint8Array.from(valid)
      mutated.set(noise.subarray(0, Math.max(0, mutated.length - (at % mutated.length))), at % mutated.length)
      for (const bytes of [noise, mutated]) {
        try {
          decodeChange(bytes)
        } catch (thrown) {
          assert.ok(thrown instanceof ClusterError, String(thrown))
          assert.equal(thrown.code, 'INVALID_ARGUMENT')
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('an update of Yjs that overwrites a key is not taken for a change', () => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  doc.getMap(MAP_NAME).set('k', bytesOf('1'))
  doc.getMap(MAP_NAME).set('k', bytesOf('2'))
  for (const update of updates) assert.throws(() => decodeChange(update), ClusterError)
})
