import assert from 'node:assert/strict'
import { decodeClocks, decodeHead, encodeClocks, encodeHead } from '../../../src/consensus/head.ts'
import { decodeClients, encodeClients } from '../../../src/consensus/meta.ts'
import {
  decodeRecord,
  encodeItem,
  encodeRecord,
  splitItem,
  timeOfRecord,
} from '../../../src/consensus/record.ts'
import { fitsRecord, toRecordFilter } from '../../../src/consensus/record-filter.ts'
import { checkState } from '../../../src/consensus/state.ts'
import {
  decodeRequest,
  decodeState,
  encodeRequest,
  encodeState,
} from '../../../src/consensus/sync-protocol.ts'
import { decodeChange, encodeChange, runsOf } from '../../../src/consensus/update.ts'
import { decodeViewEntry, encodeViewEntry, pinOfEntry, winsOver } from '../../../src/consensus/view.ts'
import { toKey } from '../../../src/lib/bytes.ts'
import type { Random } from '../../../src/lib/random.ts'
import { PIN_BOUNDS } from '../../../src/model/pin.ts'
import { toPinJson } from '../../../src/model/pin-json.ts'
import { numberedCid } from '../../support/numbered-cid.ts'
import { outcomeOf } from '../drive.ts'
import { Mutator } from '../mutate.ts'
import type { Session, Target } from '../target.ts'
import {
  toBytes,
  type Walk,
  walk,
  walkClocks,
  walkHead,
  walkItem,
  walkRecord,
  walkRequest,
  walkState,
  walkUpdate,
} from '../tokens.ts'
import { identityFrom, richPin } from '../world.ts'

/** Everything that is read back from the store or out of a message, reader by reader. */
export const recordsTarget: Target = { name: 'stored records', weight: 6, open: async random => open(random) }

/** A format: valid bytes, their fields, and what reads them. `read` answers with how many things it made of the bytes. */
interface Format {
  readonly make: () => Uint8Array
  readonly walk: (at: Walk) => void
  readonly read: (bytes: Uint8Array) => number
}

/** No reader may make more things of an input than this for each byte of it. */
const THINGS_PER_BYTE_MAX = 1

function open(random: Random): Session {
  const mutator = new Mutator(random)
  mutator.learnPieces([
    numberedCid(1).bytes,
    Buffer.from(identityFrom(random).id),
    encodeClocks(new Map([[1, 2]])),
  ])
  const formats = allFormats(mutator, random)
  const samples = formats.map(({ make }) => Array.from({ length: 30 }, make))
  return {
    feed() {
      const index = mutator.below(formats.length)
      const { walk: read, read: decode } = formats[index] ?? formats[0] ?? assert.fail('no formats')
      const valid = mutator.pick(samples[index] ?? [])
      const donor = mutator.pick(mutator.pick(samples))
      const bytes = mutator.chance(0.2)
        ? mutator.bytes(valid)
        : toBytes(mutator.tokens(walk(valid, read), walk(donor, read)))
      return outcomeOf(() => {
        const things = decode(bytes)
        assert.ok(
          things <= 64 + bytes.length * THINGS_PER_BYTE_MAX,
          `${things} things out of ${bytes.length} bytes`,
        )
      })
    },
    check: async () => {
      formats.forEach(({ read }, index) => {
        for (const valid of samples[index] ?? []) assert.ok(read(valid) >= 0)
      })
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function allFormats(mutator: Mutator, random: Random): readonly Format[] {
  const below = (limit: number) => mutator.below(limit)
  const record = () =>
    encodeRecord({ time: { ms: 1.7e12 + below(1e6), count: below(10) }, pin: richPin(below(500), random) })
  const clocks = () => new Map(Array.from({ length: below(6) }, () => [below(2 ** 53 - 1), below(1000)]))
  const ids = () => Array.from({ length: below(8) }, () => ({ client: 5 + below(3), clock: below(100) }))
  const item = () => encodeItem(numberedCid(below(500)).bytes, record())
  const change = () =>
    encodeChange({
      client: below(2 ** 50),
      fromClock: below(9),
      values: Array.from({ length: below(4) }, item),
      deletes: ids(),
    })
  const entry = () => ({
    isSole: below(2) === 1,
    client: below(2 ** 52),
    clock: below(1000),
    record: record(),
  })
  const filter = toRecordFilter({
    namePrefix: 'pin',
    allocation: identityFrom(random).id,
    metadata: { key: 'value' },
    writtenSinceMs: 0,
  })
  return [
    {
      make: record,
      walk: walkRecord,
      read: bytes => {
        const { pin } = decodeRecord(numberedCid(1), bytes)
        // What was decoded must be fit to be written, filtered and told again.
        decodeRecord(pin.cid, encodeRecord({ time: timeOfRecord(bytes), pin }))
        JSON.stringify(toPinJson(pin))
        assert.ok(
          pin.allocations.length <= PIN_BOUNDS.allocations && pin.origins.length <= PIN_BOUNDS.origins,
        )
        if (filter !== undefined) fitsRecord(bytes, filter)
        return pin.allocations.length + pin.origins.length + Object.keys(pin.metadata).length
      },
    },
    {
      make: record,
      walk: walkRecord,
      read: bytes => (filter !== undefined && fitsRecord(bytes, filter) ? 1 : 0),
    },
    {
      make: () => encodeViewEntry(entry()),
      walk: at => {
        at.raw(1)
        at.uint()
        at.uint()
        walkRecord(at)
      },
      read: bytes => {
        const read = decodeViewEntry(bytes)
        pinOfEntry(numberedCid(1), read)
        winsOver(read, entry())
        return 1
      },
    },
    {
      make: item,
      walk: walkItem,
      read: bytes => splitItem(bytes).cid.length,
    },
    {
      make: () => {
        const counts = {
          liveCount: below(50),
          nextSequence: below(99),
          logCount: below(9),
          logBytes: below(9999),
        }
        return encodeHead({ clocks: clocks(), live: random.bytes(16), ...counts, snapshotBytes: below(9999) })
      },
      walk: walkHead,
      read: bytes => decodeHead(bytes).clocks.size,
    },
    { make: () => encodeClocks(clocks()), walk: walkClocks, read: bytes => decodeClocks(bytes).size },
    {
      make: () => encodeClients(clocks().keys()),
      walk: at => at.times(() => at.uint()),
      read: bytes => decodeClients(bytes).size,
    },
    {
      make: () => {
        const kind = mutator.pick(['groups', 'partitions', 'pull', 'retired', 'trust'] as const)
        if (kind === 'partitions') return encodeRequest({ kind, groups: [below(64), below(64)] })
        if (kind !== 'pull') return encodeRequest({ kind })
        return encodeRequest({ kind, partitions: [{ partition: below(9), clocks: clocks() }] })
      },
      walk: walkRequest,
      read: bytes => {
        const request = decodeRequest(bytes)
        if (request.kind === 'partitions') return request.groups.length
        return request.kind === 'pull'
          ? request.partitions.reduce((sum, { clocks }) => sum + 1 + clocks.size, 0)
          : 1
      },
    },
    {
      make: change,
      walk: walkUpdate,
      read: bytes => {
        // As an envelope reads it: there is no room for more CIDs of deletions than bytes.
        const { values, deletes } = decodeChange(bytes, bytes.length)
        return Math.max(values.length, deletes.length)
      },
    },
    {
      make: change,
      walk: walkUpdate,
      read: bytes => checkState(bytes).size,
    },
    {
      make: () =>
        encodeState({
          update: change(),
          retiredLive: new Map(runsOf(ids())),
          removedAt: new Map(
            ids().map(({ clock }) => [toKey(numberedCid(clock).bytes), { ms: clock, count: 1 }]),
          ),
          retiredDigest: random.bytes(16),
        }),
      walk: walkState,
      read: bytes =>
        [...decodeState(bytes).retiredLive.values()].reduce(
          (sum, runs) => sum + 1 + runs.length,
          decodeState(bytes).removedAt.size,
        ),
    },
  ]
}
