import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import * as Y from 'yjs'
import { ClusterError } from '../errors.ts'
import { checkState, encodeState, type LiveItem } from './state.ts'
import { encodeChange, type ItemId, itemKey, MAP_NAME } from './update.ts'

const CLIENTS = [2 ** 51 + 7, 12, 2 ** 40]

function valueOf({ client, clock }: ItemId): Uint8Array {
  return new Uint8Array(Buffer.from(`${client}/${clock}`))
}

/** Some writes by some writers, and which of them are deleted. */
const histories = fc.array(fc.nat({ max: 40 }), { minLength: 3, maxLength: 3 }).chain(counts => {
  const all = counts.flatMap((count, index) =>
    Array.from({ length: count }, (_, clock) => ({ client: CLIENTS[index] ?? 0, clock })),
  )
  return fc.record({ counts: fc.constant(counts), all: fc.constant(all), deleted: fc.subarray(all) })
})

function clocksOf(counts: readonly number[]): Map<number, number> {
  return new Map(
    counts.flatMap((count, index): [number, number][] => (count === 0 ? [] : [[CLIENTS[index] ?? 0, count]])),
  )
}

function liveOf(all: readonly ItemId[], deleted: readonly ItemId[]): LiveItem[] {
  const gone = new Set(deleted.map(itemKey))
  return all.filter(id => !gone.has(itemKey(id))).map(id => ({ ...id, value: valueOf(id) }))
}

/** The same history, made step by step in a document of Yjs. */
function documentOf(all: readonly ItemId[], deleted: readonly ItemId[]): Y.Doc {
  const doc = new Y.Doc()
  for (const id of all) {
    const change = { client: id.client, fromClock: id.clock, values: [valueOf(id)], deletes: [] }
    Y.applyUpdate(doc, encodeChange(change))
  }
  Y.applyUpdate(doc, encodeChange({ client: 0, fromClock: 0, values: [], deletes: deleted }))
  return doc
}

function contentOf(doc: Y.Doc): Record<string, string> {
  const entries = [...doc.getMap<Uint8Array>(MAP_NAME).entries()].map(([key, value]) => [
    key,
    Buffer.from(value).toString(),
  ])
  return Object.fromEntries(entries)
}

function snapshotOf(doc: Y.Doc): Uint8Array {
  return Y.encodeSnapshot(Y.snapshot(doc))
}

test('a state tells Yjs the same as the history that led to it: items, clocks and deletions', () => {
  fc.assert(
    fc.property(histories, ({ counts, all, deleted }) => {
      const state = encodeState(clocksOf(counts), liveOf(all, deleted))
      const loaded = new Y.Doc()
      Y.applyUpdate(loaded, state)
      const made = documentOf(all, deleted)
      assert.equal(loaded.store.pendingStructs, null)
      assert.deepEqual(contentOf(loaded), contentOf(made))
      assert.deepEqual(snapshotOf(loaded), snapshotOf(made))
      checkState(state)
    }),
    { numRuns: 200 },
  )
})

test('what somebody lacks, given to somebody who knows a part, leads to the whole', () => {
  fc.assert(
    fc.property(histories, fc.infiniteStream(fc.nat({ max: 40 })), ({ counts, all, deleted }, known) => {
      const clocks = clocksOf(counts)
      const knownClocks = new Map(
        [...clocks].map(([client, clock]) => [client, (known.next().value ?? 0) % (clock + 1)]),
      )
      const part = documentOf(
        all.filter(({ client, clock }) => clock < (knownClocks.get(client) ?? 0)),
        [],
      )
      Y.applyUpdate(part, encodeState(clocks, liveOf(all, deleted), knownClocks))
      assert.equal(part.store.pendingStructs, null)
      assert.deepEqual(snapshotOf(part), snapshotOf(documentOf(all, deleted)))
      assert.deepEqual(contentOf(part), contentOf(documentOf(all, deleted)))
    }),
    { numRuns: 200 },
  )
})

test('the size of a state follows what lives, not what was ever written', () => {
  const clocks = new Map([[CLIENTS[0] ?? 0, 1_000_000]])
  const live = [5, 70_000, 999_998].map(clock => {
    const id = { client: CLIENTS[0] ?? 0, clock }
    return { ...id, value: valueOf(id) }
  })
  assert.ok(encodeState(clocks, live).length < 250)
})

test('equal states are equal bytes, whatever the order in which the items are given', () => {
  fc.assert(
    fc.property(histories, ({ counts, all, deleted }) => {
      const live = liveOf(all, deleted)
      const clocks = clocksOf(counts)
      assert.deepEqual(encodeState(clocks, live), encodeState(new Map([...clocks].reverse()), live.reverse()))
    }),
  )
})

test('bytes that are no state are refused before a document sees them', () => {
  const valid = encodeState(new Map([[9, 4]]), [{ client: 9, clock: 2, value: Uint8Array.of(1, 2, 3) }])
  checkState(valid)
  const hugeCount = Uint8Array.of(1, 0x80, 0x80, 0x80, 0x10, 1, 0)
  assert.throws(() => checkState(hugeCount), { code: 'INVALID_ARGUMENT' })
  const foreign = new Y.Doc()
  foreign.getMap(MAP_NAME).set('x', 'a text')
  foreign.getArray('other').insert(0, [1, 2])
  assert.throws(() => checkState(Y.encodeStateAsUpdate(foreign)), { code: 'INVALID_ARGUMENT' })
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 255 }), (at, byte) => {
      const mutated = Uint8Array.from(valid)
      mutated[at % mutated.length] = byte
      try {
        checkState(mutated)
      } catch (thrown) {
        assert.ok(thrown instanceof ClusterError)
      }
    }),
    { numRuns: 2000 },
  )
})
