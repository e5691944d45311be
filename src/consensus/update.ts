import { ClusterError } from '../errors.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { rememberLast } from '../lib/remembered.ts'

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

/** No writer ever gets so far. */
export const CLOCK_MAX = 2 ** 48

/** Bounds of one change, checked before anything is allocated. */
export const CHANGE_BOUNDS = { values: 100_000, deletes: 100_000, valueBytes: 256 * 1024 } as const

/** Whether both name the same item. */
export function isSameItem(a: ItemId, b: ItemId): boolean {
  return a.client === b.client && a.clock === b.clock
}

// Items of one writer mostly follow each other, and such a large number is slow to be written.
const textOfClient = rememberLast((client: number) => client.toString(36))

/** The key of an item in the map. Never used twice, so no two writes ever meet on a key. */
export function itemKey(id: ItemId): string {
  return `${textOfClient(id.client)}.${id.clock.toString(36)}`
}

/** The item that a key was made of. */
export function idOfKey(key: string): ItemId {
  const [client = '', clock = ''] = key.split('.')
  return { client: Number.parseInt(client, 36), clock: Number.parseInt(clock, 36) }
}

/** A change as a Yjs update. Byte for byte what Yjs would emit for it. */
export function encodeChange(change: Change): Uint8Array {
  const out = new ByteWriter()
  if (change.values.length === 0) out.uint(0)
  else {
    out.uint(1).uint(change.values.length).uint(change.client).uint(change.fromClock)
    change.values.forEach((value, index) => {
      writeItem(out, { client: change.client, clock: change.fromClock + index }, value)
    })
  }
  writeDeletes(out, change.deletes)
  return out.finish()
}

/** An item as Yjs writes it. */
export function writeItem(out: ByteWriter, id: ItemId, value: Uint8Array): void {
  out.byte(BINARY_ITEM).uint(PARENT_IS_ROOT).text(MAP_NAME).text(itemKey(id)).bytes(value)
}

/** The value of the item with this id, which must come next. Throws `INVALID_ARGUMENT` when something else does. */
export function readItem(input: ByteReader, id: ItemId): Uint8Array {
  const isOurs =
    input.byte() === BINARY_ITEM && input.uint() === PARENT_IS_ROOT && isAscii(input.bytes(8), MAP_NAME)
  if (isOurs && isAscii(input.bytes(64), itemKey(id))) return input.bytes(CHANGE_BOUNDS.valueBytes)
  throw new ClusterError('INVALID_ARGUMENT', 'an update holds something else than entries of a pinset')
}

/** Whether bytes are those of a text of ASCII alone. */
function isAscii(bytes: Uint8Array, text: string): boolean {
  if (bytes.length !== text.length) return false
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== text.charCodeAt(at)) return false
  return true
}

/** Clocks that follow each other: the first, and how many. */
export type Run = readonly [clock: number, length: number]

function writeDeletes(out: ByteWriter, deletes: readonly ItemId[]): void {
  writeRuns(out, runsOf(deletes))
}

/** The runs of ids of each client, the greatest client first, as Yjs has them. */
export function runsOf(ids: readonly ItemId[]): [client: number, runs: Run[]][] {
  const byClient = new Map<number, number[]>()
  for (const { client, clock } of ids) {
    const clocks = byClient.get(client)
    if (clocks === undefined) byClient.set(client, [clock])
    else clocks.push(clock)
  }
  return [...byClient]
    .sort(([a], [b]) => b - a)
    .map(([client, clocks]): [number, Run[]] => [client, toRuns(clocks)])
}

/** Runs of ids as Yjs writes what is deleted. */
export function writeRuns(
  out: ByteWriter,
  clients: readonly (readonly [client: number, runs: readonly Run[]])[],
): void {
  out.uint(clients.length)
  for (const [client, runs] of clients) {
    out.uint(client).uint(runs.length)
    for (const [clock, length] of runs) out.uint(clock).uint(length)
  }
}

/** Sorted runs of whole numbers. */
function toRuns(clocks: number[]): Run[] {
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
 * among them valid ones of Yjs that this program never writes, and for more deletions than `deletesMax`.
 */
export function decodeChange(update: Uint8Array, deletesMax: number = CHANGE_BOUNDS.deletes): Change {
  const input = new ByteReader(update)
  const writers = input.uint(1)
  const values: Uint8Array[] = []
  let client = 0
  let fromClock = 0
  if (writers === 1) {
    const count = input.uint(CHANGE_BOUNDS.values)
    client = input.uint()
    fromClock = input.uint(CLOCK_MAX)
    for (let index = 0; index < count; index++) {
      values.push(readItem(input, { client, clock: fromClock + index }))
    }
  }
  const deletes = readIds(input, deletesMax)
  input.end()
  return { client, fromClock, values, deletes }
}

/** Runs of ids, kept as runs: how many ids there are does not matter for the room they take. */
export type IdRuns = ReadonlyMap<number, readonly Run[]>

/** Runs as `writeRuns` wrote them, each client's ascending and apart. Throws `INVALID_ARGUMENT`. */
export function readRuns(input: ByteReader): IdRuns {
  const clients = new Map<number, Run[]>()
  const clientsCount = input.uint(input.left)
  for (let index = 0; index < clientsCount; index++) {
    const client = input.uint()
    const runs: Run[] = []
    let end = 0
    for (let left = input.uint(input.left); left > 0; left--) {
      const clock = input.uint(CLOCK_MAX)
      const length = input.uint(CLOCK_MAX)
      if (clock < end || clients.has(client))
        throw new ClusterError('INVALID_ARGUMENT', 'a list of entries of a pinset is not in order')
      runs.push([clock, length])
      end = clock + length
    }
    clients.set(client, runs)
  }
  return clients
}

/** Whether an id is in one of the runs. */
export function hasId(clients: IdRuns, { client, clock }: ItemId): boolean {
  const runs = clients.get(client) ?? []
  let from = 0
  let to = runs.length
  while (from < to) {
    const middle = (from + to) >> 1
    const [first, length] = runs[middle] ?? [0, 0]
    if (clock < first) to = middle
    else if (clock >= first + length) from = middle + 1
    else return true
  }
  return false
}

/** Ids as `writeRuns` wrote them, at most `max`. Throws `INVALID_ARGUMENT`. */
function readIds(input: ByteReader, max: number): ItemId[] {
  const deletes: ItemId[] = []
  const clients = input.uint(max)
  for (let index = 0; index < clients; index++) {
    const client = input.uint()
    const runs = input.uint(max)
    for (let run = 0; run < runs; run++) {
      const clock = input.uint(CLOCK_MAX)
      const length = input.uint(max - deletes.length)
      for (let offset = 0; offset < length; offset++) deletes.push({ client, clock: clock + offset })
    }
  }
  return deletes
}
