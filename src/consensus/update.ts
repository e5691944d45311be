import { ClusterError } from '../errors.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'

/** Name of the one `Y.Map` in a partition's document. */
export const MAP_NAME = 'p'

/** The identity of an item in a Yjs document: who wrote it, and as its how-manieth. */
export interface ItemId {
  readonly client: number
  readonly clock: number
}

/**
 * One write of one writer to one partition: values added under keys that were never used before, and items deleted.
 * It is what a Yjs update (format 1) says when every entry is a map item with a fresh key, so it can be made and read
 * without a document.
 */
export interface Change {
  readonly client: number
  /** Clock of the first value; the others follow, one each. */
  readonly fromClock: number
  readonly values: readonly Uint8Array[]
  readonly deletes: readonly ItemId[]
}

// Yjs update format 1, as written by UpdateEncoderV1: content reference 3 is binary, bit 0x20 says that a map key follows.
const BINARY_ITEM = 0x23
const PARENT_IS_ROOT = 1

/** Bounds of one change, checked before anything is allocated. */
export const CHANGE_BOUNDS = { values: 100_000, deletes: 100_000, valueBytes: 256 * 1024 } as const

/** The key of an item in the map. Never used twice, so no two writes ever meet on a key. */
export function itemKey(id: ItemId): string {
  return `${id.client.toString(36)}.${id.clock.toString(36)}`
}

/** A change as a Yjs update. Byte for byte what Yjs would emit for it. */
export function encodeChange(change: Change): Uint8Array {
  const out = new ByteWriter()
  if (change.values.length === 0) out.uint(0)
  else {
    out.uint(1).uint(change.values.length).uint(change.client).uint(change.fromClock)
    let clock = change.fromClock
    for (const value of change.values) {
      out
        .byte(BINARY_ITEM)
        .uint(PARENT_IS_ROOT)
        .text(MAP_NAME)
        .text(itemKey({ client: change.client, clock }))
      out.bytes(value)
      clock++
    }
  }
  writeDeletes(out, change.deletes)
  return out.finish()
}

function writeDeletes(out: ByteWriter, deletes: readonly ItemId[]): void {
  const byClient = new Map<number, number[]>()
  for (const { client, clock } of deletes) {
    const clocks = byClient.get(client)
    if (clocks === undefined) byClient.set(client, [clock])
    else clocks.push(clock)
  }
  out.uint(byClient.size)
  for (const [client, clocks] of [...byClient].sort(([a], [b]) => b - a)) {
    const runs = toRuns(clocks)
    out.uint(client).uint(runs.length)
    for (const [clock, length] of runs) out.uint(clock).uint(length)
  }
}

/** Sorted runs `[first, length]` of whole numbers. */
function toRuns(clocks: number[]): [number, number][] {
  const runs: [number, number][] = []
  for (const clock of clocks.sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last !== undefined && last[0] + last[1] === clock) last[1]++
    else if (last === undefined || last[0] + last[1] < clock) runs.push([clock, 1])
  }
  return runs
}

/**
 * Reads an update that another peer wrote with `encodeChange`. Throws `INVALID_ARGUMENT` for every other update,
 * among them valid ones of Yjs that this program never writes.
 */
export function decodeChange(update: Uint8Array): Change {
  const input = new ByteReader(update)
  const writers = input.uint(1)
  const values: Uint8Array[] = []
  let client = 0
  let fromClock = 0
  if (writers === 1) {
    const count = input.uint(CHANGE_BOUNDS.values)
    client = input.uint()
    fromClock = input.uint()
    for (let index = 0; index < count; index++) {
      const isOurs =
        input.byte() === BINARY_ITEM && input.uint() === PARENT_IS_ROOT && input.text(8) === MAP_NAME
      if (!isOurs || input.text(64) !== itemKey({ client, clock: fromClock + index })) {
        throw new ClusterError(
          'INVALID_ARGUMENT',
          'the update holds something else than new entries of a pinset',
        )
      }
      values.push(input.bytes(CHANGE_BOUNDS.valueBytes))
    }
  }
  const deletes = readDeletes(input)
  input.end()
  return { client, fromClock, values, deletes }
}

function readDeletes(input: ByteReader): ItemId[] {
  const deletes: ItemId[] = []
  const clients = input.uint(CHANGE_BOUNDS.deletes)
  for (let index = 0; index < clients; index++) {
    const client = input.uint()
    const runs = input.uint(CHANGE_BOUNDS.deletes)
    for (let run = 0; run < runs; run++) {
      const clock = input.uint()
      const length = input.uint(CHANGE_BOUNDS.deletes - deletes.length)
      for (let offset = 0; offset < length; offset++) deletes.push({ client, clock: clock + offset })
    }
  }
  return deletes
}
