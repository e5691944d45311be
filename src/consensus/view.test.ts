import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { inRange } from '../../test/support/in-range.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import type { ByteStore, PinRange } from '../interfaces.ts'
import { pagesOf } from '../lib/pages.ts'
import { createIdentity } from '../model/identity.ts'
import { PIN_TYPES, type Pin, toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import { viewKey } from './keys.ts'
import { encodeRecord } from './record.ts'
import { encodeViewEntry, readPins } from './view.ts'

const PEERS = [createIdentity().id, createIdentity().id, createIdentity().id]
const CIDS_COUNT = 40

function writeOf(pin: Pin) {
  const record = encodeRecord({ time: { ms: 1, count: 0 }, pin })
  return {
    key: viewKey(pin.cid.bytes),
    value: encodeViewEntry({ isSole: true, client: 1, clock: 1, record }),
  }
}

async function storeOf(pins: readonly Pin[]) {
  const store = openMemoryStore()
  await store.batch(pins.map(writeOf), { isSynced: true })
  return store
}

async function list(store: ByteStore, range: PinRange): Promise<Pin[]> {
  const pins: Pin[] = []
  for await (const pin of readPins(store, range)) pins.push(pin)
  return pins
}

const anyCid = fc.nat(CIDS_COUNT - 1).map(numberedCid)
const anyName = fc.constantFrom('', 'a', 'ab', 'b/ä', 'b/ö', 'B', '日本')
const anyMetadata = fc
  .uniqueArray(fc.tuple(fc.constantFrom('k', 'owner', '__proto__', ''), fc.constantFrom('', 'v', 'ü')), {
    selector: ([key]) => key,
  })
  .map(entries => Object.fromEntries(entries))
const anyPin = fc
  .record({
    type: fc.constantFrom(...PIN_TYPES),
    name: anyName,
    allocations: fc.subarray(PEERS),
    replicationMin: fc.constantFrom(-1, 1, 200),
    replicationMax: fc.constantFrom(-1, 2, 200),
    maxDepth: fc.constantFrom(-1, 0),
    shardSizeBytes: fc.constantFrom(0, 5_000_000_000),
    expireAtMs: fc.constantFrom(undefined, 4_000_000_000_000),
    metadata: anyMetadata,
    timestampMs: fc.constantFrom(0, 1_700_000_000_000, 1_700_000_001_000),
    pinUpdate: fc.option(anyCid, { nil: undefined }),
  })
  .map(fields => ({ ...fields, mode: fields.maxDepth === 0 ? ('direct' as const) : ('recursive' as const) }))
const anyPins = fc
  .uniqueArray(fc.tuple(fc.nat(CIDS_COUNT - 1), anyPin), { selector: ([number]) => number })
  .map(all => all.map(([number, fields]) => toPin(numberedCid(number), fields)))
const anyTime = fc.constantFrom(0, 1_700_000_000_000, 1_700_000_000_500, 1_700_000_001_001)
const anyRange: fc.Arbitrary<PinRange> = fc.record(
  {
    after: anyCid,
    from: anyCid,
    to: anyCid,
    limit: fc.nat(12),
    types: fc.subarray([...PIN_TYPES]).map(types => new Set(types)),
    namePrefix: fc.constantFrom('', 'a', 'ab', 'b/', 'b/ä', '日'),
    metadata: anyMetadata,
    allocation: fc.constantFrom(...PEERS),
    writtenBeforeMs: anyTime,
    writtenSinceMs: anyTime,
    expiresBeforeMs: fc.constantFrom(3_999_999_999_000, 4_000_000_000_001, Number.POSITIVE_INFINITY),
  },
  { requiredKeys: [] },
)

test('a range gives what looking at every pin gives', async () => {
  await fc.assert(
    fc.asyncProperty(anyPins, fc.array(anyRange, { maxLength: 8 }), async (pins, ranges) => {
      await using store = await storeOf(pins)
      for (const range of [{}, ...ranges])
        assert.deepEqual(await list(store, range), inRange(pins, range), JSON.stringify(range))
    }),
  )
})

test('pages by the last CID give every pin that fits once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(anyPins, anyRange, fc.integer({ min: 1, max: 7 }), async (pins, range, limit) => {
      await using store = await storeOf(pins)
      const { limit: _limit, ...rest } = range
      const all: Pin[] = []
      for (let page = await list(store, { ...rest, limit }); ; ) {
        all.push(...page)
        const last = page.at(-1)
        if (last === undefined || page.length < limit) break
        page = await list(store, { ...rest, limit, after: last.cid })
      }
      assert.deepEqual(all, inRange(pins, rest))
    }),
  )
})

test('a listing shows the pins as they were when it began', async () => {
  const pins = Array.from({ length: CIDS_COUNT }, (_, number) => toPin(numberedCid(number), { name: 'old' }))
  await using store = await storeOf(pins)
  const [first] = inRange(pins, {})
  const found: Pin[] = []
  for await (const pin of readPins(store, {})) {
    if (pin.cid.equals(first?.cid))
      await store.batch(
        [
          ...pins.slice(0, 20).map(old => ({ key: viewKey(old.cid.bytes), value: undefined })),
          ...pins.slice(20).map(old => writeOf({ ...old, name: 'new' })),
          writeOf(toPin(numberedCid(CIDS_COUNT))),
        ],
        { isSynced: true },
      )
    found.push(pin)
  }
  assert.deepEqual(found, inRange(pins, {}))
})

test('while nothing fits, empty pages come, so that a reader can leave; leaving ends the reading of the store', async () => {
  const pins = Array.from({ length: CIDS_COUNT }, (_, number) => toPin(numberedCid(number)))
  await using store = await storeOf(pins)
  let pagesRead = 0
  let isEnded = false
  const counting: Pick<ByteStore, 'pages'> = {
    async *pages(range) {
      try {
        for await (const page of store.pages(range)) {
          pagesRead++
          yield page
        }
      } finally {
        isEnded = true
      }
    },
  }
  for await (const page of pagesOf(readPins(counting, { namePrefix: 'no such' }))) {
    assert.deepEqual(page, [])
    break
  }
  assert.deepEqual({ pagesRead, isEnded }, { pagesRead: 1, isEnded: true })
})
